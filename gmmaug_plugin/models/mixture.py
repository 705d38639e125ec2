"""A Gaussian mixture over codes: drawing, moving and weighing them."""

from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from gmmaug_plugin.models.engine import Array, Engine


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture over codes of q dimensions, with K components in C classes.

    Component k has the covariance ``diag(variances[g]) + F_g^T F_g`` of its group g = ``groups[k]``,
    where F_g are the rows ``factor_offsets[g]:factor_offsets[g + 1]`` of ``factors``. That holds every
    covariance type: diagonal and spherical ones have no factors, tied ones have a single group, and
    full ones have as many factor rows as there are directions above the noise floor.

    Attributes:
        weights: Share of every component in the whole mixture, float64 (K,), sums to one.
        means: Float32 (K, q).
        variances: Float32 (G, q), positive.
        factors: Float32 (R, q).
        factor_offsets: Int32 (G + 1,), ascending from 0 to R.
        groups: Int32 (K,), the covariance group of every component.
        classes: Int32 (K,), the class of every component.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float32]
    variances: NDArray[np.float32]
    factors: NDArray[np.float32]
    factor_offsets: NDArray[np.int32]
    groups: NDArray[np.int32]
    classes: NDArray[np.int32]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    def __getstate__(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def n_components(self) -> int:
        """Number of components over all classes, K."""
        return len(self.weights)

    @property
    def n_classes(self) -> int:
        """Number of classes, at least 1."""
        return int(self.classes.max()) + 1

    @property
    def noise_width(self) -> int:
        """How many normal numbers one draw takes: one per dimension and one per factor row."""
        return int(self.means.shape[1]) + int(np.diff(self.factor_offsets).max(initial=0))

    def component_log_weights(self) -> NDArray[np.float64]:
        """Log weights (C + 1, K) of the components within each class, and last over all classes."""
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        in_class = self.classes == np.arange(self.n_classes)[:, None]
        return np.concatenate([np.where(in_class, log_weights, -np.inf), log_weights[None]])

    def merged(self) -> "Mixture":
        """One Gaussian per class, of the class's own mean and covariance.

        Sum_k w_k (S_k + (mu_k - mu)(mu_k - mu)^T) with the weights w_k of the class's components (law of
        total covariance): it knows the spread of the photos, and no photo in particular.
        """
        shares = np.bincount(self.classes, self.weights)
        means, variances, factors = [], [], []
        for label, share in enumerate(shares):
            members = np.flatnonzero((self.classes == label) & (self.weights > 0))
            w = self.weights[members] / share
            groups = self.groups[members]
            mean = w @ self.means[members]
            rows = [np.sqrt(w)[:, None] * (self.means[members] - mean)]
            for weight, group in zip(w, groups, strict=True):
                begin, end = self.factor_offsets[group : group + 2]
                rows.append(np.sqrt(weight) * self.factors[begin:end])
            means.append(mean)
            variances.append(w @ self.variances[groups])
            factors.append(np.concatenate(rows))
        each = np.arange(len(shares), dtype=np.int32)
        return Mixture(
            weights=shares / shares.sum(),
            means=np.stack(means).astype(np.float32),
            variances=np.stack(variances).astype(np.float32),
            factors=np.concatenate(factors).astype(np.float32),
            factor_offsets=np.cumsum([0, *map(len, factors)]).astype(np.int32),
            groups=each,
            classes=each.copy(),
        )

    def deviations(self, engine: Engine, components: Array, normal: Array) -> Array:
        """Draw from the components, without their means.

        Args:
            engine: The array operations.
            components: Int32 (n,).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Float64 (n, q): row i has mean zero and the covariance of component ``components[i]``.
        """
        q = self.means.shape[1]
        noise = engine.cast(normal, "float64")
        groups = engine.take(engine.constant(self.groups), components)
        spread = engine.take(engine.constant(np.sqrt(self.variances.astype(np.float64))), groups)
        product = spread * noise[:, :q]
        if len(self.factors):
            factors = self.factors.astype(np.float64)
            product = product + engine.factor_product(noise[:, q:], factors, self.factor_offsets, groups)
        return product

    def log_joint(self, engine: Engine, codes: Array, squares: Array | None = None) -> Array:
        """Log of weight times density of every component.

        With S the covariance, V its diagonal part and F its factors, the Woodbury identity gives
        z^T S^-1 z = z^T V^-1 z - |A z|^2 where A = L^-1 F V^-1 and L L^T = I + F V^-1 F^T
        (K. B. Petersen and M. S. Pedersen, *The Matrix Cookbook*, 2012, section 3.2.2).

        Args:
            engine: The array operations.
            codes: Float64 (n, q).
            squares: ``codes * codes``, from callers that weigh the same codes again and again.

        Returns:
            Float64 (n, K), in nats per unit volume of code space.
        """
        form = self._quadratic_form
        squares = codes * codes if squares is None else squares
        quadratic = engine.matmul(squares, engine.constant(form.inverse_variances), transpose_b=True)
        if len(self.factors):
            u = engine.matmul(codes, engine.constant(form.whiteners), transpose_b=True)
            quadratic = quadratic - engine.segment_sum(u * u, self.factor_offsets)
        linear = engine.matmul(codes, engine.constant(form.linear), transpose_b=True)
        by_component = engine.take_columns(quadratic, engine.constant(self.groups))
        return linear - 0.5 * by_component + engine.constant(form.constants)

    def has_densities(self) -> bool:
        """Whether float64 can tell the densities of all components: no covariance is as good as singular.

        Everything else in a density is products of a few float32 numbers, which float64 holds.
        """
        factors = self.factors.astype(np.float64)
        try:
            with np.errstate(all="ignore"):
                for variances, (begin, end) in zip(
                    self.variances, pairwise(self.factor_offsets), strict=True
                ):
                    if begin < end:
                        _inner_root(factors[begin:end] / variances.astype(np.float64), factors[begin:end])
        except (np.linalg.LinAlgError, ValueError):
            return False
        return True

    @cached_property
    def _quadratic_form(self) -> "_QuadraticForm":
        return _quadratic_form(self)


@dataclass(frozen=True, eq=False)
class _QuadraticForm:
    """The log joint as constants + linear . z - (inverse_variances . z^2 - |whiteners z|^2) / 2."""

    constants: NDArray[np.float64]
    linear: NDArray[np.float64]
    inverse_variances: NDArray[np.float64]
    whiteners: NDArray[np.float64]


def _inner_root(weighted: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """L with L L^T = I + F V^-1 F^T, of V^-1-weighted factors and factors."""
    return np.asarray(cholesky(np.eye(len(factors)) + weighted @ factors.T, lower=True))


def _quadratic_form(mixture: Mixture) -> _QuadraticForm:
    variances = mixture.variances.astype(np.float64)
    means = mixture.means.astype(np.float64)
    factors = mixture.factors.astype(np.float64)
    offsets = mixture.factor_offsets
    log_det = np.log(variances).sum(axis=1)
    whiteners = np.empty_like(factors)
    linear = means / variances[mixture.groups]
    for group, (begin, end) in enumerate(pairwise(offsets)):
        if begin == end:
            continue
        weighted = factors[begin:end] / variances[group]
        root = _inner_root(weighted, factors[begin:end])
        log_det[group] += 2.0 * np.log(np.diag(root)).sum()
        whitener = solve_triangular(root, weighted, lower=True)
        whiteners[begin:end] = whitener
        members = mixture.groups == group
        linear[members] -= means[members] @ whitener.T @ whitener
    with np.errstate(divide="ignore"):
        constants = np.log(mixture.weights)
    constants = constants - 0.5 * (
        log_det[mixture.groups] + np.einsum("kq,kq->k", linear, means) + means.shape[1] * np.log(2.0 * np.pi)
    )
    return _QuadraticForm(constants, linear, 1.0 / variances, whiteners)
