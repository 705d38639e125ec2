"""The laws of models that are promised, each as a function of a seed that tells how far draws are from it."""

from collections.abc import Callable
from functools import partial

from gmmaug_plugin.models.symmetry import SYMMETRIES
from tests.statistics import multiscale_laws, pca_laws
from tests.statistics.alarms import PValues
from tests.statistics.pca_laws import COVARIANCE_TYPES

STRENGTHS = (0.1, 0.5, 1.0)

Law = Callable[[int], PValues]


def _pca_laws() -> dict[str, Law]:
    found: dict[str, Law] = {}
    for covariance_type in COVARIANCE_TYPES:
        for symmetry in SYMMETRIES:
            model = pca_laws.model_of(covariance_type, symmetry)
            name = f"samples of a PCA mixture, {covariance_type}, {symmetry}"
            found[name] = partial(pca_laws.sampling, model, model.mixture)
    kept = pca_laws.model_of("full", "d4", templates=9)
    found["templates of a PCA mixture"] = partial(pca_laws.templates, kept, kept.mixture)
    model = pca_laws.model_of("full", "flip")
    for strength in STRENGTHS:
        for labelled in (False, True):
            name = f"moves of a PCA mixture by {strength}{' within classes' * labelled}"
            move = partial(pca_laws.variation, model, model.mixture, strength, labelled=labelled)
            found[name] = move
    return found


def _multiscale_laws() -> dict[str, Law]:
    found: dict[str, Law] = {}
    for shared in (True, False):
        model = multiscale_laws.model_of(shared=shared)
        name = f"samples of a multi-scale mixture, {'shared' if shared else 'own'} details"
        found[name] = partial(multiscale_laws.sampling, model, model)
    model = multiscale_laws.model_of()
    for strength in STRENGTHS:
        move = partial(multiscale_laws.variation, model, model, strength)
        found[f"moves of a multi-scale mixture by {strength}"] = move
    return found


LAWS: dict[str, Law] = {**_pca_laws(), **_multiscale_laws()}

FEW: tuple[str, ...] = tuple(
    name
    for name in LAWS
    if not name.endswith(("tied, none", "tied, d4", "diag, none", "spherical, none", "spherical, flip"))
    and not name.endswith(("0.1 within classes", "1.0 within classes"))
)
"""Those that are tested every time; all of them are by ``make test-all`` and ``reliability.statistics``."""
