"""Modules that importing loads, and modules that a room may know."""

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import gmmaug_plugin

PACKAGE = Path(gmmaug_plugin.__file__).parent

ADAPTER = {"pool", "artifact", "layout", "mixing", "checks", "extras", "resizing"}
MAY_IMPORT = {
    "record": set(),
    "pool": {"record", "checks", "artifact"},
    "artifact": {"threads", "pool", "record", "files", "checks"},
    "layout": {"pool", "resizing"},
    "mixing": {"checks"},
    "mixtures": {"checks", "resizing", "threads"},
    "photos": {"checks", "resizing", "files", "progress", "threads"},
    "evaluation": {
        "photos",
        "checks",
        "resizing",
        "layout",
        "files",
        "extras",
        "progress",
        "threads",
        "pool",
    },
    "fitting": {
        *("photos", "mixtures", "evaluation", "pool", "record", "artifact"),
        *("checks", "resizing", "files", "extras", "progress", "threads"),
    },
    "tensorflow": ADAPTER,
    "keras": ADAPTER,
    "albumentations": ADAPTER,
}
"""Rooms, and the rooms that they may import; `pool` and `artifact` know each other by `Pool.save` alone."""

HEAVY = {
    *("sklearn", "scipy", "matplotlib", "dask", "distributed", "typer", "rich", "numba", "jinja2", "pooch"),
    *("tensorflow", "keras", "albumentations", "torch", "cv2", "PIL"),
}
OWN_HEAVY = {"gmmaug_plugin." + room for room in ("mixtures", "evaluation", "fitting", "photos", "cli")}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def loaded_by(statement: str, *, after: str = "pass") -> set[str]:
    """Modules that a statement loads after another one, in a fresh interpreter: packages, and own rooms."""
    lines = [
        *("import sys", after, "before = set(sys.modules)", statement),
        "print(*{'.'.join(name.split('.')[:2]) for name in set(sys.modules) - before})",
    ]
    names = run("\n".join(lines)).split()
    return {name if name.startswith("gmmaug_plugin") else name.partition(".")[0] for name in names}


def test_the_front_door_loads_no_more_than_numpy() -> None:
    installed = set(importlib.metadata.packages_distributions())
    assert loaded_by("import gmmaug_plugin") & installed <= {"numpy", "gmmaug_plugin"}


def test_reading_a_pool_loads_neither_framework_nor_fitting() -> None:
    assert not loaded_by("from gmmaug_plugin import load_model") & (HEAVY | OWN_HEAVY) - {"PIL"}


@pytest.mark.parametrize(
    ("adapter", "bare"),
    [
        ("tensorflow", "import tensorflow"),
        ("keras", "import keras"),
        ("albumentations", "import os; os.environ['NO_ALBUMENTATIONS_UPDATE'] = '1'; import albumentations"),
    ],
)
def test_an_adapter_loads_its_framework_and_little_else(adapter: str, bare: str) -> None:
    assert not loaded_by(f"import gmmaug_plugin.{adapter}", after=bare) & (HEAVY | OWN_HEAVY) - {"PIL"}


@pytest.mark.parametrize(
    ("adapter", "missing", "extra"),
    [
        ("tensorflow", "tensorflow", "tensorflow"),
        ("keras", "keras", "tensorflow"),
        ("keras", "tensorflow", "tensorflow"),
        ("albumentations", "albumentations", "albumentations"),
    ],
)
def test_an_adapter_without_its_framework_names_the_extra(adapter: str, missing: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules['{missing}'] = None\n"
        f"try:\n    import gmmaug_plugin.{adapter}\nexcept ImportError as error:\n    print(error)"
    )
    message = run(code)
    assert f"{missing} is not installed" in message
    assert f'pip install "gmmaug-plugin[{extra}]"' in message


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_know_only_their_neighbours(room: str) -> None:
    path = PACKAGE / room
    files = list(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert files
    for file in files:
        known = {
            name.split(".")[1]
            for node in ast.walk(ast.parse(file.read_text()))
            for name in imported(node)
            if name.startswith("gmmaug_plugin.")
        }
        assert known <= MAY_IMPORT[room] | {room}, file


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
