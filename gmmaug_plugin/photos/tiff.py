"""TIFF files of more than 8 bits per sample, signed or floats, read by their own tags.

tifffile decodes them where it is installed; Pillow alone decodes gray of 12, 16 and 32 bits.
"""

import io
import logging
import math
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from gmmaug_plugin.photos.deep import DeepPhoto, Kind, deep_photo
from gmmaug_plugin.photos.skipped import PhotoError, check_pixels, printable

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2  # photometric interpretations
_SIGNED, _FLOAT = 2, 3  # sample formats
_PREMULTIPLIED, _ALPHA = 1, 2  # kinds of further samples
_MOST_SAMPLES = 8  # more would need far more memory than other photos
_BITS, _COMPRESSION, _COLORS, _FORMAT, _ORIENTATION = 258, 259, 262, 339, 274  # tags
NEEDED = 'a kind that needs: pip install "gmmaug-plugin[tiff]"'

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # without a handler, Python prints log lines


def read_deep(contents: bytes, *, color: bool) -> DeepPhoto | None:
    """Read a deep photo with tifffile; None for files to leave to Pillow.

    Raises:
        PhotoError: It has too many pixels, or numbers that are not finite.
        Exception: The file is damaged; tifffile raises nearly any kind.
    """
    page = _first_page(contents)
    if page is None or page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        return None
    n_colors = 3 if page.photometric == _RGB else 1
    bits, samples = page.bitspersample, page.samplesperpixel
    # Pillow reads those right, except gray with further samples in planes of their own.
    of_bytes = bits in (1, 2, 4, 8) and page.sampleformat != _SIGNED
    of_bytes = of_bytes and (page.planarconfig == 1 or n_colors == 3)
    readable = page.dtype is not None and page.dtype.kind in "uif" and n_colors <= samples <= _MOST_SAMPLES
    if of_bytes or not readable or not isinstance(bits, int) or _COLORS not in page.tags:
        return None
    check_pixels(page.imagewidth, page.imagelength)
    if not _is_complete(page, contents):  # tifffile fills gaps with zeros
        raise ValueError("some of its pixels are missing")
    numbers = page.asarray()
    if samples > 1 and page.planarconfig != 1:
        numbers = np.moveaxis(numbers, 0, -1)
    numbers = numbers.reshape(page.imagelength, page.imagewidth, samples)
    kind = _kind(bits, page.sampleformat, page.photometric)
    extra = (*page.extrasamples, _ALPHA if n_colors == 3 else 0)[0]
    has_alpha = samples > n_colors and extra in (_PREMULTIPLIED, _ALPHA)
    return deep_photo(
        numbers[..., :3] if n_colors == 3 else numbers[..., 0],
        kind,
        color=color,
        alpha=numbers[..., n_colors] / kind.white if has_alpha else None,
        premultiplied=extra == _PREMULTIPLIED,
        orientation=page.tags.valueof(_ORIENTATION, 1),
    )


def pillow_numbers(image: TiffImagePlugin.TiffImageFile) -> tuple[NDArray[Any], Kind]:
    """Numbers of a gray file that Pillow has opened, (height, width), and their meaning.

    Raises:
        PhotoError: Pillow mistakes the numbers.
    """
    tags = image.tag_v2
    if image.mode != "I;16" and tags.prefix == b"MM" and tags.get(_COMPRESSION, 1) != 1:
        raise PhotoError(f"TIFF, {NEEDED}")  # Pillow swaps their bytes twice
    numbers = np.asarray(image)
    bits, sample_format = (tags.get(tag, (1,))[0] for tag in (_BITS, _FORMAT))
    if numbers.dtype.kind == "i" and sample_format == 1:
        numbers = numbers.view(f"u{numbers.itemsize}")
    return numbers, _kind(bits, sample_format, tags.get(_COLORS, _BLACK_IS_ZERO))


def tiff_variant(contents: bytes, opened: bool) -> str | None:
    """Name a sound file that cannot be read; None for a damaged one.

    Args:
        contents: The file.
        opened: Whether Pillow has understood its header.
    """
    page = _first_page(contents)
    if page is None:
        return None
    by_pillow = opened and page.compression in TiffImagePlugin.COMPRESSION_INFO
    known = isinstance(page.compression, int)  # damaged tags hold anything
    if (
        by_pillow
        or not known
        or not _is_complete(page, contents)
        or not {_BITS, _COLORS} <= {*page.tags.keys()}
    ):
        return None
    sign = {_SIGNED: "signed ", _FLOAT: "float "}.get(page.sampleformat, "")
    names = [getattr(one, "name", str(one)) for one in (page.photometric, page.compression)]
    bits = f"{sign}{str(page.bitspersample)[:40]} bits per sample"
    return printable(f"a TIFF of {bits}, color space {names[0][:40]}, compression {names[1][:40]}")


def _kind(bits: int, sample_format: int, photometric: int) -> Kind:
    inverted, signed = photometric == _WHITE_IS_ZERO, sample_format == _SIGNED
    if sample_format == _FLOAT:
        return Kind("floats", 1, inverted)
    return Kind(f"{'signed ' * signed}{bits} bits", 2.0 ** (bits - signed) - 1, inverted)


def _is_complete(page: Any, contents: bytes) -> bool:
    """Whether the file holds every strip or tile."""
    with suppress(Exception):  # damaged tags hold anything
        if page.imagewidth * page.imagelength == 0:
            return False
        if page.is_contiguous:
            return bool(0 < page.dataoffsets[0] <= len(contents) - page.nbytes)
        places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        complete = len(places) >= math.prod(page.chunked)
        return complete and all(0 < at < at + n <= len(contents) for at, n in places)
    return False


def _first_page(contents: bytes) -> Any:
    """The first picture of a TIFF file as tifffile's ``TiffPage``; None for other and damaged files."""
    if contents[:2] in (b"II", b"MM") and has_tifffile():
        from tifffile import TiffFile

        with suppress(Exception):  # nearly any, for damaged tags
            return TiffFile(io.BytesIO(contents)).pages.first
    return None


def has_tifffile() -> bool:
    """Whether TIFF files of all kinds can be decoded: the extra ``tiff`` is installed."""
    try:
        import imagecodecs  # noqa: F401
        import tifffile  # noqa: F401
    except ImportError:
        return False
    return True
