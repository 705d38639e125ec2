"""``mix``: how many synthetic images a batch has, and that real ones stay what they are."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.mixing import split_batch, synthetic_beside
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.tensorflow import mix
from tests.factories import fit_all as fit

SIZE = 16
FROM_SLICES = tf.data.Dataset.from_tensor_slices


@pytest.fixture(scope="module")
def flowers():
    return make_flowers(60, image_size=SIZE, n_classes=2)


@pytest.fixture(scope="module")
def model(flowers):
    images, labels, names = flowers
    return fit(images, [names[label] for label in labels], n_components=2, quiet=True)


@pytest.fixture(scope="module")
def unlabelled(flowers):
    return fit(flowers[0], n_components=2, quiet=True)


def marked(n):
    """Real images that can be told from synthetic ones, and from each other: image i is of grey i alone.

    Its label is i's last bit and its weight i + 2, so that it shows if they come apart.
    """
    numbers = np.arange(n)
    images = np.broadcast_to(numbers[:, None, None, None], (n, SIZE, SIZE, 1)).astype(np.uint8)
    return FROM_SLICES((images, (numbers % 2).astype(np.int64), (numbers + 2).astype(np.float32)))


def is_real(images):
    return np.ptp(images.reshape(len(images), -1), axis=1) == 0


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    ratio=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.9]), st.floats(0, 0.95)),
    own_batch=st.sampled_from([None, 4, 7]),
)
def test_every_batch_has_its_share_and_every_real_image_is_used_once(model, n, batch_size, ratio, own_batch):
    assume(round(ratio * batch_size) < batch_size)
    n_real, n_synthetic = split_batch(batch_size, ratio)
    dataset = marked(n) if own_batch is None else marked(n).batch(own_batch)
    mixed = mix(dataset, model, ratio=ratio, batch_size=batch_size)
    batches = list(mixed.as_numpy_iterator())

    full, left = divmod(n, n_real)
    short = [(left, synthetic_beside(left, ratio))] if left else []
    counts = [(is_real(images).sum(), (~is_real(images)).sum()) for images, _, _ in batches]
    assert counts == [(n_real, n_synthetic)] * full + short

    images, labels, weights = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    real = is_real(images)
    numbers = images[real, 0, 0, 0]
    assert numbers.tolist() == list(range(n))
    assert (labels[real] == numbers % 2).all()
    assert (weights[real] == numbers + 2).all()
    assert (weights[~real] == 1).all()
    assert np.isin(labels[~real], (0, 1)).all()


def test_synthetic_images_stand_anywhere_and_keep_their_labels(flowers):
    images, labels, _ = flowers
    light = np.where(labels[:, None, None] == 1, images // 4 + 180, images // 4)
    model = fit(light.astype(np.uint8), labels, n_components=1, quiet=True)
    places = np.zeros(8)
    for batch, numbers, _ in mix(marked(90), model, ratio=0.25, batch_size=8).as_numpy_iterator():
        synthetic = ~is_real(batch)
        places[: len(synthetic)] += synthetic
        np.testing.assert_array_equal(batch[synthetic].mean(axis=(1, 2, 3)) > 120, numbers[synthetic] == 1)
    assert places.sum() == 30
    assert (places > 0).all()


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
@pytest.mark.parametrize(
    ("make", "cardinality", "batch"),
    [
        (lambda: marked(24), 4, 8),
        (lambda: marked(25), 5, None),
        (lambda: marked(24).batch(12, drop_remainder=True), 4, 8),
        # How many images there are in batches of any size could only be told by reading them all.
        (lambda: marked(24).batch(12), tf.data.UNKNOWN_CARDINALITY, None),
        (lambda: marked(24).filter(lambda *_: True), tf.data.UNKNOWN_CARDINALITY, None),
        (lambda: marked(5).repeat(), tf.data.INFINITE_CARDINALITY, 8),
        (lambda: marked(5).batch(4).repeat(), tf.data.INFINITE_CARDINALITY, 8),
    ],
)
def test_cardinality_and_shapes_are_known_where_they_can_be(model, make, cardinality, batch, mode):
    # Six real images make a batch, either way.
    size = {"synthesize": 8, "vary": 6}[mode]
    mixed = mix(make(), model, ratio=0.25, batch_size=size, mode=mode)
    batch = batch and size
    assert mixed.cardinality() == cardinality
    assert mixed.element_spec == (
        tf.TensorSpec((batch, SIZE, SIZE, 1), tf.uint8),
        tf.TensorSpec((batch,), tf.int64),
        tf.TensorSpec((batch,), tf.float32),
    )
    assert len(next(iter(mixed))[0]) == size


def test_the_batch_size_is_the_datasets_own_by_default(model):
    mixed = mix(marked(40).batch(10), model, ratio=0.2)
    assert [len(labels) for _, labels, _ in mixed] == [10] * 5
    # To vary batches they need not be made anew, and their number stays known.
    varied = mix(marked(25).batch(10), model, ratio=0.2, mode="vary")
    assert [len(labels) for _, labels, _ in varied] == [10, 10, 5]
    assert varied.cardinality() == 3
    with pytest.raises(ValueError, match=r"batch_size must be given.*Received: batch_size=None"):
        mix(marked(40), model, ratio=0.2)


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_every_epoch_is_fresh_and_every_run_the_same(model, mode, flowers):
    def run(seed):
        dataset = FROM_SLICES(flowers[0][:20])
        mixed = mix(dataset, model, ratio=0.5, batch_size=10, mode=mode, seed=seed)
        return [np.concatenate(list(mixed.as_numpy_iterator())) for _ in range(3)]

    epochs = run(seed=1)
    np.testing.assert_array_equal(epochs, run(seed=1))
    made = {image.tobytes() for epoch in (*epochs, *run(seed=2)) for image in epoch}
    made -= {image.tobytes() for image in flowers[0]}
    changed = 20 if mode == "synthesize" else 10
    assert len(made) == 6 * changed


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
@pytest.mark.parametrize("ratio", [0.0, 0.05])
def test_without_a_share_the_images_are_only_batched(model, mode, ratio):
    mixed = list(mix(marked(13), model, ratio=ratio, batch_size=5, mode=mode).as_numpy_iterator())
    for batch, plain in zip(mixed, marked(13).batch(5).as_numpy_iterator(), strict=True):
        for part, expected in zip(batch, plain, strict=True):
            np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("ratio", [0.3, 0.5, 1.0])
def test_varying_changes_its_share_of_every_batch_in_place(model, flowers, ratio):
    images, labels = flowers[0][:29], flowers[1][:29].astype(np.uint8)
    dataset = FROM_SLICES({"image": images, "label": labels})
    batches = list(
        mix(dataset, model, ratio=ratio, batch_size=8, mode="vary", strength=1).as_numpy_iterator()
    )
    assert [len(batch["label"]) for batch in batches] == [8, 8, 8, 5]
    np.testing.assert_array_equal(np.concatenate([batch["label"] for batch in batches]), labels)
    for batch, start in zip(batches, range(0, 29, 8), strict=True):
        real = images[start : start + 8]
        changed = (batch["image"] != real).any(axis=(1, 2))
        assert changed.sum() == round(ratio * len(real))


def test_an_image_is_varied_within_its_own_class(flowers):
    images, labels, names = flowers
    dark, light = images[labels == 0] // 4, images[labels == 1] // 4 + 180
    model = fit(
        np.concatenate([dark, light]).astype(np.uint8),
        [names[0]] * len(dark) + [names[1]] * len(light),
        n_components=1,
        quiet=True,
    )
    options = {"ratio": 1.0, "batch_size": 8, "mode": "vary", "strength": 1.0}
    # Light images that are said to be dark: a fresh draw must come from the dark class.
    for labels_given in (np.zeros(8, np.int32), np.tile([1.0, 0.0], (8, 1)), np.zeros((8, 1), np.float32)):
        (varied, _) = next(iter(mix(FROM_SLICES((light[:8], labels_given)), model, **options)))
        assert varied.numpy().mean() < 80
    assert next(iter(mix(FROM_SLICES(light[:8]), model, **options))).numpy().mean() > 160


def test_a_model_without_classes_varies_labelled_images_but_labels_no_new_ones(unlabelled):
    varied = mix(marked(8), unlabelled, ratio=0.5, batch_size=8, mode="vary")
    images, labels, _ = next(varied.as_numpy_iterator())
    assert is_real(images).sum() == 4
    assert labels.tolist() == [0, 1] * 4
    with pytest.raises(ValueError, match="fit it with a folder per class"):
        mix(marked(8), unlabelled, ratio=0.5, batch_size=8)


def test_images_of_another_size_are_changed_by_the_enlarged_difference(model):
    generator = np.random.default_rng(0)
    colours = (0.2 + 0.6 * generator.random((6, 40, 24, 3))).astype(np.float32)
    options = {"ratio": 1.0, "batch_size": 6, "mode": "vary"}
    (same,) = mix(FROM_SLICES(colours), model, strength=0.0, **options).as_numpy_iterator()
    np.testing.assert_allclose(same, colours, atol=1e-5)
    (varied,) = mix(FROM_SLICES(colours), model, strength=0.3, **options).as_numpy_iterator()
    assert varied.min() >= 0
    assert varied.max() <= 1
    change = varied - colours
    inside = (varied > 0.001) & (varied < 0.999)
    inside = inside.all(axis=-1)
    # Alike in all channels, and smooth: the detail of the larger image is its own.
    np.testing.assert_allclose(change[inside][:, 0], change[inside][:, 2], atol=1e-5)
    assert np.abs(change).mean() > 0.02
    steps = np.abs(np.diff(change[..., 0], axis=1))
    assert np.median(steps) < 0.5 * np.abs(np.diff(colours[..., 0], axis=1)).mean()


def test_strength_is_drawn_for_each_image_from_its_range(model):
    """What the subspace does not hold of an image is kept times sqrt(1 - strength), which tells it."""
    engine, basis = NumpyEngine(), model.basis

    def outside(images):
        centred = images.astype(np.float32) - basis.mean
        return centred - basis.decode(engine, basis.encode(engine, centred))

    rough = np.clip(basis.mean + 8 * np.random.default_rng(0).standard_normal((30, SIZE, SIZE)), 0, 255)
    dataset = FROM_SLICES(rough.astype(np.float32))
    mixed = mix(dataset, model, ratio=1.0, batch_size=10, mode="vary", strength=(0.2, 0.6))
    varied = np.concatenate(list(mixed.as_numpy_iterator()))
    unclipped = (varied.min(axis=(1, 2)) > 0) & (varied.max(axis=(1, 2)) < 255)
    before, after = outside(rough)[unclipped], outside(varied)[unclipped]
    kept = (before * after).sum(axis=(1, 2)) / (before**2).sum(axis=(1, 2))
    strengths = 1 - kept**2
    assert len(strengths) > 10
    assert 0.19 < strengths.min() < 0.3
    assert 0.5 < strengths.max() < 0.61


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ratio": 1.0}, r"ratio must be in \[0, 1\)"),
        ({"ratio": -0.1}, r"ratio must be in \[0, 1\)"),
        ({"ratio": 1.1, "mode": "vary"}, r"ratio must be in \[0, 1\)"),
        ({"ratio": 0.9, "batch_size": 2}, "must keep a real image"),
        ({"ratio": 0.5, "batch_size": 0}, "batch_size must be a whole number"),
        ({"ratio": 0.5, "mode": "replace"}, r"mode must be one of"),
        ({"ratio": 0.5, "strength": 1.5}, r"strength must be in \[0, 1\]"),
        ({"ratio": 0.5, "strength": (0.6, 0.2)}, r"pair \(low, high\) in ascending order"),
        ({"ratio": 0.5, "strength": (0.1, 0.2, 0.3)}, r"strength must be in \[0, 1\]"),
    ],
)
def test_options_out_of_range_are_refused(model, options, reason):
    with pytest.raises(ValueError, match=rf"{reason}.*Received: "):
        mix(marked(8), model, **{"batch_size": 4, **options})


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_batches_that_grow_are_told(model, mode):
    images = tf.data.Dataset.from_tensor_slices(np.zeros((40, SIZE, SIZE, 1), np.uint8))
    uneven = images.batch(6).take(2).concatenate(images.batch(8))
    size = 8 if mode == "synthesize" else 6
    mixed = mix(uneven, model, ratio=0.25, batch_size=size, mode=mode)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"one size, 6, .*unbatch it"):
        list(mixed)


@pytest.mark.parametrize("dataset", [np.zeros((4, SIZE, SIZE)), None, ([1], [2])])
def test_what_is_no_dataset_is_refused(model, dataset):
    with pytest.raises(TypeError, match=r"must be a tf\.data\.Dataset\. Received"):
        mix(dataset, model, ratio=0.25, batch_size=8)
    with pytest.raises(TypeError, match=r"fitted model or the path of its file\. Received"):
        mix(tf.data.Dataset.range(3), None, ratio=0.25, batch_size=8)


def test_a_label_that_is_no_class_stops_varying(model):
    labels = np.array([0] * 20 + [2])
    dataset = FROM_SLICES((np.zeros((21, SIZE, SIZE), np.uint8), labels))
    mixed = mix(dataset, model, ratio=1.0, batch_size=21, mode="vary")
    with pytest.raises(tf.errors.InvalidArgumentError, match="Labels must be class numbers from 0 to 1"):
        next(iter(mixed))


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_keras_trains_on_the_mixture(model, flowers, mode):
    import keras

    images, labels, _ = flowers
    dataset = FROM_SLICES((images[..., None].astype(np.float32) / 255, labels)).shuffle(60, seed=0)
    train = mix(dataset, model, ratio=0.25, batch_size=16, mode=mode)
    network = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy")
    history = network.fit(train, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert network.optimizer.iterations == 2 * len(train)
