"""Principal components of images, closed under a symmetry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from gmmaug_plugin.fitting.folded_samples import part_samples, samples_per_photo, with_fixed_signs
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.pieces import Run
from gmmaug_plugin.fitting.principal_moments import enough_photos, mean_image, residual_of, spectra
from gmmaug_plugin.fitting.workers import in_turn
from gmmaug_plugin.models.basis import Basis, quantize_rows, round_to_step
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import (
    PART_COPIES,
    PIXELS_PER_VALUE,
    Symmetry,
    fold,
    part_shape,
    unfold,
)

_NUMPY = NumpyEngine()
_LEAST_SHARE = 1e-9
"""Directions with less than this share of the greatest variance are rounding, not data."""

BYTE_NOISE = 1.0 / 12.0
"""Variance of rounding a grey level to a byte: no photo is known better than that."""


NO_DIFFERENCE = "The photos do not differ from one another. Received: photos that are all equal"


@dataclass(frozen=True)
class PrincipalComponents:
    """Directions of greatest variance of a photo set together with all its symmetric copies.

    Attributes:
        symmetry: The symmetry.
        mean: Mean image over photos and copies, float64 (size, size), grey levels.
        rows: Unit-norm principal images, folded: float32 (q_p, h', w') per part of the symmetry.
        variances: Variance along each, grey levels squared, descending: float64 (q_p,) per part.
        total_variance: Variance over all directions, kept or not.
    """

    symmetry: Symmetry
    mean: NDArray[np.float64]
    rows: tuple[NDArray[np.float32], ...]
    variances: tuple[NDArray[np.float64], ...]
    total_variance: float

    @property
    def code_variances(self) -> NDArray[np.float64]:
        """Variance of every dimension of a code, (q,), in the order of :class:`Basis`."""
        return np.concatenate(
            [
                np.tile(variances, copies)
                for copies, variances in zip(PART_COPIES[self.symmetry], self.variances, strict=True)
            ]
        )

    def keep(self, variance: float) -> "PrincipalComponents":
        """Keep the strongest directions.

        Args:
            variance: In (0, 1): the least share of the total variance to keep. 1 or more: the
                number of directions (two copies of one row are kept or dropped together).

        Raises:
            ValueError: ``variance`` is not positive.
        """
        if not variance > 0:
            raise ValueError(
                "variance must be a share in (0, 1) or a number of dimensions. "
                f"Received: variance={variance!r}"
            )
        descending = np.sort(self.code_variances)[::-1]
        if variance < 1:
            enough = np.cumsum(descending) >= variance * self.total_variance
            n_kept = int(np.argmax(enough)) + 1 if enough.any() else len(descending)
        else:
            n_kept = min(int(variance), len(descending))
        least = descending[n_kept - 1]
        counts = [int((variances >= least).sum()) for variances in self.variances]
        return PrincipalComponents(
            self.symmetry,
            self.mean,
            tuple(rows[:n] for rows, n in zip(self.rows, counts, strict=True)),
            tuple(variances[:n] for variances, n in zip(self.variances, counts, strict=True)),
            self.total_variance,
        )

    def basis(self, *, whiten: bool) -> Basis:
        """Quantise to a :class:`Basis`; with ``whiten`` its codes have unit variance."""
        rows, scales = [], []
        for part, variances in zip(self.rows, self.variances, strict=True):
            int8, scale = quantize_rows(part)
            rows.append(int8)
            scales.append(scale * np.sqrt(variances).astype(np.float32) if whiten else scale)
        return Basis(self.symmetry, round_to_step(self.mean), tuple(rows), tuple(scales))


def fit_pca(
    images: NDArray[np.uint8], *, symmetry: Symmetry = "none", run: Run = in_turn
) -> PrincipalComponents:
    """Find all principal components of photos (n, size, size) and their symmetric copies.

    The copies are never made: the covariance is block-diagonal over the folded parts (see
    ``models.symmetry``), and each block is solved through its covariance or, with fewer photos than
    pixels, its Gram matrix (M. Turk and A. Pentland, *J. Cognitive Neuroscience* 3, 1991, p. 74).
    Variances are those of scikit-learn's ``PCA``: sums over n - 1 photos.

    Args:
        images: The photos, uint8.
        symmetry: The symmetry.
        run: Solves the parts of the symmetry, which are problems apart.

    Raises:
        ValueError: All photos are equal.
    """
    if enough_photos(len(images), images.shape[1], symmetry):
        return _through_moments(PhotoBlocks.of(images), symmetry, random_state=0, run=run)[0]
    mean = symmetric_mean(images.mean(axis=0, dtype=np.float64), symmetry)
    parts = fold(_NUMPY, images.astype(np.float32) - mean.astype(np.float32), symmetry)
    solved = run([partial(_solve_part, part, symmetry) for part in parts])
    rows, variances, energies = zip(*solved, strict=True)
    return _components(symmetry, mean, rows, variances, sum(energies))


Residual = Callable[[int], float]
"""Given a number of dimensions, :func:`residual_variance`."""


def fit_pca_blocks(
    photos: PhotoBlocks, *, symmetry: Symmetry, random_state: int, run: Run
) -> tuple[PrincipalComponents, Residual]:
    """Do what :func:`fit_pca` and :func:`residual_variance` do, on photos in blocks.

    Only where there are fewer photos than values in a part of the symmetry do all come into memory.
    """
    if enough_photos(photos.n_photos, photos.image_size, symmetry):
        return _through_moments(photos, symmetry, random_state=random_state, run=run)
    images = photos.load()
    residual = partial(_residual_through_gram, images, symmetry, random_state, run)
    return fit_pca(images, symmetry=symmetry, run=run), residual


def residual_variance(
    images: NDArray[np.uint8],
    *,
    n_dimensions: int,
    symmetry: Symmetry,
    random_state: int,
    run: Run = in_turn,
) -> float:
    """Cross-fitted variance of a pixel outside the subspace, grey levels squared.

    Principal components of one half of the photos leave this much of the other half, per dimension
    left over, and the other way round. It is what the subspace misses of photos it has not seen.
    """
    if enough_photos(len(images), images.shape[1], symmetry):
        photos = PhotoBlocks.of(images)
        return _through_moments(photos, symmetry, random_state=random_state, run=run)[1](n_dimensions)
    return _residual_through_gram(images, symmetry, random_state, run, n_dimensions)


def _through_moments(
    photos: PhotoBlocks, symmetry: Symmetry, *, random_state: int, run: Run
) -> tuple[PrincipalComponents, Residual]:
    n, size = photos.n_photos, photos.image_size
    in_first_half = np.zeros(n, np.bool_)
    in_first_half[_halves(n, random_state)[0]] = True
    mean = symmetric_mean(mean_image(photos), symmetry)
    found = spectra(photos, mean, in_first_half, symmetry=symmetry, run=run)
    unit = np.sqrt(PIXELS_PER_VALUE[symmetry])
    copies = PART_COPIES[symmetry]
    rows = [(one.rows / unit).reshape(-1, *part_shape(symmetry, size)) for one in found]
    variances = [one.energies / (k * (n - 1)) for one, k in zip(found, copies, strict=True)]
    energy = sum(float(one.energies.sum()) for one in found) / (n - 1)

    def residual(n_dimensions: int) -> float:
        left = residual_of(found, n_dimensions, symmetry, (n // 2, n - n // 2), size)
        return max(left, BYTE_NOISE)

    return _components(symmetry, mean, rows, variances, energy), residual


def _components(
    symmetry: Symmetry,
    mean: NDArray[np.float64],
    rows: Sequence[NDArray[np.float32]],
    variances: Sequence[NDArray[np.float64]],
    total_variance: float,
) -> PrincipalComponents:
    """Components without directions that are rounding; raises where there is nothing else."""
    greatest = max((float(one.max(initial=0)) for one in variances), default=0.0)
    if not greatest > BYTE_NOISE:
        raise ValueError(NO_DIFFERENCE)
    counts = [int((one > _LEAST_SHARE * greatest).sum()) for one in variances]
    return PrincipalComponents(
        symmetry,
        mean,
        tuple(with_fixed_signs(one[:n]) for one, n in zip(rows, counts, strict=True)),
        tuple(one[:n] for one, n in zip(variances, counts, strict=True)),
        total_variance,
    )


def _halves(n: int, random_state: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    order = np.random.default_rng(random_state).permutation(n)
    return order[: n // 2], order[n // 2 :]


def _residual_through_gram(
    images: NDArray[np.uint8], symmetry: Symmetry, random_state: int, run: Run, n_dimensions: int
) -> float:
    halves = _halves(len(images), random_state)
    residuals = run(
        [
            partial(_residual_variance, images, fitted, held_out, n_dimensions, symmetry)
            for fitted, held_out in (halves, halves[::-1])
        ]
    )
    return max(float(np.mean(residuals)), BYTE_NOISE)


def _residual_variance(
    images: NDArray[np.uint8],
    fitted: NDArray[np.intp],
    held_out: NDArray[np.intp],
    n_dimensions: int,
    symmetry: Symmetry,
) -> float:
    """What the principal components of some photos leave of others, per pixel left over."""
    basis = fit_pca(images[fitted], symmetry=symmetry).keep(n_dimensions).basis(whiten=False)
    energy, count = 0.0, 0
    for begin in range(0, len(held_out), 512):
        centred = images[held_out[begin : begin + 512]].astype(np.float32) - basis.mean
        codes = basis.encode(_NUMPY, centred)
        energy += float(np.einsum("nhw,nhw->", centred, centred, dtype=np.float64))
        energy -= float(basis.squared_norm(codes).sum())
        count += len(centred) * (basis.image_size**2 - basis.n_dimensions)
    return energy / max(count, 1)


def _solve_part(
    part: NDArray[np.float32], symmetry: Symmetry
) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
    """Principal rows of one folded part (n, copies, h', w'), their variances and the part's variance."""
    n, copies, *shape = part.shape
    samples = part_samples(part, symmetry)
    # Inner products of images, and their mean over the n - 1 degrees of freedom of the photos.
    scale = PIXELS_PER_VALUE[symmetry] / (samples_per_photo(symmetry) * (n - 1))
    eigenvalues, vectors = eigh((samples @ samples.T).astype(np.float64), overwrite_a=True)
    variances = scale * np.maximum(eigenvalues[::-1], 0.0)
    rows = np.ascontiguousarray(vectors[:, ::-1].T, np.float32) @ samples
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(norms > 0, norms, 1.0)
    energy = copies * scale * float(np.einsum("nd,nd->", samples, samples, dtype=np.float64))
    unit = np.sqrt(PIXELS_PER_VALUE[symmetry])
    return (rows / unit).reshape(-1, *shape).astype(np.float32), variances, energy


def symmetric_mean(mean: NDArray[np.float64], symmetry: Symmetry) -> NDArray[np.float64]:
    """The mean over all symmetric copies: of the parts only the unchanged one is left."""
    if symmetry == "none":
        return mean
    parts = fold(_NUMPY, mean[None], symmetry)
    if symmetry == "d4":
        parts[0] = 0.5 * (parts[0] + np.swapaxes(parts[0], -1, -2))
    parts[1:] = [np.zeros_like(part) for part in parts[1:]]
    return np.asarray(unfold(_NUMPY, parts, symmetry)[0])
