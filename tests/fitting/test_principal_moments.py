"""Principal components through sums over blocks are those of all photos at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.pca import (
    BYTE_NOISE,
    PrincipalComponents,
    Residual,
    _residual_through_gram,
    fit_pca_blocks,
)
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.principal_moments import enough_photos, mean_image, spectra
from gmmaug_plugin.fitting.workers import in_turn
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import SYMMETRIES, Symmetry, symmetric_copies


@pytest.fixture(scope="module")
def flowers() -> NDArray[np.uint8]:
    return make_flowers(300, image_size=16, random_state=1)[0]


def white_noise(n: int) -> NDArray[np.uint8]:
    """Photos of independent pixels of variance 400."""
    drawn = np.random.default_rng(0).normal(128, 20, (n, 16, 16))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def in_blocks(
    images: NDArray[np.uint8], symmetry: Symmetry, block_size: int = 64
) -> tuple[PrincipalComponents, Residual]:
    blocks = PhotoBlocks.of(images, block_size=block_size)
    return fit_pca_blocks(blocks, symmetry=symmetry, random_state=0, run=in_turn)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_components_of_blocks_are_scikit_learns_on_all_copies(
    flowers: NDArray[np.uint8], symmetry: Symmetry
) -> None:
    """To a thousandth wherever a ten-thousandth of the greatest variance lies: products are in float32."""
    assert enough_photos(len(flowers), 16, symmetry)
    found, _ = in_blocks(flowers, symmetry)
    copies = symmetric_copies(flowers, symmetry).reshape(-1, 256).astype(np.float64)
    oracle = PCA().fit(copies)
    scale = (1 - 1 / len(copies)) / (1 - 1 / len(flowers))
    expected = oracle.explained_variance_ * scale
    kept = int((expected > 1e-4 * expected[0]).sum())
    np.testing.assert_allclose(np.sort(found.code_variances)[::-1][:kept], expected[:kept], rtol=1e-3)
    assert found.total_variance == pytest.approx(expected.sum(), rel=1e-5)
    np.testing.assert_allclose(found.mean.ravel(), oracle.mean_, atol=1e-4)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_components_span_what_scikit_learns_span(flowers: NDArray[np.uint8], symmetry: Symmetry) -> None:
    """The share of the variance that the basis takes in is the greatest there is."""
    found, _ = in_blocks(flowers, symmetry)
    basis = found.keep(20).basis(whiten=False)
    copies = symmetric_copies(flowers, symmetry).astype(np.float32)
    codes = basis.encode(NumpyEngine(), copies - basis.mean)
    best = PCA(basis.n_dimensions).fit(copies.reshape(-1, 256).astype(np.float64)).explained_variance_.sum()
    assert codes.var(axis=0, ddof=1).sum() == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("variance", [10, 0.9, 0.99])
def test_the_residual_is_that_of_the_gram_way(
    flowers: NDArray[np.uint8], symmetry: Symmetry, variance: float
) -> None:
    """Within 2%: halves of 150 photos have means of their own there, which are a 150th of the variance."""
    components, residual = in_blocks(flowers, symmetry)
    n_dimensions = components.keep(variance).basis(whiten=False).n_dimensions
    expected = _residual_through_gram(flowers, symmetry, 0, in_turn, n_dimensions)
    assert residual(n_dimensions) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("symmetry", "n"), [("none", 300), ("flip", 140), ("flip", 200), ("d4", 60)])
@pytest.mark.parametrize("share", [0.99, 0.9999])
def test_noise_is_found_where_halves_span_fewer_directions_than_are_kept(
    symmetry: Symmetry, n: int, share: float
) -> None:
    """A half of n / 2 photos says nothing of further directions: rounding must not pass for some."""
    components, residual = in_blocks(white_noise(n), symmetry)
    n_dimensions = components.keep(share).basis(whiten=False).n_dimensions
    expected = _residual_through_gram(white_noise(n), symmetry, 0, in_turn, n_dimensions)
    assert residual(n_dimensions) == pytest.approx(expected, rel=0.07)
    assert residual(n_dimensions) == pytest.approx(400, rel=0.1)


def test_nothing_left_over_is_the_noise_of_rounding() -> None:
    photos = np.zeros((300, 4, 4), np.uint8)
    photos[:, 0, 0] = np.arange(300) % 256
    assert in_blocks(photos, "none")[1](5) == BYTE_NOISE


@given(st.lists(st.integers(1, 80), min_size=1, max_size=5), st.sampled_from(SYMMETRIES))
@settings(deadline=None, max_examples=25)
def test_moments_add_up_in_any_cut(sizes: list[int], symmetry: Symmetry) -> None:
    """Of any blocks as of one: energies to 1e-5 of the greatest, since blocks are added up in float32."""
    n = sum(sizes)
    images = white_noise(400)[:n, :8, :8]
    in_first = np.random.default_rng(1).permutation(n) < n // 2
    whole = PhotoBlocks.of(images, block_size=n)
    # Blocks of unlike sizes: what masks leave of blocks of the greatest size.
    most = max(sizes)
    padded = np.zeros((len(sizes) * most, 8, 8), np.uint8)
    there = np.concatenate([np.arange(most) < size for size in sizes])
    padded[there] = images
    cut = PhotoBlocks.of(padded, block_size=most).where(there)
    assert list(cut.sizes) == sizes
    np.testing.assert_array_equal(mean_image(cut), mean_image(whole))
    mean = np.full((8, 8), 128.0)
    found, expected = (
        spectra(blocks, mean, in_first, symmetry=symmetry, run=in_turn) for blocks in (cut, whole)
    )
    for mine, theirs in zip(found, expected, strict=True):
        greatest = float(theirs.energies.max())
        for name in ("energies", "own", "unseen_energy"):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), atol=1e-5 * greatest)
