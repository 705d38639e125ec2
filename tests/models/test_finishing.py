"""Folded grey levels to bytes: with numba and without."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.models import finishing
from gmmaug_plugin.models.basis import GREY_STEP
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import PART_COPIES, SYMMETRIES, Symmetry, part_shape, unfold
from tests.factories import random_model

ENGINE = NumpyEngine()
needs_numba = pytest.mark.skipif(not find_spec("numba"), reason="numba is not installed")
WAYS = ("in passes", pytest.param("compiled", marks=needs_numba))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    compiled = None if request.param == "in passes" else finishing.kernels()
    assert (compiled is None) == (request.param == "in passes")
    monkeypatch.setattr(finishing, "kernels", lambda: compiled)
    return request.param


def folded(symmetry: Symmetry, size: int, n: int, seed: int) -> list[np.ndarray]:
    """Parts in whole steps, some far beyond black and white, some on the edge between two grey levels."""
    rng = np.random.default_rng(seed)
    shapes = [(n, copies, *part_shape(symmetry, size)) for copies in PART_COPIES[symmetry]]
    parts = [GREY_STEP * np.rint(rng.normal(0, 120, shape) / GREY_STEP) for shape in shapes]
    edges = [rng.random(part.shape) < 0.2 for part in parts]
    return [
        np.where(edge, np.rint(part) + 0.5, part).astype(np.float32)
        for edge, part in zip(edges, parts, strict=True)
    ]


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("size", [2, 6, 12, 16, 32])
@settings(deadline=None)
@given(n=st.integers(1, 3), seed=st.integers(0, 1000))
def test_bytes_are_those_of_unfolding_rounding_and_clipping(
    symmetry: Symmetry, size: int, n: int, seed: int
) -> None:
    parts = folded(symmetry, size, n, seed)
    mean = np.full((size, size), 100.25, np.float32)
    exact = unfold(ENGINE, [part.astype(np.float64) for part in parts], symmetry) + mean
    expected = np.floor(np.clip(exact + 0.5, 0, 255.5))
    for compiled in {finishing.kernels(), None}:
        out = np.full((n, size, size), 7, np.uint8)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finishing, "kernels", lambda compiled=compiled: compiled)
            finishing.finish([part.copy() for part in parts], symmetry, mean + np.float32(0.5), out)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_images_do_not_depend_on_tiles(symmetry: Symmetry, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(symmetry)
    whole = model.sample(70, seed=3)[0]
    np.testing.assert_array_equal(whole[50:], model.sample(20, seed=3, start=50)[0])
    for values in (1, 500, 3000):
        monkeypatch.setattr(finishing, "_VALUES", values)
        np.testing.assert_array_equal(whole, model.sample(70, seed=3)[0])


def test_no_image_shares_memory_with_another_call() -> None:
    """Products are made in memory that is used again: what is handed out must not be."""
    model = random_model("flip")
    first = model.sample(40, seed=0)[0]
    kept = first.copy()
    model.sample(40, seed=1)
    np.testing.assert_array_equal(first, kept)


@needs_numba
def test_numba_can_be_switched_off() -> None:
    code = (
        "import sys; from gmmaug_plugin.models.finishing import kernels\n"
        "print(kernels() is None, 'numba' in sys.modules)"
    )
    assert printed(code) == "False True"
    assert printed(code, GMMAUG_NUMBA="0") == "True False"


@needs_numba
@pytest.mark.parametrize("error", ["ImportError('Numba needs NumPy 2.5')", "RuntimeError('cannot cache')"])
def test_a_numba_that_cannot_be_used_is_done_without(error: str) -> None:
    code = (
        f"import numba\ndef refuse(**options): raise {error}\nnumba.njit = refuse\n"
        "from gmmaug_plugin.models.finishing import kernels\nprint(kernels())"
    )
    assert printed(code) == "None"


def test_importing_the_package_does_not_import_numba() -> None:
    code = "import sys, gmmaug_plugin, gmmaug_plugin.models; print('numba' in sys.modules)"
    assert printed(code) == "False"


def printed(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
