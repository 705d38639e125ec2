"""Photos and models that the tests of the Keras adapter share."""

from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.models import PCAMixture
from tests.factories import fit_all as fit

SIZE = 32


@pytest.fixture(scope="session")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    x, y, _ = make_flowers(60, image_size=SIZE, n_classes=3)
    for array in (x, y):
        array.setflags(write=False)
    return x, y


@pytest.fixture(scope="session")
def model(flowers: Any) -> PCAMixture:
    return fit(*flowers, quiet=True, n_components=2)


@pytest.fixture(scope="session")
def unlabelled(flowers: Any) -> PCAMixture:
    return fit(flowers[0], quiet=True, n_components=2)


@pytest.fixture(scope="session")
def night_and_day() -> tuple[np.ndarray, np.ndarray]:
    """Noise around grey level 50 for class 0 and around 200 for class 1."""
    y = np.arange(40) % 2
    noise = np.random.default_rng(0).normal(0, 12, (40, SIZE, SIZE))
    return np.clip(noise + np.where(y, 200, 50)[:, None, None], 0, 255).astype(np.uint8), y


@pytest.fixture(scope="session")
def night_and_day_model(night_and_day: Any) -> PCAMixture:
    return fit(*night_and_day, quiet=True, n_components=1)
