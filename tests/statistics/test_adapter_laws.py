"""What adapters mix into batches has the laws that are promised."""

import numpy as np
import pytest

from tests.statistics import adapter_laws
from tests.statistics.adapter_laws import LAWS, P
from tests.statistics.alarms import alarms
from tests.statistics.p_values import of_places

SEED = 0


@pytest.mark.parametrize("name", LAWS)
def test_batches_have_the_promised_law(name: str) -> None:
    assert not alarms(LAWS[name](SEED))


def test_another_probability_of_a_transform_is_noticed() -> None:
    assert alarms(adapter_laws.transforms(SEED, p=P + 0.04))


def test_places_that_are_preferred_are_noticed() -> None:
    """One of 16 places is taken 80 times too often in 400 batches."""
    counts = np.random.default_rng(0).multivariate_hypergeometric([400] * 16, 1600)
    assert of_places(counts, 400, 4) > 1e-3
    counts[0] += 80
    assert alarms({"places": of_places(counts, 400, 4), "another": 0.5})
