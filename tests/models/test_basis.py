import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmmaug_plugin.models.basis import GREY_STEP, quantize_rows
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry
from tests.factories import random_basis

ENGINE = NumpyEngine()


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_encode_undoes_decode(symmetry: Symmetry) -> None:
    basis = random_basis(symmetry)
    codes = np.random.default_rng(0).normal(size=(7, basis.n_dimensions))
    images = basis.decode(ENGINE, codes)
    np.testing.assert_allclose(basis.encode(ENGINE, images), codes, atol=1e-3)
    energies = (images.astype(np.float64) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(basis.squared_norm(codes), energies, rtol=1e-3)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_codes_are_least_squares(symmetry: Symmetry) -> None:
    """Against numpy's solver on the dense matrix of rows."""
    basis = random_basis(symmetry)
    rows = basis.decode(ENGINE, np.eye(basis.n_dimensions)).reshape(basis.n_dimensions, -1).astype(np.float64)
    images = np.random.default_rng(0).normal(size=(4, 16, 16)).astype(np.float32) * 50
    expected = np.linalg.lstsq(rows.T, images.reshape(4, -1).T.astype(np.float64), rcond=None)[0].T
    np.testing.assert_allclose(basis.encode(ENGINE, images), expected, atol=1e-4)
    log_det = np.linalg.slogdet(rows @ rows.T)[1]
    assert basis.log_volume == pytest.approx(0.5 * log_det, rel=1e-5)


@settings(max_examples=30)
@given(st.integers(1, 40), st.sampled_from(SYMMETRIES), st.integers(0, 2**16))
def test_decoding_is_exact_in_any_chunk(n: int, symmetry: Symmetry, seed: int) -> None:
    """Float32 sums of multiples of the step: every order and blocking gives the same bits."""
    basis = random_basis(symmetry, rows=8)
    codes = np.random.default_rng(seed).normal(size=(n, basis.n_dimensions))
    images = basis.decode(ENGINE, codes)
    np.testing.assert_array_equal(images, np.rint(images / GREY_STEP) * GREY_STEP)
    one_by_one = np.concatenate([basis.decode(ENGINE, codes[i : i + 1]) for i in range(n)])
    np.testing.assert_array_equal(images, one_by_one)


@given(st.integers(0, 2**16))
def test_quantised_rows_are_within_half_a_step(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(4, 5, 6))
    int8, scales = quantize_rows(rows)
    assert np.abs(int8 * scales[:, None, None] - rows).max() <= 0.5001 * scales.max()
    assert np.abs(int8).max() == 127


def test_parameters_cannot_be_written() -> None:
    basis = random_basis("flip")
    with pytest.raises(ValueError, match="read-only"):
        basis.rows[0][0] = 0
