"""A Gaussian mixture as arrays: drawing and densities without scikit-learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussians:
    """A Gaussian mixture of K components in q dimensions, with G different covariances.

    Covariance g is ``diag(variances[g]) + F^T F``, F being the next ``ranks[g]`` rows of ``factors``:
    diagonal covariances have no factors, and a full one of m photos needs m rows where q * q numbers would
    be stored otherwise.

    Attributes:
        weights: Floating (K,), sum to 1.
        means: Floating (K, q).
        variances: Floating (G, q), positive.
        factors: Floating (R, q).
        ranks: Int32 (G,), sum to R.
        groups: Int32 (K,), the covariance of each component.
    """

    weights: NDArray[np.floating]
    means: NDArray[np.floating]
    variances: NDArray[np.floating]
    factors: NDArray[np.floating]
    ranks: NDArray[np.int32]
    groups: NDArray[np.int32]

    @classmethod
    def of(
        cls, weights: Floats, means: Floats, variances: Floats, factors: Sequence[Floats] = ()
    ) -> "Gaussians":
        """Put a mixture together.

        Args:
            weights: (K,).
            means: (K, q).
            variances: (G, q) with G = K, or G = 1 if all components share one covariance.
            factors: Rows (m, q) of each covariance; none for diagonal covariances.
        """
        K, q = means.shape
        G = len(variances)
        rows = list(factors) or [np.empty((0, q))] * G
        ranks = np.array([len(one) for one in rows], np.int32)
        groups = np.arange(K, dtype=np.int32) if G == K else np.zeros(K, np.int32)
        return cls(weights, means, variances, np.concatenate(rows), ranks, groups)

    def rounded(self) -> "Gaussians":
        """The mixture with everything but the weights in float32."""
        means, variances = self.means.astype(np.float32), self.variances.astype(np.float32)
        factors = self.factors.astype(np.float32)
        return Gaussians(self.weights, means, variances, factors, self.ranks, self.groups)

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw one point, float64 (q,)."""
        k = int(np.searchsorted(self._cumulated, rng.random() * self._cumulated[-1], side="right"))
        group = self.groups[k]
        begin, end = self._offsets[group : group + 2]
        q = self.means.shape[1]
        normal = rng.standard_normal(q + end - begin)
        along_axes = np.sqrt(self.variances[group].astype(np.float64)) * normal[:q]
        return np.asarray(self.means[k] + along_axes + normal[q:] @ self.factors[begin:end])

    def log_joint(self, points: Floats) -> Floats:
        """Log of weight times density of each component, in nats.

        With V a covariance's diagonal part, z^T S^-1 z = z^T V^-1 z - |A z|^2 where A = L^-1 F V^-1 and
        L L^T = I + F V^-1 F^T (Woodbury identity: K. B. Petersen and M. S. Pedersen, *The Matrix Cookbook*,
        2012, section 3.2.2).

        Args:
            points: Float64 (n, q).

        Returns:
            Float64 (n, K).
        """
        constants, linear, precisions, whiteners = self._form
        quadratic = (points * points) @ precisions.T
        if len(self.factors):
            u = points @ whiteners.T
            filled = np.flatnonzero(self.ranks)
            quadratic[:, filled] -= np.add.reduceat(u * u, self._offsets[filled], axis=1)
        return points @ linear.T - 0.5 * quadratic[:, self.groups] + constants

    @cached_property
    def _cumulated(self) -> Floats:
        return np.cumsum(self.weights, dtype=np.float64)

    @cached_property
    def _offsets(self) -> NDArray[np.intp]:
        return np.concatenate([[0], np.cumsum(self.ranks, dtype=np.intp)])

    @cached_property
    def _form(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The log joint of z is constants + linear z - (precisions z^2 - |whiteners z|^2) / 2."""
        means, variances = self.means.astype(np.float64), self.variances.astype(np.float64)
        factors = self.factors.astype(np.float64)
        log_det = np.log(variances).sum(axis=1)
        whiteners = np.empty_like(factors)
        linear = means / variances[self.groups]
        for group, (begin, end) in enumerate(pairwise(self._offsets)):
            if begin == end:
                continue
            weighted = factors[begin:end] / variances[group]
            root = np.linalg.cholesky(np.eye(end - begin) + weighted @ factors[begin:end].T)
            log_det[group] += 2.0 * np.log(np.diag(root)).sum()
            whitener = np.linalg.solve(root, weighted)
            whiteners[begin:end] = whitener
            members = np.flatnonzero(self.groups == group)
            linear[members] -= means[members] @ whitener.T @ whitener
        with np.errstate(divide="ignore"):
            constants = np.log(self.weights.astype(np.float64))
        squares = np.einsum("kq,kq->k", linear, means)
        constants -= 0.5 * (log_det[self.groups] + squares + means.shape[1] * np.log(2.0 * np.pi))
        return constants, linear, 1.0 / variances, whiteners
