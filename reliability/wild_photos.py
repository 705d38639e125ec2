"""Files as they lie about: every format and mode, and files made to be slow, huge or false."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

USED, EITHER = "used", "either"
ORIENTATION = 0x0112


@dataclass(frozen=True)
class WildFile:
    """A file that may be a photo.

    Attributes:
        name: Its name.
        content: Its bytes.
        expected: :data:`USED`, :data:`EITHER`, or a pattern of the reason it is skipped for.
    """

    name: str
    content: bytes
    expected: str = USED


def scene(width: int = 24, height: int = 18) -> Image.Image:
    """A smooth color picture that no turn or flip maps onto itself."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    colors = np.stack([x, y**2, (1 - x) * y], axis=-1)
    return Image.fromarray(np.rint(255 * colors).astype(np.uint8))


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    """A picture as the bytes of a file."""
    stream = io.BytesIO()
    # Pillow leaves marks on what it has saved, by which it then fails to save it in another format.
    image.copy().save(stream, file_format, **options)
    return stream.getvalue()


_COLOR, _GRAY = scene(), scene().convert("L")
_PALETTE = _COLOR.convert("P")
_CLEAR = Image.merge("RGBA", (*_COLOR.split(), _GRAY))
_WIDE = Image.fromarray(np.asarray(_GRAY).astype(np.uint16) * 257)
_UNIT = Image.fromarray(np.asarray(_GRAY).astype(np.float32) / 255)
_SEVERAL = {"save_all": True, "append_images": [ImageOps.invert(_COLOR), ImageOps.mirror(_COLOR)]}
_WRITTEN: tuple[tuple[str, Image.Image, str, dict[str, Any]], ...] = (
    ("baseline.jpg", _COLOR, "JPEG", {}),
    ("progressive.jpg", _COLOR, "JPEG", {"progressive": True}),
    ("gray.jpg", _GRAY, "JPEG", {}),
    ("cmyk.jpg", _COLOR.convert("CMYK"), "JPEG", {}),
    ("thinned.jpg", _COLOR, "JPEG", {"subsampling": 2, "quality": 10}),
    ("restarts.jpg", _COLOR, "JPEG", {"restart_marker_blocks": 1}),
    ("several.mpo", _COLOR, "MPO", {"save_all": True, "append_images": [scene()]}),
    ("color.png", _COLOR, "PNG", {}),
    ("clear.png", _CLEAR, "PNG", {}),
    ("gray_clear.png", _CLEAR.convert("LA"), "PNG", {}),
    ("palette.png", _PALETTE, "PNG", {"transparency": bytes(range(256))}),
    ("palette_2_bits.png", _COLOR.quantize(4), "PNG", {"bits": 2}),
    ("wide.png", _WIDE, "PNG", {}),
    ("moving.png", _COLOR, "PNG", _SEVERAL),
    *(
        (f"{one}.tif", _COLOR, "TIFF", {"compression": one})
        for one in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    ),
    ("fax.tif", _COLOR.convert("1"), "TIFF", {"compression": "group4"}),
    ("wide.tif", _WIDE, "TIFF", {}),
    ("unit.tif", _UNIT, "TIFF", {}),
    ("big_endian.tif", Image.fromarray(np.asarray(_WIDE).astype(">u2")), "TIFF", {}),
    ("pages.tif", _COLOR, "TIFF", _SEVERAL),
    ("big.tif", _COLOR, "TIFF", {"big_tiff": True}),
    ("lossy.webp", _COLOR, "WEBP", {}),
    ("lossless.webp", _CLEAR, "WEBP", {"lossless": True}),
    ("moving.webp", _COLOR, "WEBP", _SEVERAL),
    ("clear.gif", _PALETTE, "GIF", {"transparency": 3}),
    ("moving.gif", _COLOR, "GIF", _SEVERAL),
    ("color.bmp", _COLOR, "BMP", {}),
    ("palette.bmp", _PALETTE, "BMP", {}),
    ("gray.pgm", _GRAY, "PPM", {}),
    ("color.ppm", _COLOR, "PPM", {}),
    ("unit.pfm", _UNIT, "PPM", {}),
    ("color.jp2", _COLOR, "JPEG2000", {}),
    ("color.avif", _COLOR, "AVIF", {"speed": 10}),
    ("really_png.jpg", _COLOR, "PNG", {}),
    ("really_webp.txt", _COLOR, "WEBP", {}),
    ("without_extension", _COLOR, "JPEG", {}),
)


