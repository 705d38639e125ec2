"""``gmmaug sample``, ``gmmaug export`` and ``gmmaug vary``: images as files."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.cli.running import (
    LabelOption,
    ModelFile,
    QuietOption,
    WorkersOption,
    check_folder,
    say,
    silent_libraries,
)
from gmmaug_plugin.photos import read_photo
from gmmaug_plugin.pictures import grid, save_png, write_class_folders


def sample_command(
    model: ModelFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PNG", help="The picture to write.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images.")] = 32,
    label: LabelOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; without one, every run differs.")] = None,
) -> None:
    """Write some images of the pool as one picture.

    Example: gmmaug sample flowers.safetensors -o grid.png
    """
    _check_png(output)
    pool = load_model(model)
    images, _ = pool.sample(n, label=label, seed=seed)
    _write_grid(images, output)


def export_command(
    model: ModelFile,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; empty or new.")],
    image_format: Annotated[
        str, typer.Option("--format", metavar="png|jpg|webp", help="Format of the image files.")
    ] = "png",
) -> None:
    """Write the pool's images as files, a folder for each class, for any framework.

    Example: gmmaug export flowers.safetensors synthetic/
    """
    pool = load_model(model)
    folder = folder.expanduser()
    n = write_class_folders(pool.images, pool.labels, pool.class_names, folder, image_format)
    say(f"Wrote {n} images to {folder}")


def vary_command(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo to re-render.")],
    photos: Annotated[
        Path, typer.Option("--photos", metavar="PHOTOS", help="Folder of photos to draw from.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PNG", help="The picture to write.")],
    strength: Annotated[
        float, typer.Option(help="How far from the photo's layout: 0.05 (near) to 1 (far).")
    ] = 0.5,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images.")] = 1,
    label: LabelOption = None,
    image_size: Annotated[int | None, typer.Option(help="Height and width, 16 to 512.")] = None,
    color: Annotated[bool, typer.Option("--color", help="Draw in color.")] = False,
    symmetry: Annotated[str, typer.Option(metavar="flip|none", help="Use mirrored photos, or not.")] = "flip",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all drawing.")] = 0,
    workers: WorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Re-render a photo: its layout, drawn from other photos of its class. The picture shows the photo first.

    Example: gmmaug vary photos/daisy/1.jpg --photos photos/ -n 8 -o varied.png
    """
    from gmmaug_plugin.fitting import vary

    _check_png(output)
    with silent_libraries():
        images = vary(
            photo,
            photos,
            label=label,
            n=n,
            strength=strength,
            seed=seed,
            workers=workers,
            quiet=quiet,
            image_size=image_size,
            color=color,
            symmetry=symmetry,
        )
    size = int(images.shape[1])
    original = read_photo(photo.expanduser(), image_size=size, color=color)
    _write_grid(np.concatenate([original[None], images]), output)


def _check_png(output: Path) -> None:
    if output.suffix.lower() != ".png" or output.is_dir():
        raise ValueError(f"The output must be a file named NAME.png. Received: {output}")
    check_folder(output)


def _write_grid(images: NDArray[np.uint8], output: Path) -> None:
    save_png(images[0] if len(images) == 1 else grid(images), output)
    say(f"Wrote {output}: {len(images)} image{'s' if len(images) > 1 else ''}")
