"""Tests mirror the package, files and functions are short, and docstrings' examples run."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "gmmaug_plugin", ROOT / "tests"
FOLDERS = ("gmmaug_plugin", "tests", "examples", "benchmarks", "reliability")
LONGEST_FILE, LONGEST_FUNCTION = 420, 60
"""Lines; of a function without its docstring."""

WITHOUT_MODULE = {
    "test_imports.py": "the whole package",
    "test_structure.py": "the whole package",
    "test_portability.py": "the whole package",
    "test_readme.py": "the README and the examples",
    "test_home.py": "everything that takes a path",
    "scale": "several processes read one dataset",
    "benchmarks/test_everything.py": "all benchmarks in one run",
    "evaluation/report/test_browser.py": "the page in a browser",
    "tensorflow/test_persistence.py": "serialised datasets, with and without mixing",
}
"""Tests of more than one module."""

WITHOUT_TEST = {
    "extras.py": "test_imports.py removes each framework",
    "evaluation/measure.py": "data classes, filled in test_measuring.py",
    "evaluation/report/charts.py": "charts of the page, in test_writing.py",
    "label_encoding.py": "the table of all adapters, in test_elements.py",
    "mixtures/annealing.py": "steps of a draw, in test_local.py",
    "mixtures/patch_sizes.py": "sizes, used in test_local.py",
    "mixtures/simd.py": "steps of a fit and a draw, in test_pca.py",
    "tensorflow/iterations.py": "steps of a dataset, in test_datasets.py and test_mixing.py",
    "tensorflow/pool_reader.py": "steps of a dataset, in test_datasets.py and test_mixing.py",
}
"""Modules with public names that other modules' tests cover, and why."""


def listed(path: Path, exceptions: dict[str, str]) -> bool:
    """Whether a path under the tests or the package, or a folder around it, is an exception."""
    place = path.relative_to(TESTS if path.is_relative_to(TESTS) else PACKAGE)
    return any(part.as_posix() in exceptions for part in (place, *place.parents))


def modules_of(test: Path) -> list[Path]:
    """Where the module of a test file may be: in the package, or in the examples or checks beside it."""
    place = test.relative_to(TESTS).with_name(test.name.removeprefix("test_"))
    return [PACKAGE / place, ROOT / place, ROOT / place.with_suffix("") / "__init__.py"]


def defines_public_names(module: Path) -> bool:
    kinds = (ast.FunctionDef, ast.ClassDef)
    tree = ast.parse(module.read_text(encoding="utf-8"))
    defined = [node.name for node in tree.body if isinstance(node, kinds)]
    return any(not name.startswith("_") for name in defined)


def test_every_test_file_has_the_name_and_place_of_a_module() -> None:
    tests = [path for path in TESTS.rglob("test_*.py") if not listed(path, WITHOUT_MODULE)]
    wrong = [str(path) for path in tests if not any(module.exists() for module in modules_of(path))]
    assert not wrong, wrong


def test_every_module_with_public_names_has_a_test_file() -> None:
    untested = [
        module.relative_to(PACKAGE).as_posix()
        for module in PACKAGE.rglob("*.py")
        if module.name != "__init__.py"
        and defines_public_names(module)
        and not listed(module, WITHOUT_TEST)
        and not (TESTS / module.relative_to(PACKAGE).with_name(f"test_{module.name}")).exists()
    ]
    assert not untested, untested


def test_exceptions_are_needed() -> None:
    assert [name for name in WITHOUT_MODULE if not (TESTS / name).exists()] == []
    assert [name for name in WITHOUT_TEST if not (PACKAGE / name).exists()] == []


def test_files_and_functions_are_short() -> None:
    long = []
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        source = path.read_text()
        lengths = {"": (len(source.splitlines()), LONGEST_FILE)}
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                doc = node.body[0] if ast.get_docstring(node) else None
                n_doc = doc.end_lineno - doc.lineno + 1 if doc else 0
                lengths[node.name] = (node.end_lineno - node.lineno + 1 - n_doc, LONGEST_FUNCTION)
        long += [f"{path.relative_to(ROOT)} {name}: {n}" for name, (n, most) in lengths.items() if n > most]
    assert not long, long


EXAMPLES = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_examples_of_docstrings_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    assert doctest.testmod(importlib.import_module(name)).failed == 0
