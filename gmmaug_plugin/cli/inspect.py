"""``gmmaug inspect``: what is in a file."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gmmaug_plugin.artifact import describe
from gmmaug_plugin.cli.running import ModelFile, say
from gmmaug_plugin.photos.files import printable


def inspect_command(
    model: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show what is in a file.

    Example: gmmaug inspect flowers.safetensors
    """
    description = describe(model)
    if as_json:
        say(json.dumps(description, indent=2, sort_keys=True))
        return
    Console(file=sys.stdout, highlight=False).print(_table(description))


def _table(description: dict[str, Any]) -> Table:
    document = description["document"]
    record = document["record"]
    table = Table("what", "value", title=f"File of {description['file_bytes'] / 1e6:.2f} MB")

    def add(name: str, value: object) -> None:
        # Whoever wrote the file must not move the cursor.
        table.add_row(escape(printable(name)), escape(printable(str(value))))

    add("format version", document["format_version"])
    add("images", _images(description))
    for name, count in description["images_per_class"].items():
        photos = record.get("photos_per_class", {}).get(name)
        drawn_from = "" if photos is None else f", drawn from {photos} photos"
        add(f"class {name}" if name else "no classes", f"{count} images{drawn_from}")
    add("model", record.get("model") or "unknown")
    for name, value in sorted(record.get("options", {}).items()):
        add(name, value)
    for name, tensor in description["tensors"].items():
        shape = " x ".join(map(str, tensor["shape"]))
        add(name, f"{tensor['dtype']} {shape}, {tensor['bytes'] / 1e3:,.1f} kB")
    if any("photos.images" in name for name in description["tensors"]):
        add("photos", "the file holds the training photos")
    return table


def _images(description: dict[str, Any]) -> str:
    document = description["document"]
    size, channels = document["image_size"], document["channels"]
    n = sum(description["images_per_class"].values())
    kind = "color" if channels == 3 else "grayscale"
    mirrored = ", may be mirrored" if document["mirror"] else ""
    return f"{n} of {size} x {size}, {kind}, {document['codec']}{mirrored}"
