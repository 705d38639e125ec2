"""Photo files as cameras and programs write them, and what becomes of them."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from gmmaug_plugin.photos import load_photos


def scene(height: int = 48, width: int = 72) -> Image.Image:
    """A smooth color picture that no turn or flip maps onto itself."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    colors = np.stack([x, y**2, (1 - x) * y], axis=-1)
    return Image.fromarray(np.rint(255 * colors).astype(np.uint8))


def gray(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def png_header(path: Path, width: int, height: int) -> Path:
    """A PNG that promises a size and holds nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")))
    return path


def reasons(folder: Path, **options: object) -> dict[str, str]:
    return {photo.path: photo.reason for photo in load_photos(folder, image_size=8, **options).skipped}
