"""Commands that read a pool's file: ``gmmaug sample``, ``gmmaug export`` and ``gmmaug inspect``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gmmaug_plugin.artifact import describe
from gmmaug_plugin.cli import common
from gmmaug_plugin.photos import printable
from gmmaug_plugin.pictures import write_class_folders
from gmmaug_plugin.pool import load_model


def sample_command(
    model: common.ModelFile,
    output: common.PictureOutput,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images.")] = 32,
    label: common.LabelOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed. \\[default: every run differs]")] = None,
) -> None:
    """Write some images of the pool as one picture.

    Example: gmmaug sample flowers.safetensors -o grid.png
    """
    output = common.check_output(output, suffix=".png")
    images, _ = load_model(model).sample(n, label=label, seed=seed)
    common.write_grid(images, output)


def export_command(
    model: common.ModelFile,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; empty or new.")],
    image_format: Annotated[
        str, typer.Option("--format", metavar="png|jpg|webp", help="Format of the image files.")
    ] = "png",
) -> None:
    """Write the pool's images as files, a folder for each class, for any framework.

    Example: gmmaug export flowers.safetensors synthetic/
    """
    folder = common.check_output(folder)
    pool = load_model(model)
    write_class_folders(pool.images, pool.labels, pool.class_names, folder, image_format)
    typer.echo(f"Wrote {len(pool)} images to {folder}")


def inspect_command(
    model: common.ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show the contents of a file.

    Example: gmmaug inspect flowers.safetensors
    """
    description = describe(model)
    if as_json:
        typer.echo(json.dumps(description, indent=2, sort_keys=True))
        return
    table = Table("what", "value", title=f"File of {description['file_bytes'] / 1e6:.2f} MB")
    for name, value in _rows(description):
        # Files may come from anybody: their text must not control the terminal.
        table.add_row(escape(printable(name)), escape(printable(str(value))))
    Console(file=sys.stdout, highlight=False).print(table)


def _rows(description: dict[str, Any]) -> Iterator[tuple[str, object]]:
    document, counts, tensors = (description[key] for key in ("document", "images_per_class", "tensors"))
    record, size = document["record"], document["image_size"]
    kind = "color" if document["channels"] == 3 else "grayscale"
    mirrored = ", may be mirrored" if document["mirror"] else ""
    yield "format version", document["format_version"]
    yield "images", f"{sum(counts.values())} of {size} x {size}, {kind}, {document['codec']}{mirrored}"
    for name, count in counts.items():
        n_photos = record.get("photos_per_class", {}).get(name)
        drawn_from = "" if n_photos is None else f", drawn from {n_photos} photos"
        yield f"class {name}" if name else "no classes", f"{count} images{drawn_from}"
    for name, value in sorted(record.get("options", {}).items()):
        yield f"option {name}", value
    for name, tensor in tensors.items():
        shape = " x ".join(map(str, tensor["shape"]))
        yield f"tensor {name}", f"{tensor['dtype']} {shape}, {tensor['bytes'] / 1e3:,.1f} kB"
    if any("photos.images" in name for name in tensors):
        yield "photos", "the file holds the training photos"
