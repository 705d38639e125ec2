"""Probabilities of deviations from a law: exact ones for Gaussians, chi-square for counts."""

import numpy as np
from scipy import stats

from tests.statistics.alarms import PValues

IMPOSSIBLE = 1e-12
"""Probability of a draw that some thousand draws do not give."""

LEAST_VARIANCE = 5.0
"""Of a count that chi-square is right about."""


def of_gaussian(name: str, x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> PValues:
    """Of vectors (n, q) that are to have one Gaussian law: their mean, covariance and marginals.

    The mean by Hotelling's statistic with the covariance known, chi-square with q degrees of freedom. The
    covariance by Bartlett's decomposition of the scatter of whitened vectors (M. S. Bartlett, *Proc. R. Soc.
    Edinburgh* 53, 1933): squares of its Cholesky factor's diagonal are chi-square, what is below it standard
    normal, all independent; and by the sum of all squares. Marginals by Kolmogorov and Smirnov, all numbers
    whitened.
    """
    n, q = x.shape
    white = whitened(x, mean, covariance).T
    centred = white - white.mean(axis=1, keepdims=True)
    root = np.linalg.cholesky(centred @ centred.T)
    diagonal = stats.chi2.cdf(np.diag(root) ** 2, n - 1 - np.arange(q))
    found = {
        f"{name}: mean": stats.chi2.sf(n * (white.mean(axis=1) ** 2).sum(), q),
        f"{name}: spread": two_sided(stats.chi2.cdf((root**2).sum(), (n - 1) * q)),
        f"{name}: variances": stats.chi2.sf(-2 * np.log(two_sided(diagonal)).sum(), 2 * q),
        f"{name}: marginals": stats.kstest(white.ravel(), "norm").pvalue,
    }
    if q > 1:
        below = root[np.tril_indices(q, -1)]
        found[f"{name}: covariances"] = stats.chi2.sf((below**2).sum(), len(below))
        # As many too large as too small ones have the right sum of squares.
        found[f"{name}: covariances' mean"] = 2 * stats.norm.sf(abs(below.sum()) / np.sqrt(len(below)))
    return found


def two_sided(below: np.ndarray) -> np.ndarray:
    """Of probabilities of less than what was found: those of as far or farther to either side."""
    return np.clip(2 * np.minimum(below, 1 - below), 1e-300, 1.0)


def whitened(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Vectors (n, q) of a Gaussian law as standard normal ones."""
    return np.linalg.solve(np.linalg.cholesky(covariance), (x - mean).T).T


def of_counts(counts: np.ndarray, shares: np.ndarray) -> float:
    """Of how often each of several things came, which is to be by their shares."""
    impossible = shares == 0
    if counts[impossible].any():
        return 0.0
    seen, expected = counts[~impossible], shares[~impossible] / shares.sum() * counts.sum()
    return float(stats.chisquare(seen, expected).pvalue) if len(seen) > 1 else 1.0


def of_places(counts: np.ndarray, n_batches: int, per_batch: int) -> float:
    """Of how often each place of a batch was among ``per_batch`` that are drawn without replacement."""
    places = len(counts)
    share = per_batch / places
    spread = n_batches * share * (1 - share)
    statistic = ((counts - n_batches * share) ** 2).sum() / spread * (places - 1) / places
    return float(stats.chi2.sf(statistic, places - 1))


def of_draws(drawn: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Of one draw (N,) for each row of probabilities (N, K), no two rows alike; None if none was by chance.

    Numbers of draws minus their expectations, over the covariance that they have: chi-square. Those that
    hardly vary are counted together, and sums that do not vary at all are left out.
    """
    if probabilities[np.arange(len(drawn)), drawn].min() < IMPOSSIBLE:
        return 0.0
    away = np.bincount(drawn, minlength=probabilities.shape[1]) - probabilities.sum(axis=0)
    covariance = np.diag(probabilities.sum(axis=0)) - probabilities.T @ probabilities
    rare = np.diag(covariance) < LEAST_VARIANCE
    together = np.column_stack([np.eye(len(rare))[:, ~rare], rare])
    spread, directions = np.linalg.eigh(together.T @ covariance @ together)
    free = spread >= LEAST_VARIANCE
    if not free.any():
        return None
    statistic = ((away @ together @ directions[:, free]) ** 2 / spread[free]).sum()
    return float(stats.chi2.sf(statistic, free.sum()))