def pictures() -> Iterator[WildFile]:
    """Sound photos in every format that is read, and in the modes and kinds of coding that each has."""
    for name, image, file_format, options in _WRITTEN:
        yield WildFile(name, encoded(image, file_format, **options))
    for bits in (1, 2, 4):
        yield WildFile(f"gray_{bits}_bits.png", png_of_bits(np.asarray(_GRAY) >> (8 - bits), bits))
    yield WildFile("interlaced.png", interlaced_png(np.asarray(_GRAY)))
    yield WildFile("text.pgm", b"P2\n# a text\n3 2\n9\n0 1 2\n7 8 9\n")
    yield WildFile("tiles.tif", tiff(tile_tags(16, 16), bytes(range(256)) * 2))
    for width, height in ((1, 1), (20000, 10), (10, 20000), (1, 16000)):
        yield WildFile(f"{width}x{height}.png", encoded(Image.new("L", (width, height), 90), "PNG"))
        yield WildFile(f"{width}x{height}.jpg", encoded(Image.new("RGB", (width, height), "red"), "JPEG"))


def turned() -> Iterator[WildFile]:
    """The scene as cameras keep it: eight orientations, each told by its EXIF tag."""
    upright = np.asarray(scene())
    across = upright.transpose(1, 0, 2)
    # Where the scene's top left lies on the sensor, for each value of the tag.
    seen = [
        *(upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1]),
        *(across, across[::-1], across[::-1, ::-1], across[:, ::-1]),
    ]
    for orientation, pixels in enumerate(seen, 1):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        image = Image.fromarray(np.ascontiguousarray(pixels))
        for file_format in ("JPEG", "PNG", "WEBP", "TIFF"):
            name = f"turned_{orientation}.{file_format.lower()}"
            yield WildFile(name, encoded(image, file_format, exif=exif))


def impostors() -> Iterator[WildFile]:
    """Files that are no photos, whatever they are called."""
    texts = {
        "drawing.svg": "<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>",
        "page.jpg": "<!DOCTYPE html><title>404 Not Found</title>",
        "post.jpg": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "paper.jpg": "%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n",
        "script.png": "import os\nos.system('echo hello')\n",
        "bitmap.xbm": "#define x_width 8\n#define x_height 1\nstatic char x_bits[] = {0x3c};\n",
        "note.txt": "not a picture",
    }
    for name, text in texts.items():
        yield WildFile(name, text.encode(), "^not an image$")
    yield WildFile("empty.jpg", b"", "^empty file$")
    yield WildFile("zeros.jpg", bytes(4096), "^not an image$")
    yield WildFile("zip.jpg", b"PK\x03\x04" + bytes(60), "^not an image$")
    yield WildFile("icon.ico", encoded(scene(16, 16), "ICO"), "^not an image$")
    yield WildFile("start.jpg", b"\xff\xd8\xff\xe0", "^not an image$")
    yield WildFile("start.png", b"\x89PNG\r\n\x1a\n", "^not an image$|^broken image")
    yield WildFile("half.jpg", encoded(scene(), "JPEG")[:500], "^broken image|^not an image$")
    yield WildFile("half.png", encoded(scene(), "PNG")[:60], "^broken image")


