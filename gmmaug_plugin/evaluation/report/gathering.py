"""From a model and its photos to what a report shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.likelihood import Calibration, measure_calibration
from gmmaug_plugin.evaluation.measures import Measure, some_unseen
from gmmaug_plugin.evaluation.report import wording
from gmmaug_plugin.evaluation.report.calibration import Responsibilities, class_table, responsibilities
from gmmaug_plugin.evaluation.report.contents import (
    Component,
    Nearness,
    Pair,
    ReportContents,
    Table,
    closeness,
)
from gmmaug_plugin.evaluation.report.making import describe_making
from gmmaug_plugin.evaluation.spaces import SPACES, Space
from gmmaug_plugin.evaluation.subject import as_compared, describe_subject, subject_of
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.resizing import resize_images

if TYPE_CHECKING:
    from gmmaug_plugin.evaluation.copies import CopyDetector

Images = NDArray[np.uint8]

STRENGTHS = tuple(step / 10 for step in range(11))
_MOST_PIXELS = 128
"""Height and width of the pictures in a report: a page of larger ones would be too heavy to open."""

_MOST_CLASSES = 12
_FEWEST_PER_CLASS = 4
_ROW = 8
"""Pictures in a row of a wide page: whole rows look tidier."""

_MOST_MEANS = 48
_PAIRS = 12
_NEAR_PERCENTILE = 10.0
_MOST_NEAR = 600
_USUAL_NEAR = 1.1
_EIGEN_IMAGES = 16
_MIDDLE = 128
_NUMPY = NumpyEngine()


def gather(
    model: ImageModel,
    training: PhotoSet,
    held_back: PhotoSet | None = None,
    measures: Sequence[Measure] = (),
    *,
    detector: "CopyDetector | None" = None,
    skipped: Iterable[object] = (),
    notes: Sequence[str] = (),
    model_name: str = "",
    random_state: int = 0,
    n_samples: int = 48,
    n_compared: int = 500,
    n_varied: int = 6,
) -> ReportContents:
    """Collect everything a report shows. The same arguments give the same contents.

    Args:
        model: The model.
        training: The photos it was fitted on, at its size.
        held_back: Photos it was not fitted on, at its size.
        measures: What was measured; without any, what the model's own info tells.
        detector: Finds the training photos nearest to samples; without one, no pairs are shown.
        skipped: Files left out; their ``str`` is shown.
        notes: On what was not measured, and why.
        model_name: The model's file name. Of a path only the last part is kept.
        random_state: Seed of all samples and choices.
        n_samples: Samples to show, shared among the classes.
        n_compared: Samples to compare with the training photos. They are the first of the model's own stream
            for this seed, which :func:`~gmmaug_plugin.evaluation.measuring.measure_model` measures as well.
        n_varied: Photos to vary.

    Returns:
        The contents, for :func:`~gmmaug_plugin.evaluation.report.write_report`.

    Raises:
        ValueError: Photos are of another size or have other classes than the model, or a number is negative.

    Example:
        >>> from gmmaug_plugin import fit
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> from gmmaug_plugin.images import load_photos
        >>> flowers, labels, _ = make_flowers(40, image_size=32, n_classes=2)
        >>> photos = load_photos(flowers, labels)
        >>> model = fit(photos, n_components=1, allow_copies=True, quiet=True)
        >>> contents = gather(model, photos, n_samples=8)
        >>> contents.samples.shape
        (8, 32, 32)
    """
    for name, value in {
        "random_state": random_state,
        "n_samples": n_samples,
        "n_compared": n_compared,
        "n_varied": n_varied,
    }.items():
        whole_number(name, value, 0)
    for photos in (training, held_back):
        if photos is not None:
            _check_photos(model, photos)
    making = describe_making(model)
    measures = tuple(measures) or making.measures
    left_out = tuple(map(str, skipped))
    subject = as_compared(subject_of(model, training), detector)
    samples, sample_labels = _samples(subject, model.class_names, n_samples, random_state)
    variations, variation_labels = _variations(model, training, n_varied, random_state)
    pairs, nearness = _compare(subject, held_back, detector, n_compared, random_state)
    components, calibration = _components(model, training, held_back)
    counts = _counts(training, len(model.class_names))
    n_held_back = 0 if held_back is None else len(held_back.images)
    in_words = (
        wording.about_photos(
            model.class_names, counts.tolist(), n_held_back, len(left_out), model.image_size
        ),
        wording.about_components(making.n_components_per_class, making.criterion_curves, making.choices),
        wording.about_copies(measures),
    )
    return ReportContents(
        model_name=model_name.replace("\\", "/").rpartition("/")[2],
        kind=model.kind,
        subject=describe_subject(subject),
        image_size=model.image_size,
        class_names=tuple(model.class_names),
        n_held_back=n_held_back,
        seed=random_state,
        verdict=wording.judge(measures),
        summary=tuple(sentence for sentence in in_words if sentence),
        samples=samples,
        sample_labels=sample_labels,
        variations=variations,
        variation_labels=variation_labels,
        strengths=STRENGTHS,
        default_strength=model.strengths.variation,
        pairs=pairs,
        nearness=nearness,
        measures=measures,
        eigen_images=_eigen_images(model, making.explained_variance_in_code_order),
        explained_variance_ratio=making.explained_variance_ratio,
        criterion_curves=making.criterion_curves,
        refusals=making.refusals,
        components=components,
        notes=tuple(notes),
        calibration=calibration,
        calibration_test=_calibrate(model, training, held_back, random_state),
        skipped=left_out,
        options=making.options,
        versions=making.versions,
        info=making.rest,
    )


def _check_photos(model: ImageModel, photos: PhotoSet) -> None:
    wanted = (model.image_size, model.image_size)
    if photos.images.shape[1:] != wanted or photos.images.dtype != np.uint8:
        raise ValueError(
            f"Photos must be uint8 (n, {wanted[0]}, {wanted[1]}), the model's size. "
            f"Received: {photos.images.dtype} {photos.images.shape}"
        )
    if photos.class_names != tuple(model.class_names):
        raise ValueError(
            f"Photos must have the model's classes, {list(model.class_names)}. "
            f"Received: {list(photos.class_names)}"
        )


def _counts(photos: PhotoSet, n_classes: int) -> NDArray[np.int64]:
    if photos.labels is None:
        return np.array([len(photos.images)])
    return np.bincount(photos.labels, minlength=n_classes)


def _shown(images: Images) -> Images:
    """Reduce images of the model's size to what a page can carry."""
    return resize_images(images, _MOST_PIXELS) if images.shape[-1] > _MOST_PIXELS else images


