"""A model that copies photos is told from one that blends few, and from one that does neither."""

import json

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.copies import SPACES, CopyDetector, CopyRates
from gmmaug_plugin.evaluation.copying import Copying, measure_copying
from gmmaug_plugin.models.pca_mixture import PCAMixture
from tests.factories import fit_pca as fit


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return make_flowers(120, image_size=32, n_classes=1, random_state=0)[0]


@pytest.fixture(scope="module")
def copier(drawn: np.ndarray) -> PCAMixture:
    """Nearly a component per photo, as the notebook had it."""
    return fit(drawn[:60], recipe="seed", n_components=42, allow_copies=True, holdout=0.0, quiet=True)


def gaussian(images: np.ndarray, n_components: int = 1) -> PCAMixture:
    return fit(images, n_components=n_components, allow_copies=True, holdout=0.0, quiet=True)


@pytest.mark.parametrize("random_state", [0, 1])
def test_components_on_single_photos_single_these_out(
    drawn: np.ndarray, copier: PCAMixture, random_state: int
) -> None:
    found = measure_copying(copier, CopyDetector(drawn[:60]), random_state=random_state)
    assert found.singles_out() == SPACES
    assert min(found.rates.rates.values()) > 0.5
    assert found.as_json()["one_gaussian_rates"]["raw"] < 0.1
    assert found.describe().startswith(f"copies {found.rates.rates['raw']:.1%} (real photos against each")
    assert "blends" not in found.describe()


@pytest.mark.parametrize("n_photos", [6, 12, 30])
@pytest.mark.parametrize("random_state", [0, 1, 2])
def test_one_gaussian_through_few_photos_blends_and_singles_none_out(
    drawn: np.ndarray, n_photos: int, random_state: int
) -> None:
    few = drawn[:n_photos]
    found = measure_copying(gaussian(few), CopyDetector(few), random_state=random_state)
    assert found.rates.exceeds(), "too near to the photos by the rates alone"
    assert found.singles_out() == ()
    assert found.describe().endswith(
        ": so few photos show through in any blend of them, more are needed to tell"
    )


def test_a_sound_model_needs_no_gaussian_beside(drawn: np.ndarray) -> None:
    found = measure_copying(gaussian(drawn, 2), CopyDetector(drawn))
    assert found.one_gaussian is None
    assert found.singles_out() == ()
    assert found.describe() == found.rates.describe()
    assert json.loads(json.dumps(found.as_json()))["one_gaussian_rates"] is None


def test_the_gaussian_beside_starts_from_no_template(drawn: np.ndarray) -> None:
    """Templates at strength 0 are the photos themselves, whatever the mixture is."""
    photos = drawn[:60]
    model = fit(photos, n_components=1, templates=60, strength=0.0, allow_copies=True, holdout=0, quiet=True)
    found = measure_copying(model, CopyDetector(photos))
    assert {"raw", "contrast"} <= set(found.singles_out())
    assert found.rates.rates["raw"] > 0.95
    assert found.as_json()["one_gaussian_rates"]["raw"] < 0.1


def test_samples_count_as_the_class_that_is_told(drawn: np.ndarray, copier: PCAMixture) -> None:
    labels = np.repeat([0, 1], 60)
    detector = CopyDetector(np.concatenate([255 - drawn[60:], drawn[:60]]), labels)
    assert measure_copying(copier, detector, label=1).singles_out() == SPACES
    assert measure_copying(copier, detector, label=0).rates.rates["raw"] < 0.05


def test_the_seed_decides_and_the_number_of_samples_is_kept(drawn: np.ndarray, copier: PCAMixture) -> None:
    detector = CopyDetector(drawn[:60])
    first, again, other = (
        measure_copying(copier, detector, n_samples=150, random_state=seed).as_json() for seed in (3, 3, 4)
    )
    assert json.dumps(first) == json.dumps(again)
    assert first["rates"] != other["rates"]
    assert first["n"] == 150
    assert set(first["one_gaussian_rates"]) == set(SPACES)


def spaces(raw: float, contrast: float, high_pass: float) -> dict[str, float]:
    return {"raw": raw, "contrast": contrast, "high_pass": high_pass}


@pytest.mark.parametrize(
    ("one_gaussian", "singled_out", "told"),
    [
        (
            spaces(0.5, 0.3, 0.02),
            ("high_pass",),
            "copies 60.0% (real photos against each other 3.0%, one Gaussian 2.0%)",
        ),
        (
            spaces(0.01, 0.3, 0.02),
            ("raw", "high_pass"),
            "copies 50.0% (real photos against each other 1.0%, one Gaussian 1.0%)",
        ),
        (
            spaces(0.5, 0.0, 0.6),
            (),
            "copies 50.0% (real photos against each other 1.0%, one Gaussian 50.0%): "
            "so few photos show through in any blend of them, more are needed to tell",
        ),
    ],
)
def test_what_is_said_is_of_a_space_that_is_meant(
    one_gaussian: dict, singled_out: tuple[str, ...], told: str
) -> None:
    """Contrast never exceeds the real photos, so what one Gaussian does there is nothing."""
    rates, real = spaces(0.5, 0.02, 0.6), spaces(0.01, 0.02, 0.03)
    found = Copying(CopyRates(rates, real, 500, 500), CopyRates(rates, one_gaussian, 500, 500))
    assert found.singles_out() == singled_out
    assert found.describe() == told
    assert found.as_json()["singles_out"] == list(singled_out)
