from dataclasses import dataclass, field
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gmmaug_plugin.cli.options_from_fields import read_values, with_options


@dataclass
class Options:
    size: int | None = field(default=None, metadata={"help": "Size."})
    n_images: "int | str" = field(default="auto", metadata={"help": "Images.", "flag": "--images"})
    ratios: tuple[float, ...] = field(
        default=(0.5, 0.75),
        metadata={"help": "Ratio.", "flag": "--ratio", "type": float, "repeatable": True},
    )
    seed: int = field(default=0, metadata={"help": "Seed."})
    color: bool = field(default=False, metadata={"help": "Color."})
    measure: bool = field(default=True, metadata={"help": "Measure."})
    unused: int = field(default=1, metadata={"help": "Unused."})


@dataclass
class Expert:
    kind: str = field(default="a", metadata={"help": "Kind.", "choices": ("a", "b")})


given: dict[str, Any] = {}


@with_options(Options, only=("size", "n_images", "ratios", "seed", "color", "measure"))
@with_options(Expert, panel="Experts")
def command(photos: str, quiet: bool = False, **options: Any) -> None:
    given.clear()
    given.update(read_values(options), photos=photos, quiet=quiet)


app = typer.Typer()
app.command()(command)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("x", {}),
        ("x --images 5 --size 3", {"n_images": 5, "size": 3}),
        ("x --images auto --kind b", {"n_images": "auto", "kind": "b"}),
        ("x --ratio 0.1 --ratio 0.2", {"ratios": [0.1, 0.2]}),
        ("x --color --no-measure --quiet", {"color": True, "measure": False, "quiet": True}),
    ],
)
def test_a_command_receives_the_options_that_were_given(arguments: str, expected: dict[str, Any]) -> None:
    done = CliRunner().invoke(app, arguments.split())
    assert done.exit_code == 0, done.output
    assert given == {"photos": "x", "quiet": False, **expected}


@pytest.mark.parametrize("arguments", ["x --size few", "x --unused 1", "x --ratio"])
def test_other_options_are_refused(arguments: str) -> None:
    assert CliRunner().invoke(app, arguments.split()).exit_code == 2


def test_help_shows_defaults_and_a_panel_for_experts() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120", "TERM": "dumb"}).output
    for default in ("auto", "0.5, 0.75", "0", "yes", "a"):
        assert f"[default: {default}]" in text
    assert text.index("Experts") < text.index("a|b")
    assert text.index("--size") < text.index("--quiet") < text.index("--kind")
