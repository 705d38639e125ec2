"""The file of a pool: size against error of possible encodings, and time to save and to load.

    python -m benchmarks.artifact [PHOTOS] [--quick] [--json FILE]

Images are drawn from the photos; sizes are those of 1,000.
"""

import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import Images, Row, photos_of, row_parser, seconds, show_rows
from gmmaug_plugin import fit
from gmmaug_plugin.artifact.encoding import psnr
from gmmaug_plugin.pool import Pool, load_model

N_IMAGES = 1000
ENCODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "JPEG, quality 95": ("jpeg", {"quality": 95, "optimize": True, "subsampling": "4:4:4"}),
    "WebP, quality 95": ("webp", {"quality": 95}),
    "WebP, lossless": ("webp", {"lossless": True}),
    "PNG": ("png", {}),
}
"""Other encodings of a pool's images."""


def size_rows(images: Images, folder: Path) -> list[Row]:
    """Megabytes of 1,000 images in a file and in other encodings, with the error of each."""
    rows = []
    for lossless in (False, True):
        path = folder / "size.safetensors"
        megabytes = Pool(images).save(path, lossless=lossless) * N_IMAGES / len(images) / 1e6
        name = f"{'lossless' if lossless else 'default'} file, {error(images, load_model(path).images)}"
        for other, (codec, options) in ENCODINGS.items():
            encoded = [encode(image, codec, options) for image in images]
            decoded = np.stack([decode(one) for one in encoded])
            size = sum(map(len, encoded)) * N_IMAGES / len(images) / 1e6
            rows.append(Row(name, megabytes, "MB", f"{other}, {error(images, decoded)}", size))
    return rows


def error(images: Images, decoded: Images) -> str:
    """Mean peak signal-to-noise ratio of the images."""
    ratio = float(np.mean([psnr(one, other) for one, other in zip(images, decoded, strict=True)]))
    return f"{ratio:.1f} dB" if np.isfinite(ratio) else "exact"


def time_rows(images: Images, n: int, folder: Path) -> list[Row]:
    """Seconds to save and to load images, and of Pillow for one image after another."""
    images = np.resize(images, (n, *images.shape[1:]))
    path = folder / "time.safetensors"
    pool = Pool(images)
    codec, options = ENCODINGS["JPEG, quality 95"]
    encoded = [encode(image, codec, options) for image in images]
    took = seconds(
        {
            "save": lambda: pool.save(path),
            "encode": lambda: [encode(image, codec, options) for image in images],
            "load": lambda: load_model(path),
            "decode": lambda: decode_all(encoded),
        }
    )
    return [
        Row(
            f"save {n:,} images, each checked",
            took["save"],
            "s",
            "Pillow, JPEG of quality 95",
            took["encode"],
        ),
        Row(f"load {n:,} images", took["load"], "s", "Pillow, JPEG of quality 95", took["decode"]),
    ]


def encode(image: Images, codec: str, options: dict[str, Any]) -> bytes:
    with BytesIO() as file:
        Image.fromarray(image).save(file, codec, **options)
        return file.getvalue()


def decode(encoded: bytes) -> Images:
    with Image.open(BytesIO(encoded)) as image:
        return np.asarray(image.convert("L"))


def decode_all(encoded: Sequence[bytes]) -> list[Images]:
    return [decode(one) for one in encoded]


def main() -> None:
    """Print the rows."""
    arguments = row_parser(__doc__).parse_args()
    photos = photos_of(arguments.photos, quick=arguments.quick)
    n_drawn, n_timed = (4, 20) if arguments.quick else (200, N_IMAGES)
    images = fit(photos, n_images=n_drawn, measure=False, quiet=True).images
    with tempfile.TemporaryDirectory() as folder:
        rows = size_rows(images, Path(folder)) + time_rows(images, n_timed, Path(folder))
    show_rows(
        f"Images of {photos.shape[1]} x {photos.shape[1]}, sizes for {N_IMAGES:,}", rows, arguments.json
    )


if __name__ == "__main__":
    main()
