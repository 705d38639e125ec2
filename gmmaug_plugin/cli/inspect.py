"""``gmmaug inspect``: what is in a file."""

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gmmaug_plugin.artifact import describe_artifact
from gmmaug_plugin.cli.running import ModelFile, say
from gmmaug_plugin.images.files import printable
from gmmaug_plugin.models.multiscale.contexts import PHASES
from gmmaug_plugin.models.multiscale.pyramid import BASE_SIZE
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


def _text(value: object) -> str:
    """Text of a file as a terminal may show it: whoever wrote the file must not move the cursor."""
    return escape(printable(str(value)))


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


def _components_of_levels(components: dict[str, int]) -> dict[str, str]:
    """Components of base and details by what they are called, for the kind of model that has such."""
    levels: dict[int, dict[str, int]] = {}
    for name, count in components.items():
        first, *rest = name.split(".")
        if first == "details":
            levels.setdefault(int(rest[0]), {})[rest[1]] = count
    if not levels:
        return {}
    told = {f"base at {BASE_SIZE} x {BASE_SIZE}": f"{components['mixture']} components"}
    for size, counts in sorted(levels.items()):
        numbers = ", ".join(str(counts[phase]) for phase in PHASES)
        told[f"details at {size} x {size}"] = f"{numbers} components ({', '.join(PHASES)} phase)"
    return told


def _part_of(tensor: str) -> str:
    """``details.128`` of ``details.128.first.means``; other names are parts of their own."""
    return ".".join(tensor.split(".")[:2])


def _parts(tensors: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Name, shape and kB of what a file is made of; tensors of a level are told together."""
    for group, names in groupby(tensors, _part_of):
        members = [tensors[name] for name in names]
        shape = " x ".join(map(str, members[0]["shape"])) if len(members) == 1 else f"{len(members)} tensors"
        yield group, shape, sum(tensor["bytes"] for tensor in members) / 1e3


def _class_size(info: dict[str, Any], name: str, count: object) -> str:
    components = info.get("n_components_per_class", {}).get(name)
    return f"{count} photos" if components is None else f"{count} photos, {components} components"


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
        title = _text(f"class {name}") if name else "no classes"
        about.add_row(title, _text(_class_size(info, name, count)))
    for row in _components_of_levels(description["components"]).items():
        about.add_row(*row)
    for name, value in info.get("options", {}).items():
        about.add_row(_text(name), _text(value))
    parts = Table("part", "shape", "kB", title=f"File, {description['file_bytes'] / 1e6:.2f} MB")
    for name, shape, size in _parts(tensors):
        parts.add_row(name, shape, f"{size:,.1f}")
    return [about, parts]
