"""Principal components of more photos than a part of the symmetry has values: through sums over blocks.

The covariance of every folded part is a sum over photos of outer products. It is taken for two halves of the
photos apart: together they give the components, and what those of one half leave of the other is the variance
outside the subspace, without another look at the photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import ssymm, ssyrk

from gmmaug_plugin.fitting.folded_samples import image_energy, part_samples, samples_per_photo
from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.pieces import Run
from gmmaug_plugin.images.storage import Images
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import PART_COPIES, Symmetry, fold, part_shape

_NUMPY = NumpyEngine()
_AT_ONCE = 512
"""Photos that are floats at a time."""

_LARGE = 4096
"""Values of a part from which its halves are solved one after another: each takes memory as their square."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What is known of one part of the symmetry. Energies are squared norms of images, summed over photos.

    Attributes:
        rows: Orthonormal principal images of the part, float32 (d, d), strongest first.
        energies: Energy along each, (d,).
        own: The same of either half of the photos along its own principal images, (2, d).
        unseen: What either half's principal images hold of the other half, (2, d).
        unseen_energy: All that there is of the other half, (2,).
    """

    rows: NDArray[np.float32]
    energies: NDArray[np.float64]
    own: NDArray[np.float64]
    unseen: NDArray[np.float64]
    unseen_energy: NDArray[np.float64]


def enough_photos(n_photos: int, image_size: int, symmetry: Symmetry) -> bool:
    """Whether there are at least as many photos, with their copies, as values in a part."""
    return n_photos * samples_per_photo(symmetry) >= int(np.prod(part_shape(symmetry, image_size)))


def mean_image(photos: PhotoBlocks) -> NDArray[np.float64]:
    """Mean photo, (size, size); exact but for the division."""
    total: NDArray[np.int64] = photos.sum(_pixel_sums)
    return np.asarray(total / photos.n_photos)


def spectra(
    photos: PhotoBlocks,
    mean: NDArray[np.float64],
    in_first_half: NDArray[np.bool_],
    *,
    symmetry: Symmetry,
    run: Run,
) -> list[Spectrum]:
    """Principal components of every part of a symmetry.

    Parts are taken one after another, since their covariances may fill memory: of flipped images of
    128 x 128 one takes 0.5 GB.

    Args:
        photos: The photos.
        mean: What is taken off them, (size, size), unchanged by the symmetry.
        in_first_half: Which photos belong to the first half, (n_photos,).
        symmetry: The symmetry.
        run: Solves the halves, which are problems apart.
    """
    masks = photos.split(in_first_half)
    found = []
    for part in range(len(PART_COPIES[symmetry])):
        halves = photos.sum(_moments, mean.astype(np.float32), symmetry, part, each=masks)
        found.append(_spectrum(halves, image_energy(symmetry, part), run))
    return found


def residual_of(
    found: Sequence[Spectrum], n_dimensions: int, symmetry: Symmetry, n_photos: tuple[int, int], size: int
) -> float:
    """Variance per value that the principal components of one half of the photos leave of the other.

    Both halves are seen about the mean of all photos: that of a half differs from it by one part in as many
    as it has photos.

    Args:
        found: Of all parts.
        n_dimensions: Number of dimensions of a code.
        symmetry: The symmetry.
        n_photos: Photos in either half.
        size: Height and width of a photo.
    """
    copies = PART_COPIES[symmetry]
    left, n_values = 0.0, 0
    for half in range(2):
        # Photos span no more directions than there are samples of them: the rest is rounding.
        most = n_photos[half] * samples_per_photo(symmetry)
        own = [one.own[half, :most] / n for one, n in zip(found, copies, strict=True)]
        codes = np.concatenate([np.repeat(one, n) for one, n in zip(own, copies, strict=True)])
        least = np.sort(codes)[::-1][min(n_dimensions, len(codes)) - 1]
        counts = [int((one >= least).sum()) for one in own]
        for one, count in zip(found, counts, strict=True):
            left += float(one.unseen_energy[half] - one.unseen[half, :count].sum())
        kept = sum(n * count for n, count in zip(copies, counts, strict=True))
        n_values += n_photos[1 - half] * (size * size - kept)
    return left / max(n_values, 1)


@dataclass(frozen=True, eq=False)
class _Halves:
    """Upper triangles of the second moments of two halves of the photos, (d, d) each."""

    first: NDArray[np.floating]
    second: NDArray[np.floating]

    def __add__(self, other: "_Halves") -> "_Halves":
        return _Halves(_sum(self.first, other.first), _sum(self.second, other.second))


def _sum(total: NDArray[np.floating], more: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.add(total, more, dtype=np.float64), np.float64)


def _pixel_sums(images: Images) -> NDArray[np.int64]:
    return np.asarray(images.sum(axis=0, dtype=np.int64))


def _moments(
    images: Images, in_first_half: NDArray[np.bool_], mean: NDArray[np.float32], symmetry: Symmetry, part: int
) -> _Halves:
    return _Halves(
        *(_half_moments(images[in_first_half == half], mean, symmetry, part) for half in (True, False))
    )


def _half_moments(
    images: Images, mean: NDArray[np.float32], symmetry: Symmetry, part: int
) -> NDArray[np.float32]:
    d = int(np.prod(part_shape(symmetry, images.shape[1])))
    moments = np.zeros((d, d), np.float32, order="F")
    for begin in range(0, len(images), _AT_ONCE):
        centred = images[begin : begin + _AT_ONCE].astype(np.float32) - mean
        samples = np.ascontiguousarray(part_samples(fold(_NUMPY, centred, symmetry)[part], symmetry))
        moments = np.asarray(ssyrk(1.0, samples.T, beta=1.0, c=moments, overwrite_c=True))
    return moments


def _spectrum(halves: _Halves, unit: float, run: Run) -> Spectrum:
    d = len(halves.first)
    in_turn = d > _LARGE
    tasks = [partial(_cross, halves.first, halves.second), partial(_cross, halves.second, halves.first)]
    crossed = [task() for task in tasks] if in_turn else run(tasks)
    energy = [float(np.trace(half, dtype=np.float64)) for half in (halves.second, halves.first)]
    both = _sum(halves.first, halves.second)
    eigenvalues, vectors = _eigenvectors(both)
    return Spectrum(
        rows=np.ascontiguousarray(vectors[:, ::-1].T, np.float32),
        energies=unit * np.maximum(eigenvalues[::-1], 0.0),
        own=unit * np.stack([own for own, _ in crossed]),
        unseen=unit * np.stack([unseen for _, unseen in crossed]),
        unseen_energy=unit * np.array(energy),
    )


def _eigenvectors(symmetric: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, ascending, and eigenvectors as columns; the upper triangle is used up."""
    # For a single row scipy 1.12 gives "evd" too little room.
    driver: Literal["evd", "ev"] = "evd" if len(symmetric) > 1 else "ev"
    eigenvalues, vectors = eigh(symmetric, lower=False, overwrite_a=True, driver=driver)
    return eigenvalues, vectors


def _cross(
    one: NDArray[np.floating], other: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energies of one half along its own principal images, and of the other half along these."""
    eigenvalues, vectors = _eigenvectors(one.astype(np.float64))
    directions = np.asfortranarray(vectors[:, ::-1], np.float32)
    del vectors
    products = ssymm(1.0, np.asfortranarray(other, np.float32), directions, lower=False)
    unseen = np.einsum("dk,dk->k", directions, products, dtype=np.float64)
    return np.maximum(eigenvalues[::-1], 0.0), unseen
