"""Draws and moves of models have the laws that are promised, and tests of that notice others."""

from dataclasses import replace

import numpy as np
import pytest

from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale import ConditionalMixture
from tests.extent import ALL
from tests.statistics import multiscale_laws, pca_laws
from tests.statistics.alarms import alarms
from tests.statistics.laws import FEW, LAWS

SEED = 0


@pytest.mark.parametrize("name", LAWS if ALL else FEW)
def test_draws_and_moves_have_the_promised_law(name: str) -> None:
    assert not alarms(LAWS[name](SEED))


def wider(mixture: Mixture, by: float = 0.05) -> Mixture:
    """Covariances greater by 5%."""
    grown = np.float32(1 + by)
    return replace(mixture, variances=mixture.variances * grown, factors=mixture.factors * np.sqrt(grown))


def farther(mixture: Mixture) -> Mixture:
    """Means that are off by 10% of the standard deviation outside the factors."""
    off = np.float32(0.1) * np.sqrt(mixture.variances[mixture.groups])
    return replace(mixture, means=mixture.means + off)


def exchanged(mixture: Mixture) -> Mixture:
    """Two components of one class with each other's weights."""
    weights = mixture.weights.copy()
    weights[[2, 3]] = weights[[3, 2]]
    return replace(mixture, weights=weights)


def tilted(mixture: Mixture) -> Mixture:
    """Factors of one component with the other sign in half of their numbers: covariances of another sign."""
    factors = mixture.factors.copy()
    factors[:, ::2] *= -1
    return replace(mixture, factors=factors)


@pytest.mark.parametrize("change", [wider, farther, exchanged, tilted])
def test_a_pca_mixture_that_draws_another_law_is_noticed(change) -> None:
    model = pca_laws.model_of("full", "d4")
    wrong = replace(model, mixture=change(model.mixture))
    assert alarms(pca_laws.sampling(wrong, model.mixture, SEED))


MISTAKES = [(wider, 0.1), (farther, 1.0), (exchanged, 0.5)]


@pytest.mark.parametrize(("change", "strength"), MISTAKES if ALL else MISTAKES[:1])
def test_moves_to_another_law_are_noticed(change, strength: float) -> None:
    model = pca_laws.model_of("full", "d4")
    wrong = replace(model, mixture=change(model.mixture))
    assert alarms(pca_laws.variation(wrong, model.mixture, strength, SEED))


def wider_details(mixture: ConditionalMixture) -> ConditionalMixture:
    """Roots greater by 3%: covariances by 6%."""
    return replace(mixture, roots=(mixture.roots * np.float16(1.03)).astype(np.float16))


def favoured(mixture: ConditionalMixture) -> ConditionalMixture:
    """The first component with four times the weight: contexts leave weights little to tell."""
    weights = mixture.weights * np.where(np.arange(mixture.n_components) == 0, 4.0, 1.0)
    return replace(mixture, weights=weights / weights.sum())


@pytest.mark.parametrize("change", [wider_details, favoured])
def test_a_multiscale_mixture_that_draws_another_law_is_noticed(change) -> None:
    model = multiscale_laws.model_of()
    *coarse, finest = model.levels
    wrong = replace(model, levels=(*coarse, (change(finest[0]), *finest[1:])))
    assert alarms(multiscale_laws.sampling(wrong, model, SEED))


@pytest.mark.parametrize("part", ["finest details", *["base"] * ALL])
def test_moves_of_a_multiscale_mixture_to_another_law_are_noticed(part: str) -> None:
    """The base wider by a fifth, of which 80 images tell; or details by 6%."""
    model = multiscale_laws.model_of()
    if part == "base":
        wrong = replace(model, base=wider(model.base, by=0.2))
    else:
        finest = tuple(wider_details(one) for one in model.levels[-1])
        wrong = replace(model, levels=(*model.levels[:-1], finest))
    assert alarms(multiscale_laws.variation(wrong, model, 0.5, SEED))
