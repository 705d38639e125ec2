"""The notebook's mixture made sound: Gaussians over the principal components of grayscale photos.

Photos become codes of a few hundred principal components (PCA). A Gaussian mixture is fitted to the codes;
an information criterion chooses its number of components. The noise floor s^2 is the mean squared error of
one half of the photos when rebuilt from the principal components of the other half. It is the least
variance of the codes in every direction, and the variance of a pixel outside the principal components
(probabilistic PCA: M. E. Tipping and C. M. Bishop, *JRSS B* 61, 1999, section 3).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from gmmaug_plugin.checks import image_stack, seed_entropy, whole_number
from gmmaug_plugin.mixtures.gaussians import Gaussians, fit_diagonal, fit_full
from gmmaug_plugin.mixtures.options import PCAOptions
from gmmaug_plugin.mixtures.principal_components import (
    cross_fitted_residual,
    max_photos,
    principal_components,
    with_mirrored,
)
from gmmaug_plugin.threads import limited_threads

_ARRAYS = {
    "mean": ("float32", "SS"),
    "basis": ("int8", "qSS"),
    "scales": ("float32", "q"),
    "noise_variance": ("float64", "1"),
    "weights": ("float64", "K"),
    "means": ("float32", "Kq"),
    "variances": ("float32", "Kq"),
    "factors": ("float32", "Rq"),
    "ranks": ("int32", "K"),
}
"""Arrays of a file: the type, and a letter for each length; equal letters stand for equal lengths."""


@dataclass(frozen=True, eq=False)
class PCAMixture:
    """A mixture of Gaussians over principal-component codes of grayscale images.

    An image is ``mean`` plus its code times the rows ``basis * scales``, as in PCA's inverse transform:
    without the noise outside the principal components.

    Attributes:
        mean: Mean photo, float32 (S, S), gray levels.
        basis: Principal images, strongest first, int8 (q, S, S).
        scales: Factors of the rows of ``basis``, float32 (q,).
        noise_variance: s^2, gray levels squared.
        gaussians: The mixture over codes.
        choice: How the number of Gaussians was chosen, JSON values: a sentence "choice", and "curve" with
            "n_components", "aic" and "bic" of each number tried. None if the mixture comes from a file.
        notes: Sentences on deviations from the request, and their reasons.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
        >>> mixture = PCAMixture.fit(photos, PCAOptions(variance=10))
        >>> mixture.draw([0, 1]).shape, len(mixture.basis)
        ((16, 16), 10)
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.int8]
    scales: NDArray[np.float32]
    noise_variance: float
    gaussians: Gaussians
    choice: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        n, q = self.gaussians.means.shape
        return f"PCAMixture({n} Gaussians over {q} principal images of {len(self.mean)} pixels a side)"

    @classmethod
    def fit(
        cls,
        photos: NDArray[np.uint8],
        options: PCAOptions | None = None,
        *,
        mirror: bool = True,
        seed: int = 0,
    ) -> "PCAMixture":
        """Fit the photos of one class.

        The result does not depend on the number of processors.

        Args:
            photos: Grayscale, uint8 (n, S, S), at least two that differ.
            options: The options.
            mirror: Fit mirrored copies too; ``recipe="seed"`` never does.
            seed: Seed of k-means and of choices among photos, 0..2**32 - 1.

        Raises:
            TypeError: Photos are not uint8.
            ValueError: Photos have another shape, do not differ, or are fewer than ``n_components``.
        """
        options = options or PCAOptions()
        _check_photos(photos)
        rng = np.random.default_rng(whole_number("seed", seed, 0, 2**32 - 1))
        size, notebook, notes = photos.shape[1], options.recipe == "seed", []
        mirror = mirror and not notebook
        most = max_photos(size, mirror=mirror)
        if len(photos) > most:
            notes.append(f"The mixture is fitted on {most} of {len(photos)} photos, chosen at random.")
            photos = photos[np.sort(rng.permutation(len(photos))[:most])]
        if not options.candidates(len(photos)):
            raise ValueError(
                f"n_components must be at most the number of photos, {len(photos)}. "
                f"Received: {options.n_components!r}"
            )
        with limited_threads():
            copies = with_mirrored(photos, mirror)
            if notebook:
                found = principal_components(copies, 0.99, np.float64)
                residual = found.left_out
            else:
                found = principal_components(copies, options.variance)
                residual = cross_fitted_residual(photos, len(found.rows), mirror=mirror, rng=rng)
            noise_variance = max(residual, 1.0 / 12.0)  # at least that of rounding gray levels
            units = np.sqrt(found.variances) if notebook else np.ones(len(found.rows))
            codes = found.codes(copies) / units
            gaussians, choice = _scan(codes, len(photos), options, noise_variance, seed)
        peaks = np.abs(found.rows).max(axis=1) / 127.0
        basis = np.rint(found.rows / peaks[:, None]).reshape(-1, size, size)
        exact = cls(found.mean.reshape(size, size), basis, peaks * units, noise_variance, gaussians)
        rounded = cls.from_arrays(exact.arrays())  # a file gives the same images
        return replace(rounded, choice=choice, notes=tuple(notes))

    @property
    def eigen_images(self) -> NDArray[np.float32]:
        """Principal images ("eigen-flowers"), strongest first, of norm 1, float32 (q, S, S)."""
        rows = self.basis.astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=(1, 2), keepdims=True))

    def draw(self, seed: int | Sequence[int]) -> NDArray[np.uint8]:
        """Draw an image, a pure function of the mixture and the seed.

        Args:
            seed: A non-negative int or several.

        Returns:
            uint8 (S, S).
        """
        code = self.gaussians.draw(np.random.default_rng(seed_entropy(seed)))
        gray = self.mean + (code.astype(np.float32) @ self._rows).reshape(self.mean.shape)
        return np.asarray(np.rint(np.clip(gray, 0.0, 255.0)), np.uint8)

    def score_samples(self, images: ArrayLike) -> NDArray[np.float64]:
        """Log-density of images; the density integrates to 1 over all images (S, S) of real gray levels.

        It is the density of the codes, times the Jacobian of the principal images, times white noise of
        ``noise_variance`` outside of them.

        Args:
            images: Real (n, S, S), gray levels 0..255.

        Returns:
            Nats, (n,).

        Raises:
            ValueError: Images have another shape.
        """
        images = np.asarray(images, np.float32)
        if images.shape[1:] != self.mean.shape:
            raise ValueError(
                f"images must be (n, {', '.join(map(str, self.mean.shape))}). Received: {images.shape}"
            )
        gram = (self._rows @ self._rows.T).astype(np.float64)
        centred = (images - self.mean).reshape(len(images), -1)
        inner = (centred @ self._rows.T).astype(np.float64)
        codes = np.linalg.solve(gram, inner.T).T.astype(np.float64)
        inside = logsumexp(self.gaussians.log_joint(codes), axis=1)
        energy = np.square(centred, dtype=np.float64).sum(axis=1)
        outside = np.maximum(energy - (codes * inner).sum(axis=1), 0.0)
        q, D = self._rows.shape
        log_volume = np.linalg.slogdet(gram)[1] + (D - q) * np.log(2.0 * np.pi * self.noise_variance)
        return np.asarray(inside - 0.5 * (outside / self.noise_variance + log_volume))

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """The parameters by name, to store in a file; :meth:`from_arrays` reads them."""
        gaussians = self.gaussians
        values: dict[str, Any] = {
            "mean": self.mean,
            "basis": self.basis,
            "scales": self.scales,
            "noise_variance": [self.noise_variance],
            "weights": gaussians.weights,
            "means": gaussians.means,
            "variances": gaussians.variances,
            "factors": np.concatenate(gaussians.factors),
            "ranks": [len(factor) for factor in gaussians.factors],
        }
        return {prefix + name: np.asarray(values[name], dtype) for name, (dtype, _) in _ARRAYS.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> "PCAMixture":
        """Read the mixture that :meth:`arrays` stored: same draws, same densities, no ``choice`` and notes.

        Args:
            arrays: Arrays by name, others may be among them.
            prefix: Start of the names, "pca.NUMBER." in a pool.

        Raises:
            ValueError: An array is missing, has another type or shape, or numbers that are not finite.
        """
        missing = [prefix + name for name in _ARRAYS if prefix + name not in arrays]
        if missing:
            raise ValueError(f"A PCA mixture needs {missing}. Received: {sorted(arrays)}")
        lengths, found = {"1": 1}, {}
        for name, (dtype, letters) in _ARRAYS.items():
            array = found[name] = arrays[prefix + name]
            shape = tuple(lengths.setdefault(*pair) for pair in zip(letters, array.shape, strict=False))
            if array.dtype != dtype or array.shape != shape or not np.isfinite(array).all():
                raise ValueError(
                    f"A PCA mixture needs {prefix}{name}, {dtype} ({', '.join(letters)}), all finite, with "
                    f"lengths {lengths}. Received: {array.dtype} {array.shape}"
                )
        factors = tuple(np.split(found["factors"], np.cumsum(found["ranks"])[:-1]))
        gaussians = Gaussians(found["weights"], found["means"], found["variances"], factors)
        noise_variance = float(found["noise_variance"][0])
        return cls(found["mean"], found["basis"], found["scales"], noise_variance, gaussians)

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        return self.basis.reshape(len(self.basis), -1) * self.scales[:, None]


def _check_photos(photos: NDArray[np.uint8]) -> None:
    image_stack("photos", photos)
    if photos.ndim != 3 or photos.shape[1] != photos.shape[2]:
        raise ValueError(
            f'A PCA mixture is fitted on square grayscale photos (n, S, S); model="local" takes color. '
            f"Received: shape {photos.shape}"
        )
    if (photos == photos[0]).all():
        raise ValueError(
            f"A PCA mixture needs at least 2 photos that differ. Received: {len(photos)} equal photo(s)"
        )


def _scan(
    codes: NDArray[np.float64], n_photos: int, options: PCAOptions, floor: float, seed: int
) -> tuple[Gaussians, dict[str, Any]]:
    """Fit a mixture with each number of components and choose the best by the criterion.

    AIC = 2 p - 2 n (mean log-likelihood) with p parameters and n photos, and log(n) p in place of 2 p for
    BIC (H. Akaike, *IEEE Trans. Automatic Control* 19, 1974; G. Schwarz, *Annals of Statistics* 6, 1978).
    Mirrored copies do not count as photos: otherwise more components would always be better.

    Returns:
        The best mixture, and how it was chosen.
    """
    from sklearn.exceptions import ConvergenceWarning

    numbers, curve, best = options.candidates(n_photos), [], None
    q = codes.shape[1]
    per_covariance = q * (q + 1) // 2 if options.recipe == "seed" else q
    for k in numbers:
        with warnings.catch_warnings():
            # Equal photos leave clusters empty; a likelihood that still rises after 100 steps is good enough.
            warnings.simplefilter("ignore", ConvergenceWarning)
            if options.recipe == "seed":
                mixture, likelihood = fit_full(codes, k, seed)
            else:
                mixture, likelihood = fit_diagonal(codes, k, floor, seed)
        p, cost = k * (per_covariance + q + 1) - 1, -2.0 * n_photos * likelihood
        curve.append({"n_components": k, "aic": cost + 2.0 * p, "bic": cost + float(np.log(n_photos)) * p})
        if curve[-1] == min(curve, key=lambda one: one[options.criterion]):
            best = mixture
    assert best is not None
    choice = f"{len(best.weights)} Gaussian{'s' if len(best.weights) > 1 else ''}"
    if len(numbers) == 1:
        choice += "; no other number was tried."
    else:
        tried = f"{len(numbers)} numbers from {numbers[0]} to {numbers[-1]}"
        choice += f" by {options.criterion.upper()}, of {tried}."
    return best, {"choice": choice, "curve": curve}
