"""``gmmaug inspect``: what is in a file."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gmmaug_plugin.artifact import describe_artifact
from gmmaug_plugin.cli.running import ModelFile, say
from gmmaug_plugin.models.strengths import Strengths


def inspect_command(
    model: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Tell what is in a file."""
    description = describe_artifact(model)
    if as_json:
        say(json.dumps(description, indent=2, sort_keys=True))
        return
    console = Console(file=sys.stdout, highlight=False)
    for table in _inspection(description):
        console.print(table)


def _strengths(document: dict[str, Any]) -> str:
    strengths = Strengths(**document.get("strengths", {}))
    return f"{strengths.synthesis:g}, {strengths.variation:g}"


def _templates(tensors: dict[str, Any]) -> str:
    """How many templates there are: every kind of model keeps one of these tensors, a row per template."""
    counts = [
        tensors[name]["shape"][0] for name in ("template_codes", "template_components") if name in tensors
    ]
    if not counts:
        return "none"
    count = counts[0]
    return f"{count}: the file holds encodings of {count} training photos, which can be made visible"


def _inspection(description: dict[str, Any]) -> list[Table]:
    document, tensors = description["document"], description["tensors"]
    info = {name: part if isinstance(part, dict) else {} for name, part in document["info"].items()}
    about = Table("what", "value", title="Model")
    about.add_row("kind", f"{document['kind']}, format version {document['format_version']}")
    about.add_row("image size", f"{document['image_size']} x {document['image_size']}, grey 0..255")
    if "symmetry" in document:
        about.add_row("symmetry", document["symmetry"])
    about.add_row("strength of synthesis, variation", _strengths(document))
    about.add_row("templates", _templates(tensors))
    if "noise_variance" in document:
        about.add_row("noise outside the subspace", f"{document['noise_variance']:.1f} grey levels squared")
    for name, count in info.get("photos_per_class", {}).items():
        components = info.get("n_components_per_class", {}).get(name, "?")
        title = escape(f"class {name}") if name else "no classes"
        about.add_row(title, escape(f"{count} photos, {components} components"))
    for name, value in info.get("options", {}).items():
        about.add_row(escape(name), escape(str(value)))
    parts = Table("part", "shape", "kB", title=f"File, {description['file_bytes'] / 1e6:.2f} MB")
    for name, tensor in tensors.items():
        parts.add_row(name, " x ".join(map(str, tensor["shape"])), f"{tensor['bytes'] / 1e3:,.1f}")
    return [about, parts]
