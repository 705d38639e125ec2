"""What a report is made of."""

from dataclasses import replace

import numpy as np
import pytest

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.evaluation.report import ReportContents, gather
from gmmaug_plugin.images import PhotoSet, load_photos
from gmmaug_plugin.models.pca_mixture import PCAMixture
from tests.factories import random_model

from .stand_ins import BareModel, Copier

Flowers = tuple[PhotoSet, PhotoSet]


def test_copies_stand_beside_their_photos_and_are_called_copies() -> None:
    model = Copier()
    photos = load_photos(model.images)
    detector = CopyDetector(photos.images)
    contents = gather(model, photos, detector=detector, n_compared=12)  # type: ignore[arg-type]
    assert {pair.space for pair in contents.pairs} == {"raw", "contrast", "high_pass"}
    for pair in contents.pairs:
        assert pair.ratio < 0.1
        assert pair.photo_index == pair.sample_index
        np.testing.assert_array_equal(pair.photo, pair.sample)  # turned as it matches
    assert [nearness.n_copies for nearness in contents.nearness] == [12, 12, 12]


def test_within_a_space_the_nearest_pairs_come_first(whole: ReportContents, model: PCAMixture) -> None:
    measured = model.sample(50, seed=0)[0]  # the samples that measures of the same seed are of
    assert all((pair.sample == measured[pair.sample_index]).all() for pair in whole.pairs)
    for nearness in whole.nearness:
        pairs = [pair for pair in whole.pairs if pair.space == nearness.space]
        ratios = [pair.ratio for pair in pairs]
        limits = {"copy": (0, 1), "near": (1, nearness.near), "far": (nearness.near, np.inf)}
        assert all(limits[pair.closeness][0] <= pair.ratio < limits[pair.closeness][1] for pair in pairs)
        assert len(ratios) == 12
        assert ratios == sorted(ratios)
        assert min(nearness.n_copies, 12) == sum(ratio < 1 for ratio in ratios)


def test_samples_come_class_by_class_and_as_many_of_each(whole: ReportContents, model: PCAMixture) -> None:
    assert whole.sample_labels is not None
    assert np.bincount(whole.sample_labels).tolist() == [24, 24]
    # Weighed by the model itself, the samples of a class belong to it.
    own = [
        replace(model, mixture=replace(model.mixture, weights=_only(model, label))).score_samples(
            whole.samples
        )
        for label in (0, 1)
    ]
    assert (np.argmax(own, axis=0) == whole.sample_labels).mean() > 0.8


def _only(model: PCAMixture, label: int) -> np.ndarray:
    weights = np.where(model.mixture.classes == label, model.mixture.weights, 0.0)
    return weights / weights.sum()


def test_variations_begin_with_photos_of_every_class(whole: ReportContents, flowers: Flowers) -> None:
    photos = flowers[0]
    assert photos.labels is not None
    assert whole.variation_labels is not None
    assert whole.strengths[0] == 0
    assert whole.strengths[-1] == 1
    assert sorted(whole.variation_labels.tolist()) == [0, 0, 0, 1, 1, 1]
    for row, label in zip(whole.variations, whole.variation_labels, strict=True):
        matches = (photos.images == row[0]).all(axis=(1, 2))
        assert photos.labels[matches].tolist() == [label]
        changes = np.abs(row.astype(float) - row[0]).mean(axis=(1, 2))
        assert changes[0] == 0
        assert (np.diff(changes) > 0).all()  # the same noise at every strength: it only grows


def test_eigen_images_are_the_directions_of_greatest_variance(
    whole: ReportContents, flowers: Flowers
) -> None:
    images = flowers[0].images
    both = np.concatenate([images, images[:, :, ::-1]]).reshape(2 * len(images), -1).astype(float)
    directions = np.linalg.svd(both - both.mean(axis=0), full_matrices=False)[2]
    for shown, direction in zip(whole.eigen_images[:4], directions, strict=False):
        assert abs(np.corrcoef((shown.astype(float) - 128).ravel(), direction)[0, 1]) > 0.99
    assert list(whole.explained_variance_ratio) == sorted(whole.explained_variance_ratio, reverse=True)


