"""What importing takes, and which room may know which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gmmaug_plugin

PACKAGE = Path(gmmaug_plugin.__file__).parent
FRAMEWORKS = (
    *("tensorflow", "keras", "albumentations", "cv2", "torch", "pooch", "matplotlib", "jinja2"),
    *("dask", "distributed", "numba"),
)

MAY_IMPORT = {
    "models": {"models", "layout", "checks", "resizing", "artifact"},
    "fitting": {
        "fitting",
        "models",
        "artifact",
        "evaluation",
        "images",
        "progress",
        "checks",
        "resizing",
        "threads",
    },
    "evaluation": {
        *("evaluation", "models", "images", "progress", "checks", "resizing", "layout", "files", "extras"),
        "mixing",
        "tensorflow",
        "threads",
    },
    "artifact": {"artifact", "models", "files"},
    "images": {"images", "progress", "checks", "resizing", "files"},
    "tensorflow": {"tensorflow", "models", "artifact", "mixing", "layout", "extras", "checks", "resizing"},
    "keras": {"keras", "models", "artifact", "mixing", "layout", "extras", "checks"},
    "albumentations": {"models", "artifact", "layout", "mixing", "extras", "checks"},
}


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_front_door_takes_no_framework() -> None:
    code = f"import sys, gmmaug_plugin; print([m for m in {FRAMEWORKS} if m in sys.modules])"
    assert run(code) == "[]"


@pytest.mark.parametrize(
    ("adapter", "framework", "extra"),
    [
        ("tensorflow", "tensorflow", "tensorflow"),
        ("keras", "keras", "tensorflow"),
        ("albumentations", "albumentations", "albumentations"),
    ],
)
def test_an_adapter_without_its_framework_names_the_extra(adapter: str, framework: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules['{framework}'] = None\n"
        f"try:\n    import gmmaug_plugin.{adapter}\nexcept ImportError as error:\n    print(error)"
    )
    assert f'pip install "gmmaug-plugin[{extra}]"' in run(code)


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
        assert known <= MAY_IMPORT[room], file


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
