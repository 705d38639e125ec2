"""Which photos train, which stop the training, and which are reported on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_VALIDATION = 100
MOST_TEST = 200
"""Photos a class: enough for the differences sought, few enough that measuring costs less than training."""

FEWEST_HELD_BACK = 3
FEWEST_TRAINING = 4


@dataclass(frozen=True)
class Split:
    """Indices of photos, intp; disjoint.

    Attributes:
        training: ``photos_per_class`` of every class.
        validation: Up to 100 of every class, a third of the rest, for early stop and temperature.
        test: Up to 200 of every class, for all figures that are reported.
    """

    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def split_photos(
    labels: NDArray[np.int32], groups: NDArray[np.int32], photos_per_class: int, seed: tuple[int, ...]
) -> Split:
    """Draw photos of every class at random; near-duplicates of training photos are not held back.

    Args:
        labels: Int32 (n,).
        groups: Int32 (n,), the same number for near-duplicates.
        photos_per_class: Training photos of every class; at least three more must be there.
        seed: The same seed gives the same split.

    Raises:
        ValueError: Of a class only near-duplicates of training photos are left.
    """
    random = np.random.default_rng(seed)
    orders = [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    seen = groups[np.concatenate([order[:photos_per_class] for order in orders])]
    training, validation, test = [], [], []
    for order in orders:
        rest = order[photos_per_class:]
        rest = rest[~np.isin(groups[rest], seen)]
        if len(rest) < FEWEST_HELD_BACK:
            raise ValueError(
                f"Every class must have {FEWEST_HELD_BACK} photos to hold back that are no near-duplicates "
                f"of training photos. Received: a class with {len(rest)} of them"
            )
        n_validation = min(MOST_VALIDATION, len(rest) // 3)
        training.append(order[:photos_per_class])
        validation.append(rest[:n_validation])
        test.append(rest[n_validation : n_validation + MOST_TEST])
    return Split(np.concatenate(training), np.concatenate(validation), np.concatenate(test))


def choose_photos_per_class(
    labels: NDArray[np.int32], class_names: tuple[str, ...], photos_per_class: int | None
) -> int:
    """Return the number of training photos a class; None takes two thirds of the smallest class.

    Raises:
        ValueError: The smallest class has not that many and three more, or there are fewer than four.
    """
    counts = np.bincount(labels, minlength=len(class_names))
    fewest, name = int(counts.min()), class_names[int(np.argmin(counts))]
    chosen = photos_per_class
    if chosen is None:
        chosen = min(2 * fewest // 3, fewest - FEWEST_HELD_BACK)
    if chosen < FEWEST_TRAINING or fewest - chosen < FEWEST_HELD_BACK:
        raise ValueError(
            f"Too few photos: every class must have at least {FEWEST_TRAINING} to train on and "
            f"{FEWEST_HELD_BACK} more to hold back. Received: photos_per_class={photos_per_class}, and "
            f"{fewest} photos of class {name!r}"
        )
    return chosen


def order_of_batches(n_photos: int, steps: int, batch_size: int, seed: tuple[int, ...]) -> NDArray[np.int32]:
    """Draw batches: every photo once, in random order, before any comes again; int32 (steps, batch_size)."""
    random = np.random.default_rng(seed)
    n_epochs = -(-steps * batch_size // n_photos)
    order = np.concatenate([random.permutation(n_photos) for _ in range(n_epochs)])
    return order[: steps * batch_size].reshape(steps, batch_size).astype(np.int32)
