"""Images as encoded bytes.

JPEG with one quantization step for all frequencies: at the same size, its error is 2 dB below that of JPEG's
own tables, which are made for eyes. Each image gets the coarsest step that keeps ``LEAST_PSNR``. PNG where no
gray level may change. WebP is at most a tenth smaller, reads half as fast, and stays below 45 dB in color.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gmmaug_plugin.artifact.container import ArtifactError
from gmmaug_plugin.threads import core_count

LEAST_PSNR = 45.0  # dB of every image in JPEG: a root mean square error of 1.43 gray levels
CODECS = ("jpeg", "png")
MAX_PIXEL_BYTES = 2**32  # of all images of a pool, decoded
_MAX_STEP = 16


def encode_images(images: NDArray[np.uint8], codec: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode images one by one.

    Args:
        images: uint8 (n, size, size) or (n, size, size, 3).
        codec: "jpeg" or "png" (lossless).

    Returns:
        The encoded images, concatenated, uint8 (bytes,); and their offsets, int64 (n + 1,).

    Raises:
        ArtifactError: The images take more than ``MAX_PIXEL_BYTES``.
    """
    _check_pixels(images.nbytes)
    encoded = _in_threads(_jpeg if codec == "jpeg" else lambda image: _encode(image, codec), images)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def decode_images(
    blob: NDArray[np.uint8], offsets: NDArray[np.int64], codec: str, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Decode the result of :func:`encode_images`.

    Args:
        blob: uint8 (bytes,).
        offsets: int64 (n + 1,), n at least 1.
        codec: "jpeg" or "png".
        shape: Shape of one image, (size, size) or (size, size, 3).

    Returns:
        uint8 (n, *shape).

    Raises:
        ArtifactError: Offsets do not ascend through the blob, or an image is damaged or of another size, mode
            or codec. The header of an image is checked before its pixels are decoded.
    """
    n_bytes = int(np.prod(shape))
    sizes = np.diff(offsets)
    # Twice the raw size is more than any encoder needs, and limits endless scans and comments.
    if offsets[0] != 0 or offsets[-1] != len(blob) or sizes.min() <= 0 or sizes.max() > 2 * n_bytes + 4096:
        raise ArtifactError(f"Offsets must ascend from 0 to {len(blob)}. Received: {offsets[:8].tolist()}…")
    _check_pixels(len(sizes) * n_bytes)
    images = np.empty((len(sizes), *shape), np.uint8)

    def decode(row: int) -> None:
        images[row] = _decode(blob[offsets[row] : offsets[row + 1]].tobytes(), codec, shape)

    _in_threads(decode, range(len(sizes)))
    return images


def psnr(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio in dB, 10 log10(255² / mean squared error); inf if equal."""
    error = float(np.square(images.astype(np.float64) - others).mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    """Return the smallest JPEG that keeps ``LEAST_PSNR``; if none does, the best one."""
    tries: dict[int, bytes] = {}

    def too_coarse(step: int) -> bool:
        options = {"qtables": [[step] * 64] * 2, "subsampling": "4:4:4"}
        try:
            tries[step] = _encode(image, "jpeg", optimize=True, **options)
        except OSError:
            # Optimized tables need the whole file in Pillow's buffer, which noise in color overflows.
            tries[step] = _encode(image, "jpeg", **options)
        return psnr(image, _decode(tries[step], "jpeg", image.shape)) < LEAST_PSNR

    step = max(1, bisect_left(range(1, _MAX_STEP + 1), True, key=too_coarse))
    return tries[step]


def _encode(image: NDArray[np.uint8], codec: str, **options: Any) -> bytes:
    with BytesIO() as encoded:
        Image.fromarray(image).save(encoded, codec, **options)
        return encoded.getvalue()


def _decode(encoded: bytes, codec: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    wanted = (codec.upper(), "L" if len(shape) == 2 else "RGB", (shape[1], shape[0]))
    try:
        # Opening reads the header only.
        with Image.open(BytesIO(encoded), formats=[codec]) as image:
            found = (image.format, image.mode, image.size)
            # A progressive JPEG may have thousands of scans: small to store, slow to decode.
            if found == wanted and "progressive" not in image.info:
                return np.asarray(image)
    except Exception as error:
        raise ArtifactError(f"An image is damaged. Received: {error!s:.200}") from error
    raise ArtifactError(f"An image must be {wanted}, not progressive. Received: {found}")


def _check_pixels(n_bytes: int) -> None:
    if n_bytes > MAX_PIXEL_BYTES:
        raise ArtifactError(f"Images must take at most {MAX_PIXEL_BYTES} bytes decoded. Received: {n_bytes}")


def _in_threads(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(min(8, core_count())) as threads:
        return list(threads.map(work, items))