def test_components_tell_their_share_of_their_class(whole: ReportContents, flowers: Flowers) -> None:
    for label, name in enumerate(("daisy", "rose")):
        components = [component for component in whole.components if component.class_name == name]
        shares = [component.share for component in components]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert sum(component.n_photos or 0 for component in components) == pytest.approx(32)
        assert sum(component.held_back_share or 0 for component in components) == pytest.approx(1)
        images = [component.mean_image for component in components if component.mean_image is not None]
        photos = flowers[0].images[flowers[0].labels == label].mean(axis=0)
        together = np.tensordot(shares, np.array(images, float), 1)
        assert np.abs(together - (photos + photos[:, ::-1]) / 2).mean() < 3


def test_calibration_finds_photos_in_their_own_class(model: PCAMixture, flowers: Flowers) -> None:
    training, _ = flowers
    table = gather(model, training, training, n_samples=2).calibration[0]
    own = [row[table.columns.index("Own class (%)")] for row in table.rows]
    swapped = replace(training, labels=1 - training.labels)  # type: ignore[operator]
    table = gather(model, training, swapped, n_samples=2).calibration[0]
    other = [row[table.columns.index("Own class (%)")] for row in table.rows]
    assert min(own) > 80  # type: ignore[type-var, operator]
    assert max(other) < 20  # type: ignore[type-var, operator]


def test_calibration_is_tested_on_held_back_photos_only(whole: ReportContents, bare: ReportContents) -> None:
    assert whole.calibration_test is not None
    assert whole.calibration_test.n_photos == 16
    assert whole.calibration_test.held_back_per_class == {"daisy": 8, "rose": 8}
    assert bare.calibration_test is None


def test_the_seed_decides_and_nothing_else(model: PCAMixture, flowers: Flowers) -> None:
    one, same, other = (gather(model, flowers[0], random_state=seed, n_samples=8) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.samples, same.samples)
    np.testing.assert_array_equal(one.variations, same.variations)
    assert (one.samples != other.samples).any()
    assert (one.variations != other.variations).any()


def test_large_images_are_reduced() -> None:
    model = random_model(image_size=160, components=(2,))
    photos = load_photos(model.sample(6, seed=0)[0])
    contents = gather(model, photos, detector=CopyDetector(photos.images), n_compared=4)
    shown = [contents.samples, contents.variations, contents.eigen_images, contents.pairs[0].photo]
    means = [one.mean_image for one in contents.components if one.mean_image is not None]
    assert {images.shape[-2:] for images in (*shown, *means)} == {(128, 128)}
    assert contents.image_size == 160


def test_measures_of_the_fit_are_told_where_none_are_given(whole: ReportContents) -> None:
    model = BareModel()
    model.info = {"measures": [measure.as_json() for measure in whole.measures] + [{"name": "half"}]}
    contents = gather(model, load_photos(model.images))  # type: ignore[arg-type]
    assert contents.measures == whole.measures


def test_a_path_is_cut_to_its_name(model: PCAMixture, flowers: Flowers) -> None:
    for path in ("/home/ann/private/flowers.safetensors", "C:\\ann\\flowers.safetensors"):
        contents = gather(model, flowers[0], model_name=path, n_samples=0, n_varied=0)
        assert contents.model_name == "flowers.safetensors"


@pytest.mark.parametrize("odd", [None, 3, "x", [1, None], {"": 1}, {"": [{"criterion": "aic"}]}, {"": [[]]}])
def test_info_of_any_form_is_no_obstacle(odd: object) -> None:
    model = BareModel()
    keys = ("options", "versions", "criterion_curves", "refused_candidates", "explained_variance_ratio")
    model.info = dict.fromkeys((*keys, "measures", "n_components_per_class"), odd)
    contents = gather(model, load_photos(model.images))  # type: ignore[arg-type]
    assert contents.criterion_curves == ()
    assert contents.refusals == ()
    assert contents.measures == ()


def test_photos_that_do_not_fit_the_model_are_refused(model: PCAMixture, flowers: Flowers) -> None:
    training, _ = flowers
    with pytest.raises(ValueError, match=r"the model's size.*Received: uint8 \(64, 30, 30\)"):
        gather(model, replace(training, images=training.images[:, 1:-1, 1:-1]))
    with pytest.raises(ValueError, match=r"the model's classes.*Received: \['a', 'b'\]"):
        gather(model, training, replace(training, class_names=("a", "b")))
    with pytest.raises(ValueError, match="n_samples must be a whole number"):
        gather(model, training, n_samples=-1)
