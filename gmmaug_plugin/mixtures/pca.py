"""The notebook's mixture made sound: Gaussians over the principal components of grayscale photos.

Photos become codes of a few hundred principal components (PCA), codes a Gaussian mixture, whose number of
components an information criterion chooses. What principal components fitted on one half of the photos miss
of the other half is the noise floor s^2: the least variance in every direction of the codes, and the variance
of a pixel outside of them (probabilistic PCA: M. E. Tipping and C. M. Bishop, *JRSS B* 61, 1999, section 3).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.special import logsumexp

from gmmaug_plugin.checks import one_of, seed_entropy, whole_number
from gmmaug_plugin.mixtures import seed_recipe
from gmmaug_plugin.mixtures.gaussians import Floats, Gaussians
from gmmaug_plugin.mixtures.principal_components import (
    PrincipalComponents,
    cross_fitted_residual,
    most_photos,
    principal_components,
    with_mirrored,
)
from gmmaug_plugin.threads import limited_threads

PHOTOS_PER_COMPONENT = 20
""""auto" tries at most one component per this many photos: smaller components are copies of photos."""

MOST_COMPONENTS = 128
""""auto" tries at most this many, for time's sake: the likelihood of whole images hardly depends on it."""

BYTE_NOISE = 1.0 / 12.0
"""Variance of rounding a gray level to a byte, the least noise variance."""

_CHUNK = 256

Covariance = Literal["diag", "full", "tied", "spherical"]


