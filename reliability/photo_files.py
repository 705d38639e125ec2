"""A corpus of photo files for tests and fuzzing: usable ones of every format and mode, and unusable ones."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

ORIENTATION = 0x0112
"""The EXIF tag of a camera's orientation."""


def scene(width: int = 24, height: int = 18) -> Image.Image:
    """Return a smooth color picture that no rotation or reflection maps onto itself."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    colors = np.stack([x, y**2, (1 - x) * y], axis=-1)
    return Image.fromarray(np.rint(255 * colors).astype(np.uint8))


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    """Return the bytes of a file of a picture."""
    stream = io.BytesIO()
    # A copy, since Pillow leaves marks on a saved image that then break saving in another format.
    image.copy().save(stream, file_format, **options)
    return stream.getvalue()


COLOR, GRAY = scene(), scene().convert("L")
PALETTE = COLOR.convert("P")
PALETTE_CLEAR = PALETTE.copy()
PALETTE_CLEAR.info["transparency"] = bytes(range(256))
CLEAR = Image.merge("RGBA", (*COLOR.split(), GRAY))
WIDE = Image.fromarray(np.asarray(GRAY).astype(np.uint16) * 257)
UNIT = Image.fromarray(np.asarray(GRAY).astype(np.float32) / 255)
LAB = ImageCms.profileToProfile(
    COLOR, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
)
_FRAMES = {"save_all": True, "append_images": [ImageOps.invert(COLOR), ImageOps.mirror(COLOR)]}

_ALL: tuple[tuple[str, Image.Image, str, dict[str, Any]], ...] = (
    ("baseline.jpg", COLOR, "JPEG", {}),
    ("progressive.jpg", COLOR, "JPEG", {"progressive": True}),
    ("gray.jpg", GRAY, "JPEG", {}),
    ("cmyk.jpg", COLOR.convert("CMYK"), "JPEG", {}),
    ("subsampled.jpg", COLOR, "JPEG", {"subsampling": 2, "quality": 50}),
    ("several.mpo", COLOR, "MPO", {"save_all": True, "append_images": [COLOR]}),
    ("color.png", COLOR, "PNG", {}),
    ("clear.png", CLEAR, "PNG", {}),
    ("gray_clear.png", CLEAR.convert("LA"), "PNG", {}),
    ("black_and_white.png", COLOR.convert("1"), "PNG", {}),
    ("palette.png", PALETTE, "PNG", {}),
    ("palette_clear.png", PALETTE_CLEAR, "PNG", {}),
    ("palette_2_bits.png", COLOR.quantize(4), "PNG", {"bits": 2}),
    ("wide.png", WIDE, "PNG", {}),
    ("moving.png", COLOR, "PNG", _FRAMES),
    *(
        (f"{one}.tif", COLOR, "TIFF", {"compression": one})
        for one in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    ),
    ("fax.tif", COLOR.convert("1"), "TIFF", {"compression": "group4"}),
    ("cmyk.tif", COLOR.convert("CMYK"), "TIFF", {}),
    ("wide.tif", WIDE, "TIFF", {}),
    ("big_endian.tif", Image.fromarray(np.asarray(WIDE).astype(">u2")), "TIFF", {}),
    ("unit.tif", UNIT, "TIFF", {}),
    ("pages.tif", COLOR, "TIFF", _FRAMES),
    ("big.tif", COLOR, "TIFF", {"big_tiff": True}),
    ("lossy.webp", COLOR, "WEBP", {}),
    ("lossless.webp", CLEAR, "WEBP", {"lossless": True, "exact": True}),
    ("moving.webp", COLOR, "WEBP", _FRAMES),
    ("palette.gif", PALETTE, "GIF", {}),
    ("moving.gif", COLOR, "GIF", _FRAMES),
    ("color.bmp", COLOR, "BMP", {}),
    ("palette.bmp", PALETTE, "BMP", {}),
    ("gray.pgm", GRAY, "PPM", {}),
    ("color.ppm", COLOR, "PPM", {}),
    ("color.jp2", COLOR, "JPEG2000", {}),
    ("color.avif", COLOR, "AVIF", {"speed": 10}),
    *((f"color.{one}", COLOR, one.upper(), {}) for one in ("tga", "pcx", "sgi", "dds", "qoi")),
    ("gray.tga", GRAY, "TGA", {"compression": "tga_rle"}),
    ("line.msp", COLOR.convert("1"), "MSP", {}),
    ("line.xbm", COLOR.convert("1"), "XBM", {}),
    ("palette.blp", PALETTE, "BLP", {}),
    ("icon.ico", COLOR, "ICO", {"sizes": [COLOR.size]}),
    ("lab.tif", LAB, "TIFF", {}),
    ("really_png.jpg", COLOR, "PNG", {}),
    ("really_webp.txt", COLOR, "WEBP", {}),
    ("without_extension", COLOR, "JPEG", {}),
    *((f"{w}x{h}.png", Image.new("L", (w, h), 90), "PNG", {}) for w, h in ((1, 1), (20000, 10), (10, 20000))),
    *((f"{w}x{h}.jpg", Image.new("RGB", (w, h), "red"), "JPEG", {}) for w, h in ((1, 1), (20000, 10))),
)
Image.init()
USABLE = tuple(row for row in _ALL if row[2] in Image.SAVE)
"""Name, picture, format and options of saving, as far as this Pillow can save it."""


def turned(orientation: int, file_format: str) -> bytes:
    """Return a file of the scene as a camera stores it that is held in an orientation, 1..8."""
    upright = np.asarray(scene())
    across = upright.transpose(1, 0, 2)
    # The place of the scene's top left corner on the sensor, for each value of the EXIF tag.
    seen = (
        *(upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1]),
        *(across, across[::-1], across[::-1, ::-1], across[:, ::-1]),
    )[orientation - 1]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(Image.fromarray(np.ascontiguousarray(seen)), file_format, exif=exif)


def png(width: int, height: int, *, extra: bytes = b"") -> bytes:
    """Return a gray PNG whose header promises a size, with a further chunk and nearly no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(b"\0")) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + extra + pixels


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


