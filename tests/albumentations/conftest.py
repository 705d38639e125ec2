"""Photos and models that the tests of the transforms share."""

from typing import Any

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.models import PCAMixture
from tests.factories import fit_all as fit

SIZE = 32


@pytest.fixture(scope="session")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    images, labels, _ = make_flowers(60, image_size=SIZE, n_classes=3)
    return images, labels


@pytest.fixture(scope="session")
def models(flowers: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, PCAMixture]:
    images, labels = flowers
    daisies = images[labels == 0]
    return {
        "labelled": fit(images, labels, quiet=True, n_components=2),
        "unlabelled": fit(images, quiet=True, n_components=2),
        "single": fit(daisies, np.zeros(len(daisies), int), quiet=True, n_components=1),
    }


@pytest.fixture(scope="session")
def paths(models: dict[str, PCAMixture], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        model.save(folder / f"{name}.safetensors")
    return {name: str(folder / f"{name}.safetensors") for name in models}


@pytest.fixture
def path(paths: dict[str, str]) -> str:
    return paths["labelled"]


@pytest.fixture(scope="session")
def photo(flowers: Any) -> np.ndarray:
    return flowers[0][0]