@dataclass(frozen=True)
class PCAOptions:
    """Options of a PCA mixture.

    Raises:
        ValueError: An option is out of range.
    """

    n_components: int | str = field(
        default="auto",
        metadata={"help": 'Gaussians: a number, a range to scan like "1:600:10", or "auto".'},
    )
    criterion: Literal["aic", "bic"] = field(
        default="aic",
        metadata={"help": "Criterion that chooses the number of Gaussians.", "choices": ("aic", "bic")},
    )
    variance: float = field(
        default=0.99,
        metadata={"help": "Share of the variance that principal components keep, or their number."},
    )
    covariance_type: Covariance = field(
        default="diag",
        metadata={"help": "Shape of a Gaussian.", "choices": ("diag", "full", "tied", "spherical")},
    )
    whiten: bool = field(default=False, metadata={"help": "Scale all principal components to unit variance."})
    recipe: Literal["seed"] | None = field(
        default=None,
        metadata={
            "help": "seed: the original notebook, of which n_components and criterion can be changed.",
            "choices": ("seed",),
        },
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if "choices" in one.metadata and value != one.default:
                one_of(one.name, value, one.metadata["choices"])
        if not (0 < self.variance < 1 or (self.variance >= 1 and float(self.variance).is_integer())):
            raise ValueError(
                "variance must be a share between 0 and 1 or a whole number of principal components. "
                f"Received: {self.variance!r}"
            )
        self.candidates(1)

    def candidates(self, n_photos: int) -> tuple[int, ...]:
        """Numbers of components to try for a class of ``n_photos``, ascending; empty if all exceed that."""
        text = str(self.n_components).strip()
        if text == "auto" and self.recipe == "seed":
            return tuple(k for k in seed_recipe.NUMBERS_OF_COMPONENTS if k <= n_photos)
        if text == "auto":
            greatest = min(MOST_COMPONENTS, max(1, n_photos // PHOTOS_PER_COMPONENT))
            ladder = {round(2 ** (step / 2)) for step in range(2 * greatest.bit_length())}
            return tuple(sorted(k for k in ladder | {greatest} if k <= greatest))
        try:
            numbers = [int(number) for number in text.split(":")]
            found = list(range(*numbers)) if len(numbers) > 1 else numbers
        except (TypeError, ValueError):
            found = []
        if not found or min(found) < 1:
            raise ValueError(
                'n_components must be "auto", a whole number of at least 1 or a range "start:stop:step". '
                f"Received: {self.n_components!r}"
            )
        return tuple(k for k in sorted(found) if k <= n_photos)


@dataclass(frozen=True, eq=False)
class PCAMixture:
    """A mixture of Gaussians over principal-component codes of grayscale images.

    An image is ``mean`` plus its code times the rows ``basis * scales``, as PCA's inverse transform gives it:
    without the noise outside the principal components.

    Attributes:
        mean: Mean photo, float32 (S, S), gray levels.
        basis: Principal images, strongest first, int8 (q, S, S).
        scales: What a basis row is multiplied with, float32 (q,).
        gaussians: The mixture over codes.
        noise_variance: s^2, gray levels squared.
        curve: By number of components, ascending: "n_components", "aic" and "bic".
        choice: How the number of components was chosen: a sentence.
        notes: Sentences on what was done otherwise than asked, and why.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
        >>> mixture = PCAMixture.fit(photos, PCAOptions(variance=10))
        >>> mixture.draw([0, 1]).shape, mixture.n_components, mixture.n_dimensions
        ((16, 16), 1, 10)
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.int8]
    scales: NDArray[np.float32]
    gaussians: Gaussians
    noise_variance: float
    curve: tuple[Mapping[str, float], ...] = ()
    choice: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        photos: NDArray[np.uint8],
        options: PCAOptions = PCAOptions(),
        *,
        mirror: bool = True,
        seed: int = 0,
    ) -> "PCAMixture":
        """Fit the photos of one class.

        AIC = 2 p - 2 n (mean log-likelihood) with p parameters and n photos, and log(n) p in place of 2 p for
        BIC (H. Akaike, *IEEE Trans. Automatic Control* 19, 1974; G. Schwarz, *Annals of Statistics* 6, 1978).
        Mirrored copies do not count as photos: if they did, more components would always be better.

        The result does not depend on the number of processors.

        Args:
            photos: Grayscale, uint8 (n, S, S), at least two that differ.
            options: The options.
            mirror: Fit mirrored copies too; ``recipe="seed"`` never does.
            seed: Of k-means and of choices among photos, 0..2**32 - 1.

        Raises:
            TypeError: Photos are not uint8.
            ValueError: Photos have another shape, do not differ, or are fewer than ``n_components``.
        """
        _check_photos(photos)
        rng = np.random.default_rng(whole_number("seed", seed, 0, 2**32 - 1))
        n, size = photos.shape[:2]
        candidates = options.candidates(n)
        if not candidates:
            raise ValueError(
                f"n_components must be at most the number of photos, {n}. Received: {options.n_components!r}"
            )
        mirror = mirror and options.recipe is None
        most, some, notes = most_photos(size, 1 + mirror), photos, []
        if n > most:
            some = photos[np.sort(rng.permutation(n)[:most])]
            notes.append(f"Principal components are fitted on {most} of {n} photos, chosen at random.")
        with limited_threads():
            found, noise_variance = _reduce(some, options, mirror, rng)
            whiten = options.whiten or options.recipe == "seed"
            units = np.sqrt(found.variances) if whiten else np.ones(len(found.rows))
            copies = (photos, photos[:, :, ::-1])[: 1 + mirror]
            codes = np.concatenate([found.codes(one) for one in copies]) / units
            # Whitened, s^2 is another number in each direction; scikit-learn takes one: the geometric mean.
            floor = noise_variance / float(np.exp(np.log(units**2).mean()))
            gaussians, curve = _scan(codes, n, candidates, options, floor, seed)
        peaks = np.abs(found.rows).max(axis=1) / 127.0
        return cls(
            mean=found.mean.reshape(size, size).astype(np.float32),
            basis=np.rint(found.rows / peaks[:, None]).astype(np.int8).reshape(-1, size, size),
            scales=(peaks * units).astype(np.float32),
            gaussians=gaussians.rounded(),
            noise_variance=noise_variance,
            curve=curve,
            choice=_choice(len(gaussians.weights), candidates, options.criterion),
            notes=tuple(notes),
        )

    @property
    def n_components(self) -> int:
        """Number of Gaussians."""
        return len(self.gaussians.weights)

    @property
    def n_dimensions(self) -> int:
        """Number of principal components."""
        return len(self.basis)

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
            Uint8 (S, S).
        """
        code = self.gaussians.draw(np.random.default_rng(seed_entropy(seed)))
        gray = self.mean + (code.astype(np.float32) @ self._rows).reshape(self.mean.shape)
        return np.asarray(np.rint(np.clip(gray, 0.0, 255.0)), np.uint8)

    def sample(self, n: int, seed: int | Sequence[int] = 0) -> NDArray[np.uint8]:
        """Draw images: image i is ``draw([*seed, i])``.

        Args:
            n: Number of images, 0 or more.
            seed: A non-negative int or several.

        Returns:
            Uint8 (n, S, S).
        """
        words = list(seed) if isinstance(seed, Sequence) else [seed]
        images = np.empty((whole_number("n", n, 0), *self.mean.shape), np.uint8)
        with limited_threads():
            for index in range(n):
                images[index] = self.draw([*words, index])
        return images

    def score_samples(self, images: ArrayLike) -> Floats:
        """Log-density of images, proper over all images (S, S) of gray levels.

        The density of the codes, times the Jacobian of the principal images, times white noise of
        ``noise_variance`` outside of them.

        Args:
            images: Real (n, S, S), gray levels 0..255.

        Returns:
            Nats, float64 (n,).

        Raises:
            ValueError: Images have another shape.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.mean.shape or images.ndim != 3:
            raise ValueError(
                f"images must be (n, {', '.join(map(str, self.mean.shape))}). Received: {images.shape}"
            )
        D, q = self.mean.size, self.n_dimensions
        constant = -0.5 * (
            np.linalg.slogdet(self._gram)[1] + (D - q) * np.log(2.0 * np.pi * self.noise_variance)
        )
        scores = np.empty(len(images))
        with limited_threads():
            for begin in range(0, len(images), _CHUNK):
                part = slice(begin, begin + _CHUNK)
                centred = (images[part].astype(np.float32) - self.mean).reshape(-1, D)
                inner = (centred @ self._rows.T).astype(np.float64)
                codes = np.linalg.solve(self._gram, inner.T).T.astype(np.float64)
                energy = np.einsum("nd,nd->n", centred, centred, dtype=np.float64)
                outside = np.maximum(energy - np.einsum("nq,nq->n", codes, inner), 0.0)
                inside = logsumexp(self.gaussians.log_joint(codes), axis=1)
                scores[part] = inside - 0.5 * outside / self.noise_variance + constant
        return scores

    def bits_per_pixel(self, images: ArrayLike) -> float:
        """Mean of -log2 of the density per pixel, to be compared with the 8 bits of plain storage.

        (L. Theis, A. van den Oord and M. Bethge, "A note on the evaluation of generative models", ICLR 2016,
        section 3.1)
        """
        return -float(self.score_samples(images).mean()) / self.mean.size / float(np.log(2.0))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The parameters by name, for a file; :meth:`from_arrays` reads them."""
        return {
            "mean": self.mean,
            "basis": self.basis,
            "scales": self.scales,
            "noise_variance": np.array([self.noise_variance]),
            **{one.name: getattr(self.gaussians, one.name) for one in fields(Gaussians)},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "PCAMixture":
        """The mixture of :meth:`arrays`: same draws, same densities; without curve, choice and notes.

        Raises:
            ValueError: An array is missing, or of another type, shape or range.
        """
        missing = sorted(_ARRAYS.keys() - arrays.keys())
        if missing:
            raise ValueError(
                f"A PCA mixture has the arrays {sorted(_ARRAYS)}. Received: none called {missing}"
            )
        _check_arrays(arrays)
        gaussians = Gaussians(**{one.name: arrays[one.name] for one in fields(Gaussians)})
        noise_variance = float(arrays["noise_variance"][0])
        return cls(arrays["mean"], arrays["basis"], arrays["scales"], gaussians, noise_variance)

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        return self.basis.reshape(self.n_dimensions, -1) * self.scales[:, None]

    @cached_property
    def _gram(self) -> Floats:
        return np.asarray(self._rows @ self._rows.T, np.float64)


_ARRAYS = {
    "mean": ("float32", "SS"),
    "basis": ("int8", "qSS"),
    "scales": ("float32", "q"),
    "noise_variance": ("float64", "1"),
    "weights": ("float64", "K"),
    "means": ("float32", "Kq"),
    "variances": ("float32", "Gq"),
    "factors": ("float32", "Rq"),
    "ranks": ("int32", "G"),
    "groups": ("int32", "K"),
}
"""Type of each array, and a letter for each length; equal letters stand for equal lengths."""


def _check_arrays(arrays: Mapping[str, NDArray[Any]]) -> None:
    lengths = {"1": 1}
    for name, (dtype, letters) in _ARRAYS.items():
        found = arrays[name]
        fits = found.dtype == dtype and found.ndim == len(letters)
        if not fits or any(n != lengths.setdefault(c, n) for c, n in zip(letters, found.shape, strict=True)):
            raise ValueError(
                f"{name} must be {dtype} ({', '.join(letters)}), with lengths {lengths}. "
                f"Received: {found.dtype} {found.shape}"
            )
    weights, ranks, groups = arrays["weights"], arrays["ranks"], arrays["groups"]
    positive = ("scales", "noise_variance", "variances")
    faults = {
        "a number that is not finite": not all(np.isfinite(arrays[name]).all() for name in _ARRAYS),
        "a variance or scale that is not positive": any((arrays[name] <= 0).any() for name in positive),
        "no principal image": not lengths["q"] or not arrays["basis"].any(axis=(1, 2)).all(),
        "weights that do not sum to 1": (weights < 0).any() or not np.isclose(weights.sum(), 1.0),
        "ranks that do not fit the factors": (ranks < 0).any() or ranks.sum() != lengths["R"],
        "groups out of range": ((groups < 0) | (groups >= lengths["G"])).any(),
    }
    received = [fault for fault, is_found in faults.items() if is_found]
    if received:
        raise ValueError(f"The arrays are not those of a PCA mixture. Received: {', '.join(received)}")


def _check_photos(photos: NDArray[np.uint8]) -> None:
    if getattr(photos, "dtype", None) != np.uint8:
        raise TypeError(f"photos must be a uint8 array. Received: {getattr(photos, 'dtype', type(photos))}")
    if photos.ndim == 4:
        raise ValueError(
            f'A PCA mixture is fitted on grayscale photos (n, S, S); model="local" takes color. '
            f"Received: shape {photos.shape}"
        )
    if photos.ndim != 3 or photos.shape[1] != photos.shape[2] or photos.size == 0:
        raise ValueError(f"photos must be (n, S, S). Received: shape {photos.shape}")
    if (photos == photos[0]).all():
        raise ValueError(
            f"A PCA mixture needs at least 2 photos that differ. Received: {len(photos)} equal photo(s)"
        )


def _reduce(
    photos: NDArray[np.uint8], options: PCAOptions, mirror: bool, rng: np.random.Generator
) -> tuple[PrincipalComponents, float]:
    """Principal components and the noise variance outside of them."""
    if options.recipe == "seed":
        found = principal_components(photos, seed_recipe.VARIANCE, np.float64)
        return found, max(found.left_out, BYTE_NOISE)
    found = principal_components(with_mirrored(photos) if mirror else photos, options.variance)
    residual = cross_fitted_residual(photos, len(found.rows), mirror, rng)
    return found, max(residual, BYTE_NOISE)


def _scan(
    codes: Floats, n_photos: int, candidates: Sequence[int], options: PCAOptions, floor: float, seed: int
) -> tuple[Gaussians, tuple[Mapping[str, float], ...]]:
    """The best mixture of codes, and the criteria of all candidates."""
    covariance_type = "full" if options.recipe == "seed" else options.covariance_type
    best, curve = None, []
    for k in candidates:
        if options.recipe == "seed":
            mixture, likelihood = seed_recipe.fit_full(codes, k, seed)
        else:
            mixture, likelihood = _fit_gaussians(codes, k, covariance_type, floor, seed)
        p = _n_parameters(k, codes.shape[1], covariance_type)
        cost = -2.0 * n_photos * likelihood
        curve.append({"n_components": k, "aic": cost + 2.0 * p, "bic": cost + float(np.log(n_photos)) * p})
        if best is None or curve[-1][options.criterion] < best[1]:
            best = mixture, curve[-1][options.criterion]
    assert best is not None
    return best[0], tuple(curve)


def _fit_gaussians(
    codes: Floats, n_components: int, covariance_type: Covariance, floor: float, seed: int
) -> tuple[Gaussians, float]:
    """A mixture by scikit-learn, and its mean log-likelihood in nats."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    estimator = GaussianMixture(
        n_components, covariance_type=covariance_type, reg_covar=floor, random_state=seed
    )
    with warnings.catch_warnings():
        # Equal photos leave clusters empty; a likelihood that still rises after 100 steps is good enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        likelihood = float(estimator.fit(codes).score(codes))
    found, shape = estimator.covariances_, estimator.means_.shape
    if covariance_type in ("diag", "spherical"):
        variances = np.broadcast_to(found.reshape(shape[0], -1), shape)
        return Gaussians.of(estimator.weights_, estimator.means_, variances), likelihood
    full = found.reshape(-1, shape[1], shape[1])
    factors = [_factor(covariance, floor) for covariance in full]
    variances = np.full((len(full), shape[1]), floor)
    return Gaussians.of(estimator.weights_, estimator.means_, variances, factors), likelihood


def _factor(covariance: Floats, floor: float) -> Floats:
    """Rows F of a covariance floor * I + F^T F."""
    eigenvalues, vectors = eigh(covariance)
    lengths = np.sqrt(np.maximum(eigenvalues - floor, 0.0))
    kept = lengths > 1e-6 * lengths[-1]
    return np.asarray(lengths[kept, None] * vectors[:, kept].T)


def _n_parameters(n_components: int, n_dimensions: int, covariance_type: Covariance) -> int:
    """As scikit-learn counts them."""
    K, q = n_components, n_dimensions
    of_covariances = {"full": K * q * (q + 1) // 2, "tied": q * (q + 1) // 2, "diag": K * q, "spherical": K}
    return of_covariances[covariance_type] + K * q + K - 1


def _choice(n_components: int, candidates: Sequence[int], criterion: str) -> str:
    gaussians = f"{n_components} Gaussian{'' if n_components == 1 else 's'}"
    if len(candidates) == 1:
        return f"{gaussians}; no other number was tried."
    first, last = candidates[0], candidates[-1]
    return f"{gaussians} by {criterion.upper()}, of {len(candidates)} numbers from {first} to {last}."