_TEXTS = {
    "page.jpg": "<!DOCTYPE html><title>404 Not Found</title>",
    "header.h": "#define x_width wide\n",
    "cars.bmp": "BMW and others",
    "patients.pgm": "P2 the second patient",
    "note.txt": "not a picture",
    "note.tga": "not a picture",
    "line\nbreak.jpg": "x",
}

UNUSABLE: dict[str, tuple[bytes, str]] = {
    **{name: (text.encode(), "^not an image$") for name, text in _TEXTS.items()},
    "drawing.svg": (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "^SVG, a format that"),
    "post.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "^EPS, a format that is not read$"),
    "paper.jpg": (b"%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n", "^PDF, a format that is not read$"),
    "empty.jpg": (b"", "^empty file$"),
    "zeros.jpg": (bytes(4096), "^not an image$"),
    "zip.jpg": (b"PK\x03\x04" + bytes(60), "^not an image$"),
    "start.jpg": (b"\xff\xd8\xff\xe0", "^broken image"),
    "start.png": (b"\x89PNG\r\n\x1a\n", "^broken image"),
    "half.jpg": (encoded(COLOR, "JPEG")[:700], "^broken image: .*truncated"),
    "half.png": (encoded(COLOR, "PNG")[:60], "^broken image"),
    "flat.png": (png(30, 30), "^broken image"),
    "large.png": (png(12_000, 10_000), r"^more than 100 million pixels: 12000 x 10000 \(width x height\)$"),
    "vast.png": (png(60_000, 60_000), "^more than 100 million pixels$"),
    "vast.pgm": (b"P5\n999999999 999999999\n255\n0", "^more than 100 million pixels"),
    "digits.pgm": (b"P5\n" + b"9" * 5000 + b" 1\n255\n0", "^not an image$"),
    "text.png": (
        png(8, 8, extra=_chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(9_000_000), 9))),
        "^broken image",
    ),
}
"""Contents and a pattern of the reason, by name."""
