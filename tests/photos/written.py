"""Photos written to a folder, the plainest TIFF files, and the photos that a read skips."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from gmmaug_plugin.photos import load_photos


def write_photos(folder: Path, *names: str) -> list[Path]:
    """Write photos of 6 x 4 pixels, of gray levels 10, 20, … in the order of their names."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths, 1):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 4), 10 * number).save(path, "PNG")
    return paths


def png_file(width: int, height: int, bits: int, kind: int, rows: bytes, clear: bytes = b"") -> bytes:
    """A PNG file of rows that each begin with their filter, and its transparent color."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))]
    chunks += [(b"tRNS", clear)] * bool(clear) + [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    sums = [struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks]
    parts = [
        struct.pack(">I", len(data)) + name + data + crc
        for (name, data), crc in zip(chunks, sums, strict=True)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(numbers: np.ndarray, bits: int, order: str = "<", **tags: int) -> bytes:
    """The file of an uncompressed gray TIFF.

    Args:
        numbers: (height, width), (height, width, samples), or with ``t284=2`` (samples, height, width).
            Packed where ``bits`` are no whole bytes.
        bits: Per sample.
        order: Of bytes, "<" or ">".
        tags: Other tags by number, as ``t262=0``.
    """
    planar = tags.get("t284") == 2
    planes = numbers if planar else np.atleast_3d(numbers)[np.newaxis]
    height, width = planes.shape[1:3]
    data = numbers.astype(numbers.dtype.newbyteorder(order)).tobytes()
    if bits % 8:
        digits = planes.reshape(len(planes) * height, -1, 1) >> np.arange(bits)[::-1] & 1
        data = np.packbits(digits.reshape(len(digits), -1), axis=1).tobytes()
    length = len(data) // len(planes)
    values: dict[int, tuple[int, ...]] = {
        **{256: (width,), 257: (height,), 258: (bits,), 259: (1,), 262: (1,), 278: (height,)},
        **{273: tuple(range(8, 8 + len(data), length)), 277: (len(planes) if planar else planes.shape[-1],)},
        **{279: (length,) * len(planes)},
        **{int(name[1:]): (value,) for name, value in tags.items()},
    }
    entries, beyond, end = b"", b"", 8 + len(data) + 2 + 12 * len(values) + 4
    for tag in sorted(values):
        packed = struct.pack(f"{order}{len(values[tag])}I", *values[tag])
        entries += struct.pack(f"{order}HHI", tag, 4, len(values[tag]))
        entries += packed if len(packed) == 4 else struct.pack(f"{order}I", end + len(beyond))
        beyond += packed if len(packed) > 4 else b""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8 + len(data))
    return head + data + struct.pack(f"{order}H", len(values)) + entries + bytes(4) + beyond


def reasons(folder: Path) -> dict[str, str]:
    return {photo.path: photo.reason for photo in load_photos(folder, image_size=8, quiet=True).skipped}
