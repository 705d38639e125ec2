"""A fit that is tried on photos held back before it is handed over."""

from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from gmmaug_plugin.evaluation.copies import CopyDetector, CopyRates, NoDifferentPhotosError
from gmmaug_plugin.evaluation.copying import Copying, measure_copying
from gmmaug_plugin.evaluation.likelihood import Calibration
from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.measuring import Measurements, measure_model
from gmmaug_plugin.evaluation.strength import (
    MeasuredStrength,
    measure_synthesis_strength,
    measure_variation_strength,
)
from gmmaug_plugin.evaluation.subject import N_JUDGED, VariedPhotos, subject_of, with_templates
from gmmaug_plugin.fitting.execution import HERE, Execution
from gmmaug_plugin.fitting.kinds import KINDS, labels_of
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.selection import CopiesError, Judge
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.images.holdout import split_holdout
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.models.strengths import FRESH, Strengths

FEWEST_VARIED = 100
"""Photos that a strength of variation is judged by, at least: of large images fewer are varied, since each
takes as long as it has pixels."""

_USUAL_SIZE = 128

FEATURE_MEASURES = ("precision", "recall", "frechet_distance")
"""Measures that need TensorFlow: a model's info must not depend on whether it is installed."""

MIN_HELD_BACK = 4
"""With fewer photos held back there is nothing to measure on: all are fitted, none is held back."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What was fitted and how it did on photos it had not seen.

    Attributes:
        model: The model to hand over: refitted on all photos, unless that was not wanted.
        tried: The model that was measured: fitted without the photos held back.
        training: The photos that ``tried`` was fitted on.
        held_back: The others; None where none were held back.
        detector: Tells copies of ``training``; None where no two photos of a class differ.
        measurements: Every measure of ``tried``.
    """

    model: ImageModel
    tried: ImageModel
    training: PhotoSet
    held_back: PhotoSet | None
    detector: CopyDetector | None
    measurements: Measurements


def split_photos(photo_set: PhotoSet, options: FitOptions) -> tuple[PhotoSet, PhotoSet | None]:
    """Split photos into those to fit on and those to measure on; None where these would be too few."""
    training, held_back = split_holdout(photo_set, options.holdout)
    if len(held_back.images) < MIN_HELD_BACK:
        return photo_set, None
    return training, held_back


def try_fit(
    photo_set: PhotoSet,
    training: PhotoSet,
    held_back: PhotoSet | None,
    options: FitOptions,
    *,
    features: bool | None,
    execution: Execution = HERE,
    quiet: bool,
) -> Trial:
    """Fit, refuse what copies, measure, and fit again on all photos.

    Args:
        photo_set: All photos.
        training: Those to fit on first.
        held_back: The others; None if there are none.
        options: The options.
        features: Whether the measurements take in those in a network's features, see
            :func:`~gmmaug_plugin.evaluation.measuring.measure_model`. The model's info never has them.
        execution: How it is carried out; everything is measured here, not on a cluster.
        quiet: Show no progress.

    Returns:
        The model and all that is known of it.

    Raises:
        CopiesError: All candidates copy more than real photos resemble each other.
    """
    kind = KINDS[options.model]
    detector = detector_of(training, held_back, random_state=options.random_state)
    judge = None if options.allow_copies or detector is None else _judge(detector, options.random_state)
    fitted = kind.fit(training, options, judge=judge, execution=execution.under("tried"), quiet=quiet)
    tried = _equip(fitted.model, training, options, Strengths())
    if detector is not None:
        detector = with_templates(detector, tried, random_state=options.random_state)
    find = partial(_find_strengths, tried, training, detector, options, quiet=quiet)
    synthesis, variation = execution.parts.do("strengths", find, MeasuredStrength, CopyRates)
    given = FRESH if options.strength == "auto" else float(options.strength)
    tried = replace(tried, strengths=Strengths(given if synthesis is None else synthesis.strength))
    subject = subject_of(tried, training, None if variation is None else variation.strength)
    measure = partial(measure_model, subject, training, held_back, detector=detector, features=features)
    measurements = execution.parts.do(
        f"measurements-features-{features}",
        partial(measure, random_state=options.random_state, quiet=quiet),
        *_MEASURED,
    )
    _check_synthesis(tried, measurements, options)
    info = fitted.info | _describe(photo_set, held_back, options, measurements)
    if detector is not None and detector.compared is not None:
        info["photos_compared"] = len(detector.compared)
    info["synthesis_strength"] = synthesis and synthesis.as_json()
    if variation is not None:
        info["variation_strength"] = variation.as_json()
    tried = replace(tried, info=info)
    model = tried
    if options.refit and held_back is not None:
        everything = kind.fit(
            photo_set, options, chosen=fitted.chosen, execution=execution.under("refit"), quiet=quiet
        )
        again = {name: everything.info[name] for name in _TOLD_OF_THE_REFIT if name in everything.info}
        model = replace(_equip(everything.model, photo_set, options, tried.strengths), info=info | again)
    return Trial(model, tried, training, held_back, detector, measurements)