def bombs() -> Iterator[WildFile]:
    """Small files that ask for much memory or for hours."""
    many, pieces = "^more than 100 million pixels", "^in far too many pieces$"
    packed = zlib.compress(bytes(200_000_000), 9)
    yield WildFile("60000x60000.png", png(60_000, 60_000, b"\0"), many)
    yield WildFile("12000x10000.png", png(12_000, 10_000, b"\0"), many)
    yield WildFile("full.gif", _gif_header(65535, 65535) + encoded(scene(), "GIF")[13:], many)
    yield WildFile("vast.pgm", b"P5\n999999999 999999999\n255\n0", many)
    yield WildFile("digits.pgm", b"P5\n" + b"9" * 5000 + b" 1\n255\n0", "^not an image$|^broken image")
    for keyword, name in ((b"zTXt", "text"), (b"iCCP", "profile")):
        extra = chunk(keyword, b"bomb\0\0" + packed)
        yield WildFile(f"{name}.png", png(8, 8, bytes(72), extra=extra), EITHER)
    yield WildFile("more.png", png(8, 8, bytes(20_000_000)), EITHER)
    yield WildFile(
        "pieces.png", png(8, 8, bytes(72), extra=chunk(b"abCd", b"") * 400_000), "^in far too many pieces$"
    )
    yield WildFile("padding.jpg", b"\xff\xd8" + b"\xff" * 2_000_000, pieces)
    yield WildFile("scans.jpg", jpeg_of_scans(2000, 2000, 500), "^more than 100 scans$")
    strip = {273: 8, 278: 2**32 - 1, 279: 2**32 - 1}
    yield WildFile("strip.tif", tiff({256: 16, 257: 16, **strip}, bytes(256)), EITHER)
    yield WildFile("vast.tif", tiff({256: 2**31 - 1, 257: 2**31 - 1, **strip}, bytes(256)), many)
    yield WildFile("huge_tiles.tif", tiff(tile_tags(65520, 65520), bytes(512)), EITHER)
    yield WildFile("ring.tif", tiff_ring(), EITHER)


def all_files() -> list[WildFile]:
    """All of these, each name once."""
    parts = (pictures(), turned(), impostors(), bombs())
    return [file for part in parts for file in part]


def chunk(name: bytes, data: bytes) -> bytes:
    """A piece of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, rows: bytes, *, bits: int = 8, interlaced: bool = False, extra: bytes = b""
) -> bytes:
    """A gray PNG, whatever its header promises."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, int(interlaced))
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data


def png_of_bits(values: np.ndarray, bits: int) -> bytes:
    """A gray PNG of 1, 2 or 4 bits a pixel."""
    per_byte = 8 // bits
    height, width = values.shape
    padded = np.pad(values, ((0, 0), (0, -width % per_byte))).astype(np.uint8)
    parts = padded.reshape(height, -1, per_byte) << (np.arange(per_byte)[::-1] * bits).astype(np.uint8)
    packed = np.pad(np.bitwise_or.reduce(parts, axis=2), ((0, 0), (1, 0)))
    return png(width, height, packed.tobytes(), bits=bits)


def interlaced_png(pixels: np.ndarray) -> bytes:
    """A gray PNG in the seven passes of Adam7."""
    starts = ("0088", "0488", "4084", "0244", "2042", "0122", "1021")
    passes = [pixels[top::down, left::right] for top, left, down, right in (map(int, one) for one in starts)]
    rows = b"".join(np.pad(part, ((0, 0), (1, 0))).tobytes() for part in passes if part.size)
    return png(pixels.shape[1], pixels.shape[0], rows, interlaced=True)


def jpeg_of_scans(width: int, height: int, n: int) -> bytes:
    """A progressive JPEG whose last scan comes n times: each visits all pixels and changes none."""
    content = encoded(Image.new("L", (width, height), 128), "JPEG", progressive=True)
    last = content.rfind(b"\xff\xda")
    return content[:last] + content[last:-2] * n + content[-2:]


def tile_tags(width: int, height: int) -> dict[int, int]:
    """Tags of a TIFF of 16 x 16 pixels in one tile."""
    return {256: 16, 257: 16, 322: width, 323: height, 324: 8, 325: 256}


def tiff(tags: dict[int, int], data: bytes) -> bytes:
    """A gray TIFF: data at byte 8, then the directory of its tags."""
    tags = {258: 8, 259: 1, 262: 1, 277: 1, **tags}
    if 322 not in tags:
        tags = {273: 8, 278: tags[257], 279: len(data), **tags}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items())]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def tiff_ring() -> bytes:
    """A TIFF whose directory names itself as the next page."""
    content = tiff({256: 16, 257: 16}, bytes(256))
    return content[:-4] + struct.pack("<I", 8 + 256)


def _gif_header(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, encoded(scene(), "GIF")[10], 0, 0)
