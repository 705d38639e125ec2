"""Photos whose codes a model keeps."""

import numpy as np
import pytest

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.selection import CopiesError
from tests.factories import fit_pca as fit


@pytest.fixture(scope="module")
def flowers():
    images, labels, _ = make_flowers(60, image_size=32, n_classes=2)
    keep = np.sort(np.r_[np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:10]])
    return images[keep], labels[keep]


def templates_of(flowers, n, **options):
    images, labels = flowers
    return fit(
        images,
        labels,
        n_components=2,
        templates=n,
        holdout=0.0,
        strength=0.0,
        quiet=True,
        **{"allow_copies": True, **options},
    )


def test_with_as_many_templates_as_photos_every_photo_comes_back(flowers) -> None:
    images, labels = flowers
    model = templates_of(flowers, 1000, variance=0.999, allow_copies=True)
    assert len(model.templates) == len(images)
    drawn, drawn_labels = model.sample(400, seed=0)
    distances = np.abs(drawn[:, None].astype(float) - images).mean(axis=(2, 3))
    assert distances.min(axis=1).max() < 6
    assert len(set(distances.argmin(axis=1))) == len(images)
    np.testing.assert_array_equal(labels[distances.argmin(axis=1)], drawn_labels)


def test_classes_get_their_share_and_at_least_one(flowers) -> None:
    labels = flowers[1]
    model = templates_of(flowers, 8)
    of_class = np.bincount(model.mixture.classes[model.templates.components])
    expected = [max(1, round(8 * count / len(labels))) for count in np.bincount(labels)]
    assert of_class.tolist() == expected
    assert np.bincount(templates_of(flowers, 1).mixture.classes).size == 2


def test_few_templates_cover_better_than_the_first_photos(flowers) -> None:
    """Mean distance of photos to the nearest template, against that to as many arbitrary photos."""
    images = flowers[0][flowers[1] == 0]
    model = fit(images, n_components=2, templates=5, holdout=0.0, strength=0.0, allow_copies=True, quiet=True)
    kept = {image.tobytes(): image for image in model.sample(200, seed=0)[0]}
    assert len(kept) == 5

    def reach(some):
        return np.abs(images[:, None].astype(float) - np.stack(some)).mean(axis=(2, 3)).min(axis=1).mean()

    rng = np.random.default_rng(0)
    arbitrary = [reach(images[rng.permutation(len(images))[:5]]) for _ in range(10)]
    assert reach(list(kept.values())) < np.mean(arbitrary)


def test_the_same_seed_keeps_the_same_templates(flowers) -> None:
    one, other = templates_of(flowers, 8), templates_of(flowers, 8)
    np.testing.assert_array_equal(one.templates.codes, other.templates.codes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"templates": -1}, "templates must be a whole number"),
        ({"strength": 0.5}, "Without templates there are only fresh draws"),
        ({"templates": 3, "strength": 1.5}, r'strength must be "auto" or in \[0, 1\]'),
        ({"templates": 3, "strength": "strong"}, r'strength must be "auto" or in \[0, 1\]'),
        ({"holdout": 0.6}, r"holdout must be a share in \[0, 0.5\]"),
        ({"holdout": "some"}, r"holdout must be a share in \[0, 0.5\]"),
    ],
)
def test_options_that_make_no_sense_are_refused(flowers, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message + r".*Received: "):
        fit(*flowers, quiet=True, **options)


def test_templates_that_come_back_are_refused_unless_copies_are_allowed() -> None:
    images, _, _ = make_flowers(120, image_size=32, n_classes=1)
    options = {"n_components": 1, "templates": 10, "strength": 0.0, "holdout": 0.0, "quiet": True}
    with pytest.raises(CopiesError, match=r"refused at strength 0: copies 100\.0%.*Received: strength=0\.0"):
        fit(images, **options)
    kept = fit(images, **options, allow_copies=True)
    assert len(kept.templates) == 10
    assert min(kept.info["copying"]["rates"].values()) > 0.95
