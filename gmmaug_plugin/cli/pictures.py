"""``gmmaug sample`` and ``gmmaug vary``: images of a model as PNG files."""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.cli.running import LabelOption, ModelFile, SeedOption, check_folder, say
from gmmaug_plugin.images import read_photo
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.pictures import grid, save_png

_UNSAFE = r"[^\w.-]+"
"""What a class or a photo may be called but not every file."""


def sample_command(
    model: ModelFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A PNG file for a grid, or a folder for single images.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images.")] = 32,
    label: LabelOption = None,
    strength: Annotated[
        float | None,
        typer.Option(
            help="How far to move from the model's templates, if it has some; its own if not given."
        ),
    ] = None,
    seed: SeedOption = None,
) -> None:
    """Draw new images."""
    loaded = load_model(model)
    images, labels = loaded.sample(n, label=_label(loaded, label), strength=strength, seed=seed)
    names = [f"{index:05d}" for index in range(n)]
    if labels is not None:
        names = [f"{name}_{loaded.class_names[k]}" for name, k in zip(names, labels, strict=True)]
    _write_pictures(images, names, output)


def vary_command(
    model: ModelFile,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo to vary.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A PNG file (a grid for several), or a folder.")
    ],
    strength: Annotated[
        float | None,
        typer.Option(help="0 gives the photo back, 1 a fresh draw; the model's own if not given."),
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of variations.")] = 1,
    label: LabelOption = None,
    seed: SeedOption = None,
) -> None:
    """Vary a photo; the result has the photo's own size."""
    loaded = load_model(model)
    original = read_photo(photo)
    copies = np.repeat(original[None], n, axis=0)
    varied = loaded.vary(copies, strength=strength, label=_label(loaded, label), seed=seed)
    _write_pictures(varied, [f"{photo.stem}_{index:05d}" for index in range(n)], output)


def _label(model: ImageModel, text: str | None) -> int | str | None:
    """A class by name, or by number where no class has that name."""
    if text is None or text in model.class_names or not text.isdecimal():
        return text
    return int(text)


def _write_pictures(images: NDArray[np.uint8], names: list[str], output: Path) -> None:
    """Write one PNG, or a folder of them when the output is a folder or has no .png name."""
    if output.suffix.lower() == ".png" and not output.is_dir():
        check_folder(output)
        save_png(images[0] if len(images) == 1 else grid(images), output)
        say(f"Wrote {output}: {len(images)} image{'s' if len(images) > 1 else ''}")
        return
    if output.suffix and not output.is_dir():
        raise ValueError(f"The output must be a .png file or a folder. Received: {output}")
    output.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, names, strict=True):
        save_png(image, output / f"{re.sub(_UNSAFE, '_', name)}.png")
    say(f"Wrote {len(images)} images to {output}")
