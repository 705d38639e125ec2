import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from examples.drawn_flowers import make_flowers


def test_flowers_are_balanced_named_and_grayscale() -> None:
    images, labels, names = make_flowers(23, image_size=24)
    assert images.shape == (23, 24, 24)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    assert names == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert np.bincount(labels).tolist() == [5, 5, 5, 4, 4]
    _, labels, names = make_flowers(5, image_size=24, n_classes=2)
    assert labels.tolist() == [0, 1, 0, 1, 0]
    assert names == ("daisy", "dandelion")


def test_a_picture_depends_on_seed_and_index_alone() -> None:
    few, many = make_flowers(7, image_size=20)[0], make_flowers(12, image_size=20)[0]
    np.testing.assert_array_equal(many[:7], few)
    other = make_flowers(7, image_size=20, random_state=1)[0]
    assert all((a != b).any() for a, b in zip(few, other, strict=True))
    unseeded = [make_flowers(2, image_size=20, random_state=None)[0] for _ in range(2)]
    assert (unseeded[0] != unseeded[1]).any()


def test_colored_pictures_are_the_same_pictures() -> None:
    gray, colored = make_flowers(10, image_size=24)[0], make_flowers(10, image_size=24, color=True)[0]
    assert colored.shape == (10, 24, 24, 3)
    for one, other in zip(gray, colored, strict=True):
        tones = np.unique(one, return_index=True)[1]
        assert (np.diff(other[..., 0].ravel()[tones].astype(int)) >= 0).all()
    assert (colored[..., 1] != colored[..., 2]).any(axis=(1, 2)).all()


def test_drawing_leaves_the_global_random_state_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_flowers(2, image_size=16, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_pictures_vary_and_show_their_class() -> None:
    images, labels, _ = make_flowers(200, image_size=24)
    assert images.std(axis=(1, 2)).min() > 8
    flat = images[:50].reshape(50, -1).astype(float)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2) / 24
    assert distances[~np.eye(50, dtype=bool)].min() > 10
    # Amplitudes of frequencies do not depend on place or brightness, so the classifier must use shapes.
    levels = images / 255.0
    amplitudes = np.abs(np.fft.rfft2(levels - levels.mean(axis=(1, 2), keepdims=True)))
    features = np.log(amplitudes + 0.1).reshape(len(images), -1)
    classifier = RidgeClassifier(alpha=30.0).fit(features[:140], labels[:140])
    assert classifier.score(features[140:], labels[140:]) > 0.45


@pytest.mark.parametrize("image_size", [16, 17, 97])
def test_every_size_can_be_drawn(image_size: int) -> None:
    images = make_flowers(25, image_size=image_size, random_state=3)[0]
    assert images.std(axis=(1, 2)).min() > 4


@pytest.mark.parametrize(
    "options",
    [
        {"n_samples": 0},
        {"n_samples": 2.5},
        {"n_samples": True},
        {"image_size": 8},
        {"n_classes": 6},
        {"n_classes": 0},
        {"random_state": -1},
        {"random_state": "0"},
    ],
)
def test_bad_arguments_are_named(options: dict[str, object]) -> None:
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=rf"^{name} must .* Received: {value!r}$"):
        make_flowers(**options)  # type: ignore[arg-type]
