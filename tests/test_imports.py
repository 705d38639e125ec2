"""Modules that an import loads, and imports that the package's layers allow."""

import ast
import graphlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import gmmaug_plugin

PACKAGE = Path(gmmaug_plugin.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}

BASE = {"checks", "extras", "files", "progress", "resizing", "summaries", "threads"}
READING = {"elements", "image_layout", "ratio", "label_encoding"}
ADAPTER = {"checks", "extras", "resizing", "pool", "artifact", *READING}
FITTING = {*BASE, "fit_record", "pool", "artifact", "photos", "mixtures", "evaluation"}
LAYERS = {
    **dict.fromkeys(BASE, BASE),
    "fit_record": BASE,
    "artifact": {*BASE, "fit_record"},
    "pool": {*BASE, "fit_record", "artifact"},
    **{part: {*BASE, "pool", *READING} for part in READING},
    "pictures": BASE,
    "photos": BASE,
    "evaluation": {*BASE, "fit_record", "pool", "photos"},
    "mixtures": {"checks", "resizing", "summaries", "threads"},
    "fitting": FITTING,
    **dict.fromkeys(("tensorflow", "keras", "albumentations"), ADAPTER),
    "cli": {*FITTING, "fitting", "pictures"},
}
"""Top-level modules and subpackages, and others that each may import."""

HEAVY = {
    *("sklearn", "scipy", "dask", "distributed", "typer", "rich", "numba", "jinja2"),
    *("tensorflow", "keras", "albumentations", "torch", "cv2"),
}
OFFLINE = {f"gmmaug_plugin.{part}" for part in ("mixtures", "evaluation", "fitting", "photos", "cli")}


def imports_of(module: str) -> set[str]:
    """Modules of the package that a module imports anywhere, in functions too."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    own = {name for name in names if name.split(".")[0] == "gmmaug_plugin"}
    return {name if name in MODULES else name.rpartition(".")[0] for name in own}


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def loaded_by(statement: str, *, after: str = "pass") -> set[str]:
    """Packages, and parts of this package, that a statement loads after another one in a new interpreter."""
    lines = [
        *("import sys", after, "before = set(sys.modules)", statement),
        "print(*{'.'.join(name.split('.')[:2]) for name in set(sys.modules) - before})",
    ]
    names = run("\n".join(lines)).split()
    return {name if name.startswith("gmmaug_plugin") else name.partition(".")[0] for name in names}


def test_importing_the_package_loads_at_most_numpy() -> None:
    installed = set(importlib.metadata.packages_distributions())
    assert loaded_by("import gmmaug_plugin") & installed <= {"numpy", "gmmaug_plugin"}


def test_loading_a_pool_needs_no_framework_and_no_fitting() -> None:
    assert not loaded_by("from gmmaug_plugin import load_model") & (HEAVY | OFFLINE)


@pytest.mark.parametrize(
    ("adapters", "frameworks"),
    [
        ("gmmaug_plugin.tensorflow, gmmaug_plugin.keras", "tensorflow, keras.utils"),
        ("gmmaug_plugin.albumentations", "albumentations"),
    ],
)
def test_an_adapter_loads_its_framework_only(adapters: str, frameworks: str) -> None:
    assert not loaded_by(f"import {adapters}", after=f"import {frameworks}") & (HEAVY | OFFLINE)


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
    message = run(
        f"import sys; sys.modules['{missing}'] = None\n"
        f"try:\n    import gmmaug_plugin.{adapter}\nexcept ImportError as error:\n    print(error)"
    )
    assert f"{missing} is not installed" in message
    assert f'pip install "gmmaug-plugin[{extra}]"' in message


def test_modules_import_lower_layers_only() -> None:
    wrong = {
        f"{module} imports {name}"
        for module in MODULES.keys() - {"gmmaug_plugin"}
        for name in imports_of(module)
        if part_of(name) not in {part_of(module), "", *LAYERS[part_of(module)]}
    }
    assert not wrong, wrong


def test_no_imports_form_a_cycle() -> None:
    graph = {module: imports_of(module) for module in MODULES if module != "gmmaug_plugin"}
    graphlib.TopologicalSorter(graph).prepare()
