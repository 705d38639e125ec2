"""How good a classifier's probabilities are, and what a single scalar makes of them."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

N_BINS = 15
_TEMPERATURES = (0.02, 50.0)

Logits = NDArray[np.float64]
Labels = NDArray[np.int32]


def accuracy(logits: Logits, labels: Labels) -> float:
    """Share of images whose greatest logit is that of their class, 0..1."""
    return float((logits.argmax(axis=1) == labels).mean())


def negative_log_likelihood(logits: Logits, labels: Labels) -> float:
    """Mean negative log-probability of the true class, in nats.

    Args:
        logits: Float64 (n, n_classes).
        labels: Int32 (n,).
    """
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def calibration_error(logits: Logits, labels: Labels) -> float:
    """Expected calibration error in 15 bins of equal width, 0..1.

    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
    equation 3: the mean over images of the distance between the confidence and the accuracy of their bin.

    Args:
        logits: Float64 (n, n_classes).
        labels: Int32 (n,).

    Example:
        >>> calibration_error(np.array([[50.0, 0.0]] * 4), np.array([0, 0, 0, 1], np.int32))
        0.25
    """
    confidence = np.exp(log_softmax(logits, axis=1).max(axis=1))
    right = logits.argmax(axis=1) == labels
    # The bins are open below and closed above, as in the paper.
    bins = np.clip(np.ceil(confidence * N_BINS).astype(int) - 1, 0, N_BINS - 1)
    return float(np.abs(np.bincount(bins, confidence - right, N_BINS)).sum() / len(labels))


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """The scalar that logits are best divided by.

    Guo et al. 2017, section 4.2: it minimises the negative log-likelihood of held-back photos, changes no
    decision, and is fitted on other photos than it is judged on. Sought in 0.02..50.

    Args:
        logits: Float64 (n, n_classes).
        labels: Int32 (n,).
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits / np.exp(log_temperature), labels)

    # Convex in the inverse temperature, so with a single valley in its logarithm as well.
    found = minimize_scalar(
        loss, bounds=tuple(np.log(_TEMPERATURES)), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))
