"""Pools and a photo that the tests of the transform share."""

import numpy as np
import pytest

from gmmaug_plugin.pool import Pool
from tests.factories import random_pool

SIZE = 32


@pytest.fixture(scope="session")
def pools() -> dict[str, Pool]:
    return {
        "labelled": random_pool(60, image_size=SIZE, n_classes=3),
        "unlabelled": random_pool(60, image_size=SIZE, n_classes=0),
        "single": random_pool(60, image_size=SIZE, n_classes=1),
        "color": random_pool(60, image_size=SIZE, n_classes=3, channels=3),
    }


@pytest.fixture(scope="session")
def paths(pools: dict[str, Pool], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pools")
    for name, pool in pools.items():
        pool.save(folder / f"{name}.safetensors", lossless=True)
    return {name: str(folder / f"{name}.safetensors") for name in pools}


@pytest.fixture
def path(paths: dict[str, str]) -> str:
    return paths["labelled"]


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (SIZE, SIZE), np.uint8)
