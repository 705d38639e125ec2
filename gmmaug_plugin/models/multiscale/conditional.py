"""A Gaussian mixture of contexts and details, and what it says of details given their context."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.engine import Array, Engine
from gmmaug_plugin.models.multiscale.contexts import N_DETAILS
from gmmaug_plugin.models.quadratic import quadratic_blocks

EVERY_CLASS = -1
"""Class of a component that all classes share."""

MAX_COMPONENTS = 256
"""Components are told by a byte."""

LOG_TWO_PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class ConditionalMixture:
    """A mixture of K Gaussians of joint vectors (context, detail), of c + 3 = D numbers.

    The details t of a position with context x have the density p(x, t) / p(x): a mixture with gates
    pi_k N(x; mu_k, S_k) / sum_j pi_j N(x; mu_j, S_j), whose components have means linear in x and
    covariances of their own (Z. Ghahramani and M. I. Jordan, "Supervised learning from incomplete data via
    an EM approach", NIPS 1993, section 4). With the Cholesky factor of the joint covariance

        S_k = R_k R_k^T,   R_k = (R_xx 0 / R_tx R_tt),

    t = mu_t + R_tx R_xx^-1 (x - mu_x) + R_tt e, where e is the standardised innovation.

    Attributes:
        weights: Float64 (K,), sums to one.
        means: Float32 (K, D).
        roots: Float16 (K, D (D + 1) / 2): the lower triangles of R_k, row by row. Any values with a positive
            diagonal are a covariance, so rounding never spoils one.
        classes: Int32 (K,), the class of every component; ``EVERY_CLASS`` throughout if shared.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float32]
    roots: NDArray[np.float16]
    classes: NDArray[np.int32]

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).setflags(write=False)

    def __getstate__(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return len(self.weights)

    @property
    def n_context(self) -> int:
        """Length of a context, c."""
        return int(self.means.shape[1]) - N_DETAILS

    @property
    def shared(self) -> bool:
        """Whether all classes have the same components."""
        return bool((self.classes == EVERY_CLASS).all())

    def draw(self, engine: Engine, vectors: Array, uniform: Array, rows: Array | None) -> Array:
        """Draw a component for every vector, by its posterior probabilities.

        Args:
            engine: The array operations.
            vectors: Float32 (c, N): contexts alone; or (D, N): contexts and details.
            uniform: Uniform numbers in [0, 1), float64 (N,).
            rows: Int32 (N,): the class of each, the number of classes for any; None for a shared mixture.

        Returns:
            Int32 (N,).
        """
        form = self._gate if int(vectors.shape[0]) == self.n_context else self._joint
        return engine.draw_quadratic(form.forms, self._masks, vectors, uniform, rows)

    def innovations(self, engine: Engine, vectors: Array, components: Array) -> Array:
        """Standardised innovations e = R_tt^-1 (t - E[t | x, k]) of joint vectors.

        Args:
            engine: The array operations.
            vectors: Contexts and details, float32 (D, N).
            components: Int32 (N,).

        Returns:
            Float64 (3, N), standard normal under the mixture.
        """
        return engine.component_products(self._whitening, [vectors], components)

    def details(self, engine: Engine, context: Array, components: Array, innovations: Array) -> Array:
        """Details t = mu_t + R_tx R_xx^-1 (x - mu_x) + R_tt e.

        Args:
            engine: The array operations.
            context: Float32 (c, N).
            components: Int32 (N,).
            innovations: Float64 (3, N).

        Returns:
            Float64 (3, N), grey levels.
        """
        return engine.component_products(self._colouring, [context, innovations], components)

    def log_density(self, vectors: NDArray[np.floating], label: int | None = None) -> NDArray[np.float64]:
        """Log-density of details given contexts, nats, float64 (N,).

        Args:
            vectors: Contexts and details, (D, N).
            label: The class whose components count; None for all.
        """
        mask = self._masks[:, [self._masks.shape[1] - 1 if label is None else label]]
        precise = vectors.astype(np.float64)
        return self._joint.log_sum(precise, mask) - self._gate.log_sum(precise[: self.n_context], mask)

    def full_roots(self) -> NDArray[np.float64]:
        """The Cholesky factors R_k, float64 (K, D, D)."""
        D = self.means.shape[1]
        full = np.zeros((self.n_components, D, D))
        full[:, *np.tril_indices(D)] = self.roots
        return full

    @cached_property
    def _masks(self) -> NDArray[np.float64]:
        """Zero where a component belongs to the class of the row, minus infinity elsewhere, (K, C + 1)."""
        n_classes = int(self.classes.max()) + 1
        in_class = (self.classes[:, None] == np.arange(n_classes)) | (self.classes[:, None] == EVERY_CLASS)
        every = np.ones((len(self.classes), 1), bool)
        return np.where(np.concatenate([in_class, every], axis=1), 0.0, -np.inf)

    @cached_property
    def _inverse_roots(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.inv(self.full_roots()), np.float64)

    @cached_property
    def _joint(self) -> "_QuadraticForm":
        return _quadratic_form(self, self.means.shape[1])

    @cached_property
    def _gate(self) -> "_QuadraticForm":
        return _quadratic_form(self, self.n_context)

    @cached_property
    def _whitening(self) -> NDArray[np.float64]:
        """Innovations as linear functions of (x, t, 1), (K, 3, D + 1): the last rows of R^-1."""
        last = self._inverse_roots[:, self.n_context :]
        offset = -np.einsum("kij,kj->ki", last, self.means.astype(np.float64))
        return np.concatenate([last, offset[:, :, None]], axis=2)

    @cached_property
    def _colouring(self) -> NDArray[np.float64]:
        """Details as linear functions of (x, e, 1), (K, 3, c + 4)."""
        c, means = self.n_context, self.means.astype(np.float64)
        roots = self.full_roots()
        slope = roots[:, c:, :c] @ self._inverse_roots[:, :c, :c]
        offset = means[:, c:] - np.einsum("kij,kj->ki", slope, means[:, :c])
        return np.concatenate([slope, roots[:, c:, c:], offset[:, :, None]], axis=2)


@dataclass(frozen=True, eq=False)
class _QuadraticForm:
    """Log of weight times density of every component, as a linear function of (1, x, x x^T).

    Attributes:
        forms: Coefficients (K, 1 + m + m (m + 1) / 2), in float32 and in float64.
    """

    forms: tuple[NDArray[np.float32], NDArray[np.float64]]

    def log_sum(self, vectors: NDArray[np.float64], mask: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of the sum over components, (N,), of vectors (m, N), with a mask (K, 1) added."""
        sums = np.empty(vectors.shape[1])
        for part, _, logits in quadratic_blocks(self.forms[1], vectors):
            np.add(logits, mask, out=logits)
            peak = logits.max(axis=0)
            np.subtract(logits, peak, out=logits)
            sums[part] = np.log(np.exp(logits, out=logits).sum(axis=0)) + peak
        return sums


def quadratic_form(
    weights: NDArray[np.float64], means: NDArray[np.float64], roots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log joints of Gaussian components as a linear function of (1, x, x x^T), (K, 1 + m + m (m + 1) / 2).

    log w - (m log 2 pi + log det S + mu^T P mu) / 2 + (P mu)^T x - x^T P x / 2 with the precision P of S = R
    R^T; of x x^T the upper triangle, row by row, as
    :meth:`~gmmaug_plugin.models.engine.NumpyEngine.quadratic_features` has it.

    Args:
        weights: (K,).
        means: (K, m).
        roots: Cholesky factors (K, m, m).
    """
    m = means.shape[1]
    inverse = np.linalg.inv(roots)
    precision = np.swapaxes(inverse, 1, 2) @ inverse
    log_det = 2.0 * np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    slope = np.einsum("kij,kj->ki", precision, means)
    with np.errstate(divide="ignore"):
        constant = np.log(weights) - 0.5 * (m * LOG_TWO_PI + log_det + np.einsum("ki,ki->k", slope, means))
    rows, columns = np.triu_indices(m)
    bend = precision[:, rows, columns] * np.where(rows == columns, -0.5, -1.0)
    return np.concatenate([constant[:, None], slope, bend], axis=1)


def _quadratic_form(mixture: ConditionalMixture, m: int) -> _QuadraticForm:
    means = mixture.means[:, :m].astype(np.float64)
    precise = quadratic_form(mixture.weights, means, mixture.full_roots()[:, :m, :m])
    return _QuadraticForm((precise.astype(np.float32), precise))
