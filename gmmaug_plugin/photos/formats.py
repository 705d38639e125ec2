"""Formats of photo files: which ones are opened, and why a file cannot be read."""

import re
from contextlib import suppress
from importlib import import_module
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from gmmaug_plugin.photos.skipped import NOT_AN_IMAGE, PhotoError, printable, reason_of
from gmmaug_plugin.photos.tiff import NEEDED, has_tifffile, tiff_variant

# EPS and WMF start other programs, IPTC wraps another file, and of the others Pillow knows only the names.
_NEVER_OPENED = ("EPS", "WMF", "IPTC", "BUFR", "GRIB", "HDF5", "MPEG")
_SIGNED = (  # formats with signatures that no other file has
    *("AVIF", "BLP", "DDS", "GIF", "HEIF", "ICNS", "JPEG", "JPEG2000", "JXL", "PNG", "PSD", "QOI", "SUN"),
    *("TIFF", "WEBP", "XPM"),
)
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_PLUGINS = {"HEIF": "pillow_heif", "JXL": "pillow_jxl"}
_MENDS = {
    "HEIF": 'needs a plugin: pip install "gmmaug-plugin[heif]"',
    "JXL": "needs a plugin: pip install pillow-jxl-plugin",
    "AVIF": 'needs a newer Pillow: pip install "pillow>=11.3"',
}
_BEGINNINGS = {
    "JXL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "SVG": rb"\s*(<\?xml.{,200}\?>\s*)?(<!--.{,2000}-->\s*)?(<!DOCTYPE svg.{,500}>\s*)?<svg[\s>]",
    "PDF": rb"%PDF-",
    "DICOM": rb".{128}DICM",
    "OpenEXR": rb"v/1\x01",
    "Radiance HDR": rb"#\?(RADIANCE|RGBE)",
    "JPEG XR": rb"II\xbc\x01",
    "PAM": rb"P7\s",
    "MNG": rb"\x8a[MJ]NG\r\n",
    "XCF": rb"gimp xcf",
    "camera raw": rb"FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|\0MRM|....ftypcrx",
    "video": rb"....ftyp(iso|mp4|qt  |M4V|avc1|3gp)|RIFF....AVI |\x1aE\xdf\xa3",
}
_UNSUPPORTED = re.compile(
    "unsupported|unimplemented|not (yet )?(supported|implemented|available)|unable to determine|"
    "cannot read this",
    re.I,
)


def openers(contents: bytes, suffix: str) -> list[str]:
    """Names of the formats as which a file may be opened.

    These are all formats with a signature for which Pillow or a plugin has an opener, and the format of the
    suffix if it has no signature. Plugins for HEIF and JPEG XL are loaded when a file needs them.

    Args:
        contents: The file.
        suffix: Of its name, as ".jpg".

    Raises:
        PhotoError: A plugin is installed, but fails.
    """
    Image.init()
    other = _other(contents)
    if other in _PLUGINS and other not in Image.OPEN:
        _load_plugin(_PLUGINS[other], other)
    known = list(Image.OPEN.items())
    signed = [name for name, (_, accepts) in known if accepts and name not in _NEVER_OPENED]
    own = Image.EXTENSION.get(suffix.lower())
    unsigned = own in Image.OPEN and own not in (*signed, *_NEVER_OPENED) and not _is_text(contents)
    return [*signed, str(own)] if unsigned else signed


def _load_plugin(module: str, name: str) -> None:
    try:
        plugin = import_module(module)
        getattr(plugin, "register_heif_opener", lambda: None)()  # the other registers itself
    except Exception as error:  # nearly any, as of a library that does not fit
        if not (isinstance(error, ModuleNotFoundError) and error.name == module):
            raise PhotoError(f"{name}, and {module} fails: {printable(str(error)[:200])}") from error


def reason(contents: bytes, suffix: str, error: Exception) -> str:
    """Why a file is not used, in a few words, from the error that decoding it raised.

    The reason distinguishes files that are no image, formats that are not read, missing plugins, variants
    that Pillow cannot read, and damage.
    """
    if isinstance(error, PhotoError | MemoryError | Image.DecompressionBombError):
        return reason_of(error)
    name, other = _signature(contents, suffix), _other(contents)
    opened = not isinstance(error, UnidentifiedImageError)
    if not opened:
        if unread := _unread(name, other, contents):
            return unread
        error = _own_error(str(name), contents) or error
    variant = _variant(name, contents, error, opened)
    return f"{variant}, which Pillow cannot read" if variant else reason_of(error)