def _samples(
    subject: Any, class_names: Sequence[str], n: int, random_state: int
) -> tuple[Images, NDArray[np.int32] | None]:
    """Samples of every class, as many of each, so that a rare class can be judged as well."""
    if not class_names or not n:
        return _shown(subject.sample(n, seed=(random_state, 0))[0]), None
    n_shown = min(len(class_names), _MOST_CLASSES, n)
    each = min(n, max(_FEWEST_PER_CLASS, n // n_shown))
    each -= each % _ROW if each > _ROW else 0
    images = [subject.sample(each, label=label, seed=(random_state, 0, label))[0] for label in range(n_shown)]
    return _shown(np.concatenate(images)), np.repeat(np.arange(n_shown, dtype=np.int32), each)


def _variations(
    model: ImageModel, photos: PhotoSet, n: int, random_state: int
) -> tuple[Images, NDArray[np.int32] | None]:
    """Every chosen photo at every strength, with the same noise, so that a slider moves without jumps."""
    chosen = _choose(photos, n, random_state)
    labels = None if photos.labels is None else photos.labels[chosen]
    images = photos.images[chosen]
    varied = [model.vary(images, strength=a, label=labels, seed=(random_state, 1)) for a in STRENGTHS]
    return np.stack([_shown(one) for one in varied], axis=1), labels


def _choose(photos: PhotoSet, n: int, random_state: int) -> NDArray[np.intp]:
    """Photos at random, the classes taking turns."""
    order = np.random.default_rng([random_state, 2]).permutation(len(photos.images))
    if photos.labels is not None:
        labels = photos.labels[order]
        turn = np.empty(len(order), np.intp)
        for label in np.unique(labels):
            members = labels == label
            turn[members] = np.arange(members.sum())
        order = order[np.lexsort((labels, turn))]
    return order[:n]


def _compare(
    subject: Any,
    held_back: PhotoSet | None,
    detector: "CopyDetector | None",
    n: int,
    random_state: int,
) -> tuple[tuple[Pair, ...], tuple[Nearness, ...]]:
    if detector is None or not n:
        return (), ()
    images, labels = subject.sample(n, seed=random_state)
    pairs, nearness = [], []
    for space in SPACES:
        nearest = detector.nearest(images, labels, space=space)
        near = _near(detector, held_back, space, random_state)
        words = [closeness(float(ratio), near) for ratio in nearest.ratios]
        real_share = float(detector.real_rates[space])
        nearness.append(Nearness(space, n, words.count("copy"), words.count("near"), near, real_share))
        for index in np.argsort(nearest.ratios, kind="stable")[:_PAIRS]:
            sample, photo = _shown(np.stack([images[index], nearest.photo(int(index))]))
            ratio, photo_index = float(nearest.ratios[index]), int(nearest.indices[index])
            pairs.append(Pair(space, sample, photo, ratio, words[index], int(index), photo_index))
    return tuple(pairs), tuple(nearness)


def _near(detector: "CopyDetector", held_back: PhotoSet | None, space: Space, random_state: int) -> float:
    """The ratio that one in ten held-back photos comes below; spaces differ too much for one constant."""
    if held_back is None or not len(held_back.images):
        return _USUAL_NEAR
    some = some_unseen(len(held_back.images), random_state, most=_MOST_NEAR)
    labels = None if held_back.labels is None else held_back.labels[some]
    ratios = detector.nearest(held_back.images[some], labels, space=space).ratios
    return max(1.0, float(np.percentile(ratios, _NEAR_PERCENTILE)))


def _eigen_images(model: ImageModel, ratios: NDArray[np.float64]) -> Images:
    """The directions of greatest variance, each scaled to use all grey levels, zero in the middle."""
    if not isinstance(model, PCAMixture):
        return np.empty((0, model.image_size, model.image_size), np.uint8)
    q = model.basis.n_dimensions
    order = np.argsort(-ratios, kind="stable") if len(ratios) == q else np.arange(q)
    codes = np.zeros((min(q, _EIGEN_IMAGES), q))
    # Large codes, because decoding rounds to a small step of grey levels.
    codes[np.arange(len(codes)), order[: len(codes)]] = 1e3
    images = model.basis.decode(_NUMPY, codes).astype(np.float64)
    peaks = np.abs(images).max(axis=(1, 2), keepdims=True, initial=0.0)
    scaled = images / np.where(peaks > 0, peaks, 1.0) * (_MIDDLE - 1) + _MIDDLE
    return _shown(np.rint(scaled).astype(np.uint8))


def _components(
    model: ImageModel, training: PhotoSet, held_back: PhotoSet | None
) -> tuple[tuple[Component, ...], tuple[Table, ...]]:
    if not isinstance(model, PCAMixture):
        return (), ()
    names = model.class_names or ("",)
    counts = _counts(training, len(names))
    seen = None
    if held_back is not None and len(held_back.images):
        seen = responsibilities(model, held_back)
    order = _by_class_and_size(model)
    means = _mean_images(model, order)
    components = tuple(_component(model, int(k), names, counts, seen, means) for k in order)
    titles = model.class_names or ("All photos",)
    return components, (class_table(model, titles, counts, seen),)


def _calibrate(
    model: ImageModel, training: PhotoSet, held_back: PhotoSet | None, random_state: int
) -> Calibration | None:
    if held_back is None or not len(held_back.images):
        return None
    return measure_calibration(
        model,
        held_back.images,
        held_back_labels=held_back.labels,
        labels=training.labels,
        n_training=len(training.images),
        random_state=random_state,
    )


def _by_class_and_size(model: PCAMixture) -> NDArray[np.intp]:
    mixture = model.mixture
    return np.lexsort((np.arange(len(mixture.weights)), -mixture.weights, mixture.classes))


def _mean_images(model: PCAMixture, order: NDArray[np.intp]) -> Mapping[int, Images]:
    """The image in the middle of each class's greatest components."""
    mixture = model.mixture
    n_shown = min(mixture.n_classes, _MOST_CLASSES)
    most = max(_FEWEST_PER_CLASS, _MOST_MEANS // n_shown)
    chosen: list[int] = []
    for label in range(n_shown):
        chosen += [int(k) for k in order if mixture.classes[k] == label][:most]
    decoded = model.basis.decode(_NUMPY, mixture.means[chosen].astype(np.float64)) + model.basis.mean
    images = _shown(np.clip(np.rint(decoded), 0, 255).astype(np.uint8))
    return dict(zip(chosen, images, strict=True))


def _component(
    model: PCAMixture,
    k: int,
    names: Sequence[str],
    counts: NDArray[np.int64],
    seen: Responsibilities | None,
    means: Mapping[int, Images],
) -> Component:
    mixture = model.mixture
    label = int(mixture.classes[k])
    share = float(mixture.weights[k] / mixture.weights[mixture.classes == label].sum())
    members = None if seen is None else seen.labels == label
    held_back: float | None = None
    if seen is not None and members is not None and members.any():
        held_back = float(seen.in_class[members, k].mean())
    return Component(names[label], share, share * float(counts[label]), held_back, means.get(k))
