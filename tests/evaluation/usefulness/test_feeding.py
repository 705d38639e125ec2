import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.usefulness import Arm, make_arms
from gmmaug_plugin.evaluation.usefulness.augmentation import add_noise, standard_stack
from gmmaug_plugin.evaluation.usefulness.feeding import Feeder, mean_squared_change, noise_deviation
from gmmaug_plugin.evaluation.usefulness.splits import order_of_batches, split_photos
from tests.factories import fit_pca as fit

ARMS = {arm.name: arm for arm in make_arms([0.3, 0.7], [0.25, 0.5], [0.25])}


@pytest.fixture(scope="module")
def flowers() -> tuple[np.ndarray, np.ndarray]:
    images, labels, _ = make_flowers(90, image_size=16, n_classes=3)
    return images, labels


@pytest.fixture(scope="module")
def feeder(flowers: tuple[np.ndarray, np.ndarray]) -> Feeder:
    return Feeder(fit(*flowers, n_components=1, quiet=True), *flowers, seed=(0, 1))


@pytest.mark.parametrize("name", [arm.control for arm in ARMS.values() if arm.control])
def test_noise_changes_photos_as_much_as_the_variation_it_controls(
    name: str, feeder: Feeder, flowers: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = flowers
    noise = ARMS[name]
    varied = next(arm for arm in ARMS.values() if arm.control == name)
    order = order_of_batches(len(images), 200, 32, (0,))
    by_variation = feeder.feed(varied, order, 0)
    by_noise = feeder.feed(noise, order, 0)
    n = round(varied.ratio * 32)
    chosen = order[:, :n]
    changed = mean_squared_change(images[chosen].reshape(-1, 16, 16), by_variation.made.reshape(-1, 16, 16))
    noisy = add_noise(tf.constant(images, tf.float32), len(images), by_noise.deviation, (1, 2)).numpy()
    assert float(np.square(noisy - images).mean()) == pytest.approx(changed, rel=0.05)
    assert feeder.energy(varied) == feeder.energy(noise) == pytest.approx(changed, rel=0.05)
    assert (by_noise.n_noisy, by_variation.n_noisy) == (n, 0)
    assert by_noise.made.shape[1] == 0
    assert (by_variation.made_labels == labels[chosen]).all()


def test_noise_makes_up_for_what_clipping_takes() -> None:
    black = np.zeros((4, 16, 16), np.uint8)
    # Half of the noise on black is clipped away.
    assert noise_deviation(black, 50.0) == pytest.approx(10.0, rel=0.1)
    assert noise_deviation(np.full_like(black, 127), 50.0) == pytest.approx(50**0.5, rel=0.1)
    assert noise_deviation(black, 0.0) == 0.0


def test_feeds_of_an_arm_do_not_depend_on_where_they_are_cut(feeder: Feeder) -> None:
    order = order_of_batches(90, 12, 32, (0,))
    for name in ("variation 0.7, half", "synthesis, a quarter"):
        whole = feeder.feed(ARMS[name], order, 0)
        second = feeder.feed(ARMS[name], order[5:], 5)
        assert (whole.made[5:] == second.made).all()
        assert (whole.made_labels[5:] == second.made_labels).all()
        assert whole.made.shape[1] == {"variation 0.7, half": 16, "synthesis, a quarter": 8}[name]
        assert whole.made_labels.dtype == np.int32


def test_plain_arms_get_photos_only(feeder: Feeder) -> None:
    order = order_of_batches(90, 3, 32, (0,))
    feed = feeder.feed(Arm("nothing"), order, 0)
    assert (feed.made.shape[1], feed.n_noisy, feed.smoothing, feed.stack) == (0, 0, 0.0, False)
    smoothed = feeder.feed(ARMS["stack + label smoothing"], order, 0)
    assert (smoothed.smoothing, smoothed.stack) == (0.1, True)


def test_noise_meets_the_first_images_alone() -> None:
    images = tf.fill([4, 8, 8], 100.0)
    noisy = add_noise(images, 2, 5.0, (0, 0)).numpy()
    assert (noisy[:2] != 100.0).mean() > 0.99
    assert (noisy[2:] == 100.0).all()


def test_stack_moves_every_image_by_itself_and_keeps_the_values() -> None:
    picture = np.zeros((24, 24), np.float32)
    picture[6:12, 6:18] = 200.0
    made = standard_stack(tf.constant(np.stack([picture] * 400)), (0, 1)).numpy()
    assert made.shape == (400, 24, 24)
    assert made.min() >= 0.0
    assert made.max() <= 255.0
    assert len({image.tobytes() for image in made}) == 400
    rows, columns = np.mgrid[:24, :24]
    weight = made - made.min(axis=(1, 2), keepdims=True)
    places = [(weight * axis).sum(axis=(1, 2)) / weight.sum(axis=(1, 2)) for axis in (rows, columns)]
    # The patch lies above the middle, so it stays there on average, by up to a tenth of the side either way.
    assert np.mean(places[0]) == pytest.approx(8.5, abs=1.0)
    assert np.mean(places[1]) == pytest.approx(11.5, abs=0.5)
    assert 1.0 < np.std(places[0]) < 3.0


def test_half_of_the_images_are_mirrored() -> None:
    picture = np.zeros((24, 24), np.float32)
    picture[:, :6] = 200.0
    made = standard_stack(tf.constant(np.stack([picture] * 400)), (3, 1)).numpy()
    mirrored = made[:, :, :12].mean(axis=(1, 2)) < made[:, :, 12:].mean(axis=(1, 2))
    assert 0.4 < mirrored.mean() < 0.6


def test_near_duplicates_of_training_photos_are_not_held_back() -> None:
    labels = np.repeat(np.arange(2, dtype=np.int32), 60)
    pairs = np.arange(120) // 2
    split = split_photos(labels, pairs, 20, (5,))
    seen = set(pairs[split.training].tolist())
    assert len(split.test) > 10
    assert not seen & {*pairs[split.test].tolist(), *pairs[split.validation].tolist()}
    with pytest.raises(ValueError, match=r"no near-duplicates.*Received: a class with 0"):
        split_photos(labels, labels, 20, (5,))


def test_photos_are_split_by_class_without_overlap() -> None:
    labels = np.repeat(np.arange(3, dtype=np.int32), [20, 30, 500])
    split = split_photos(labels, np.arange(len(labels)), 11, (5,))
    assert np.bincount(labels[split.training]).tolist() == [11, 11, 11]
    assert np.bincount(labels[split.validation]).tolist() == [3, 6, 100]
    assert np.bincount(labels[split.test]).tolist() == [6, 13, 200]
    everything = np.concatenate([split.training, split.validation, split.test])
    assert len(set(everything.tolist())) == len(everything)
    assert set(split.training.tolist()) != set(
        split_photos(labels, np.arange(len(labels)), 11, (6,)).training.tolist()
    )


def test_every_photo_comes_once_before_any_comes_again() -> None:
    order = order_of_batches(48, 9, 32, (1,))
    assert order.shape == (9, 32)
    for epoch in order.reshape(6, 48):
        assert sorted(epoch.tolist()) == list(range(48))
    assert (order != order_of_batches(48, 9, 32, (2,))).any()