def _unread(name: str | None, other: str | None, contents: bytes) -> str | None:
    """Why files of this format are not read; None if they are read."""
    if other in _MENDS and other != name:
        return f"{other}, which {_MENDS[other]}"
    if name in _NEVER_OPENED or (name is None and other):
        return f"{name or other}, a format that is not read"
    if name is None:
        return NOT_AN_IMAGE
    accepts = Image.OPEN[name][1]
    if accepts and isinstance(accepts(contents[:16]), str):
        return f"{name}, which this build of Pillow cannot read"
    if name == "TIFF" and not has_tifffile():
        return f"TIFF, {NEEDED}; or damaged"
    return None


def _signature(contents: bytes, suffix: str) -> str | None:
    """The format by a file's signature, short ones only with the format's suffix; None for other text."""
    for name, (_, accepts) in list(Image.OPEN.items()):
        with suppress(Exception):  # some fail on short files
            trusted = name in (*_SIGNED, *_NEVER_OPENED) or name == Image.EXTENSION.get(suffix.lower())
            if (
                trusted
                and accepts
                and accepts(contents[:16])
                and (name in ("EPS", "XPM") or not _is_text(contents))
            ):
                return name
    return None


def jpeg_frame(contents: bytes) -> tuple[int, int, int] | None:
    """Marker, bits per sample and number of components of a JPEG's frame; None if it is damaged."""
    at = 2
    while contents[:2] == b"\xff\xd8" and contents[at : at + 1] == b"\xff" and at + 10 <= len(contents):
        marker, length = contents[at + 1], int.from_bytes(contents[at + 2 : at + 4])
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            bits, components = contents[at + 4], contents[at + 9]
            return (marker, bits, components) if length == 8 + 3 * components and 2 <= bits <= 16 else None
        at += 1 if marker == 0xFF else 2 + length
    return None


def _variant(name: str | None, contents: bytes, error: Exception, opened: bool) -> str | None:
    """Name a variant that an undamaged file has; None for damaged files."""
    if name == "TIFF":
        return tiff_variant(contents, opened)
    if name == "JPEG":
        return _jpeg_variant(contents)
    if name == "PNG":
        return "a PNG for iOS only" if contents[12:16] == b"CgBI" else None
    if (
        isinstance(error, NotImplementedError)
        or isinstance(error.__cause__, KeyError)
        or _UNSUPPORTED.search(str(error))
    ):
        return f"{name or 'a format'} of a variant ({printable(str(error)[:200])})"
    return None


def _jpeg_variant(contents: bytes) -> str | None:
    marker, bits, components = jpeg_frame(contents) or (0xC0, 8, 3)
    variants = {
        "a JPEG-LS": marker == 0xF7,
        f"a JPEG of {bits} bits": bits != 8,
        f"a JPEG of {components} channels": components not in (1, 3, 4),
        "a hierarchical JPEG": marker in (0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF),
    }
    return next((variant for variant, holds in variants.items() if holds), None)


def _own_error(name: str, contents: bytes) -> Exception | None:
    """The error that Pillow hides behind "cannot identify"."""
    try:
        Image.OPEN[name][0](BytesIO(contents), "")
    except Exception as error:  # nearly any kind
        return error
    return None


def _other(contents: bytes) -> str | None:
    """A format that Pillow has no opener for, by the beginning of the file."""
    if contents[4:8] == b"ftyp":
        box = contents[8 : min(int.from_bytes(contents[:4]), 200)]
        brands = {box[at : at + 4] for at in range(0, len(box), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF:
            return "HEIF"
    return next(
        (name for name, start in _BEGINNINGS.items() if re.match(start, contents[:4096], re.DOTALL)), None
    )


def _is_text(contents: bytes) -> bool:
    """Whether a file begins without control characters and 0xFF, which binary formats have and texts lack."""
    return not re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\xff]", contents[:1000])