_MEASURED = (Measurements, Measure, Copying, CopyRates, Calibration)
"""What measurements are made of, when they are kept as a part."""

_TOLD_OF_THE_REFIT = ("explained_variance_ratio", "n_components_per_class")
"""What is the model's own: everything else in its info tells how it was chosen and tried."""


def fit_untried(photo_set: PhotoSet, options: FitOptions) -> ImageModel:
    """Fit on all photos and measure nothing: for those who measure something else."""
    given = FRESH if options.strength == "auto" else float(options.strength)
    fitted = KINDS[options.model].fit(photo_set, options, quiet=True)
    return _equip(fitted.model, photo_set, options, Strengths(given))


def _check_synthesis(model: ImageModel, measurements: Measurements, options: FitOptions) -> None:
    """Raise :class:`CopiesError` where templates are moved so little that they come back."""
    copying = measurements.copying
    if model.templates is None or options.allow_copies or copying is None or not copying.singles_out():
        return
    strength = model.strengths.synthesis
    raise CopiesError(
        f"Synthesis from templates is refused at strength {strength:g}: {copying.describe()}",
        received=f"strength={options.strength!r}",
    )


def detector_of(
    training: PhotoSet, held_back: PhotoSet | None, *, random_state: int = 0
) -> CopyDetector | None:
    """What tells copies of photos; None where no two photos of a class differ."""
    try:
        return CopyDetector(
            training.images,
            training.labels,
            None if held_back is None else held_back.images,
            None if held_back is None else held_back.labels,
            random_state=random_state,
        )
    except NoDifferentPhotosError:
        return None


def _judge(detector: CopyDetector, random_state: int) -> Judge:
    """Refuses a model of one class that copies more than real photos do, and than one Gaussian does."""

    def judge(model: PCAMixture, label: int) -> str | None:
        copying = measure_copying(model, detector, n_samples=N_JUDGED, label=label, random_state=random_state)
        return copying.describe() if copying.singles_out() else None

    return judge


def _equip(model: ImageModel, photo_set: PhotoSet, options: FitOptions, strengths: Strengths) -> ImageModel:
    """Give a model what goes with it: names, strengths, and templates where they are wanted."""
    templates = None
    if options.templates:
        templates = KINDS[options.model].templates(model, photo_set, options)
    return replace(model, class_names=photo_set.class_names, strengths=strengths, templates=templates)


def _find_strengths(
    model: ImageModel,
    training: PhotoSet,
    detector: CopyDetector | None,
    options: FitOptions,
    *,
    quiet: bool,
) -> tuple[MeasuredStrength | None, MeasuredStrength | None]:
    """Strengths of synthesis and of variation, each where there is one to find."""
    return (
        _find_strength(model, detector, options, quiet=quiet),
        _find_variation(model, training, detector, options, quiet=quiet),
    )


def _find_strength(
    model: ImageModel, detector: CopyDetector | None, options: FitOptions, *, quiet: bool
) -> MeasuredStrength | None:
    """Measure the strength of synthesis where there is one to choose."""
    if model.templates is None or detector is None or options.strength != "auto":
        return None
    return measure_synthesis_strength(model, detector, random_state=options.random_state, quiet=quiet)


def _find_variation(
    model: ImageModel,
    training: PhotoSet,
    detector: CopyDetector | None,
    options: FitOptions,
    *,
    quiet: bool,
) -> MeasuredStrength | None:
    """Measure from which strength varied photos are no copies, where a model is for varying them."""
    if detector is None or not isinstance(subject_of(model, training), VariedPhotos):
        return None
    n_samples = max(FEWEST_VARIED, min(N_JUDGED, N_JUDGED * _USUAL_SIZE**2 // model.image_size**2))
    return measure_variation_strength(
        model, training, detector, n_samples=n_samples, random_state=options.random_state, quiet=quiet
    )


def _describe(
    photo_set: PhotoSet, held_back: PhotoSet | None, options: FitOptions, measurements: Measurements
) -> dict[str, Any]:
    """What an artifact tells of its making: no path, no clock, so that equal fits give equal bytes."""
    names = photo_set.class_names or ("",)
    return {
        "options": {**options.as_json(), "resize": photo_set.resize},
        "photos_per_class": dict(zip(names, np.bincount(labels_of(photo_set)).tolist(), strict=True)),
        "n_skipped": len(photo_set.skipped),
        "n_held_back": 0 if held_back is None else len(held_back.images),
        "photos": photo_set.fingerprint,
        "photos_held_back": None if held_back is None else held_back.fingerprint,
        "copying": measurements.copying and measurements.copying.as_json(),
        "measures": [one.as_json() for one in measurements.measures if one.name not in FEATURE_MEASURES],
        "versions": {
            package: version(package)
            for package in ("gmmaug-plugin", "numpy", "scipy", "scikit-learn", "pillow")
        },
    }
