"""Multi-scale mixtures in TensorFlow: the same noise gives the images of numpy, in ``tf.data`` too."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting.multiscale import fit_multiscale_mixture
from gmmaug_plugin.fitting.options import options_for
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.tensorflow import drawing, gmm_dataset, mix
from gmmaug_plugin.tensorflow.drawing import Drawing
from gmmaug_plugin.tensorflow.engine import TensorFlowEngine
from gmmaug_plugin.tensorflow.noise import PlacedNoise
from gmmaug_plugin.tensorflow.parts import in_parts
from tests.extent import ALL
from tests.multiscale_models import random_multiscale

N = 5
SIZE = 32
FAIL_ON_STATE = 2
FROM_SLICES = tf.data.Dataset.from_tensor_slices
numpy_engine, tensorflow_engine = NumpyEngine(), TensorFlowEngine()


def flowers_of(size):
    return make_flowers(60, image_size=size, n_classes=2)


@pytest.fixture(scope="module")
def flowers():
    return flowers_of(SIZE)


@pytest.fixture(scope="module")
def model(flowers):
    """One that was fitted, in whose components photos lie as they should."""
    images, labels, names = flowers
    options = options_for("multiscale", None, n_components=4)
    fitted, _ = fit_multiscale_mixture(images, labels.astype(np.int32), options, quiet=True)
    return replace(fitted, class_names=tuple(names))


@pytest.fixture(
    scope="module",
    params=[(32, "details", 0), (64, "none", 9), *([(32, "none", 9), (64, "details", 9)] if ALL else [])],
    ids=lambda case: "-".join(map(str, case)),
)
def any_model(request):
    size, sharing, templates = request.param
    shared = sharing == "details"
    return random_multiscale(
        image_size=size, n_classes=3, per_class=3, shared=shared, templates=templates, seed=size
    )


def noise(model, n=N):
    generator = np.random.default_rng(1)
    rows = np.resize(np.arange(model.n_classes + 1, dtype=np.int32), n)
    normal = generator.standard_normal((n, model.noise_width)).astype(np.float32)
    return rows, generator.random((n, model.uniform_width)), normal


def graph_of(function, arguments, *, known_length=True):
    """The function as a graph, with the arguments' dtypes and shapes, perhaps but for their length."""
    specs = [
        tf.TensorSpec([len(one) if known_length else None, *one.shape[1:]], one.dtype) for one in arguments
    ]
    return tf.function(function, autograph=False).get_concrete_function(*specs)


@pytest.mark.parametrize("known_length", [True, False])
def test_the_same_noise_gives_the_images_of_numpy(any_model, known_length):
    size = any_model.image_size
    rows, uniform, normal = noise(any_model)
    arguments = (rows, np.linspace(0, 1, N), uniform, normal)
    graph = graph_of(
        lambda *a: any_model.synthesize(tensorflow_engine, *a), arguments, known_length=known_length
    )
    assert graph.output_shapes[0].as_list()[1:] == [size, size]
    if known_length:
        assert [shape.as_list()[0] for shape in graph.output_shapes] == [N, N]
    images, labels = graph(*map(tf.constant, arguments))
    expected, expected_labels = any_model.synthesize(numpy_engine, *arguments)
    assert np.ptp(expected) > 100
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_array_equal(images, expected)


@pytest.mark.parametrize(("known_length", "per_level"), [(True, False), (False, True)])
def test_the_same_noise_moves_images_as_numpy_does(any_model, known_length, per_level):
    rows, uniform, normal = noise(any_model)
    strength = np.linspace(0, 1, N)
    if per_level:
        strength = np.random.default_rng(0).random((N, len(any_model.levels) + 1))
    grey = flowers_of(any_model.image_size)[0][:N].astype(np.float32)
    arguments = (grey, strength, rows, uniform, normal)
    graph = graph_of(lambda *a: any_model.move(tensorflow_engine, *a), arguments, known_length=known_length)
    assert graph.output_shapes.as_list()[1:] == list(grey.shape[1:])
    moved = graph(*map(tf.constant, arguments)).numpy()
    expected = any_model.move(numpy_engine, *arguments)
    assert np.abs(expected[1:] - grey[1:]).mean() > 3
    np.testing.assert_allclose(moved, expected, atol=1.0)
    assert (np.abs(moved - expected) > 1e-3).mean() < 1e-3


def test_what_was_fitted_moves_alike_and_strength_0_gives_the_images_back(model, flowers):
    grey = flowers[0][:N].astype(np.float32)
    rows, uniform, normal = noise(model)
    for strength in (0.0, 0.6):
        arguments = (grey, np.full(N, strength), rows, uniform, normal)
        moved = model.move(tensorflow_engine, *map(tf.constant, arguments)).numpy()
        np.testing.assert_allclose(moved, model.move(numpy_engine, *arguments), atol=0.01)
        assert (np.abs(moved - grey).max() < 0.1) == (strength == 0.0)


@pytest.mark.parametrize("n", [1, 7, 8])
def test_parts_are_those_of_the_whole(n):
    numbers = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    lengths = []

    def function(a, b):
        lengths.append(len(a))
        return a + 1.0, tf.cast(b, tf.float64)

    whole = in_parts(function, (tf.constant(numbers), tf.range(n)), (tf.float32, tf.float64), 4)
    np.testing.assert_array_equal(whole[0], numbers + 1)
    np.testing.assert_array_equal(whole[1], np.arange(n))
    assert lengths == {1: [1], 7: [4, 3], 8: [4, 4]}[n]


@pytest.mark.parametrize("known_length", [True, False] if ALL else [False])
def test_long_batches_are_made_in_parts_that_change_nothing(model, flowers, monkeypatch, known_length):
    place = (tf.constant(3, tf.int64), tf.constant(5, tf.int64))
    drawn = Drawing(model, PlacedNoise(0), (0.5, 0.5))
    grey = flowers[0][:N].astype(np.float32)
    numbers = np.zeros(N, np.int32)

    def results():
        move = graph_of(lambda *a: drawn.move(place, *a), (grey, numbers), known_length=known_length)
        n = N if known_length else tf.constant(N)
        made = tf.function(lambda: drawn.draw(place, n), autograph=False)()
        return [*made, move(tf.constant(grey), tf.constant(numbers))], move

    whole, _ = results()
    monkeypatch.setattr(drawing, "_AT_ONCE", 2 * model.uniform_width)
    parts, move = results()
    assert any("While" in node.op for node in move.graph.as_graph_def().node)
    assert move.output_shapes.as_list()[0] == (N if known_length else None)
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_images_beyond_black_and_white_are_moved_as_clipped_ones(model, flowers):
    place = (tf.constant(0, tf.int64), tf.constant(0, tf.int64))
    drawn = Drawing(model, PlacedNoise(0), (0.5, 0.5))
    beyond = flowers[0][:N].astype(np.float32) * 2.0 - 100.0
    moved = drawn.move(place, tf.constant(beyond)).numpy()
    assert np.isfinite(moved).all()
    np.testing.assert_array_equal(moved, drawn.move(place, tf.constant(beyond.clip(0, 255))))


def test_varying_keeps_labels_and_the_exact_share(model, flowers):
    images, labels, _ = flowers
    real = FROM_SLICES((images[:, :, :, None], labels.astype(np.int64), np.arange(60, dtype=np.float32)))
    batches = list(mix(real, model, ratio=0.3, batch_size=16, mode="vary").as_numpy_iterator())
    assert [len(batch) for batch, _, _ in batches] == [16, 16, 16, 12]
    for batch, numbers, order in batches:
        given = order.astype(int)
        np.testing.assert_array_equal(numbers, labels[given])
        changed = (batch[..., 0] != images[given]).any(axis=(1, 2))
        assert changed.sum() == round(0.3 * len(batch))
    unmoved = mix(real, model, ratio=1.0, batch_size=20, mode="vary", strength=0.0)
    np.testing.assert_array_equal(np.concatenate([batch for batch, _, _ in unmoved])[..., 0], images)


def test_images_are_varied_within_the_law_of_their_label(flowers):
    model, images = random_multiscale(shared=False), flowers[0][:6]

    def varied(label):
        real = FROM_SLICES((images, np.full(6, label)))
        return next(iter(mix(real, model, ratio=1.0, batch_size=6, mode="vary", strength=0.5)))[0].numpy()

    assert (varied(0) != varied(1)).mean(axis=(1, 2)).min() > 0.5


def test_a_short_last_batch_may_have_nothing_to_vary(model, flowers):
    varied = mix(FROM_SLICES(flowers[0][:9]), model, ratio=0.25, batch_size=8, mode="vary")
    full, last = varied.as_numpy_iterator()
    assert (full != flowers[0][:8]).any(axis=(1, 2)).sum() == 2
    np.testing.assert_array_equal(last, flowers[0][8:9])


def test_varied_colours_of_another_size_stay_in_range(model, flowers):
    colours = np.repeat(flowers[0][:8, 4:, :, None], 3, axis=3).astype(np.float32) / 255
    varied = next(iter(mix(FROM_SLICES(colours), model, ratio=1.0, batch_size=8, mode="vary", strength=1.0)))
    assert varied.shape == colours.shape
    assert varied.dtype == tf.float32
    assert np.abs(varied - colours).mean() > 0.02
    assert varied.numpy().min() >= 0
    assert varied.numpy().max() <= 1


MAKERS = {
    "single": lambda model, _: gmm_dataset(model, 20).batch(7),
    "batches": lambda model, real: gmm_dataset(model, 20, like=real.batch(7)),
    "synthesize": lambda model, real: mix(real, model, ratio=0.4, batch_size=7),
    "vary": lambda model, real: mix(real, model, ratio=0.4, batch_size=7, mode="vary"),
}


@pytest.fixture(params=["single of templates", "vary", *(["batches", "synthesize"] if ALL else [])])
def make(request, model, flowers):
    """A function that makes the same dataset at every call."""
    name, _, kept = request.param.partition(" of ")
    if kept:
        model = replace(random_multiscale(templates=6), class_names=model.class_names)
    images, labels, _ = flowers
    return lambda: MAKERS[name](model, FROM_SLICES((images[:20], labels[:20])))


def collect(batches):
    return [np.concatenate(part) for part in zip(*((a.numpy(), b.numpy()) for a, b in batches), strict=True)]


def test_datasets_are_of_known_length_native_and_go_on_from_checkpoints(make, tmp_path):
    dataset = make()
    assert dataset.element_spec[0].shape[1:3] == (SIZE, SIZE)
    graph = tf.raw_ops.DatasetToGraphV2(
        input_dataset=dataset._variant_tensor, external_state_policy=FAIL_ON_STATE
    )
    definition = tf.compat.v1.GraphDef.FromString(graph.numpy())
    operations = {node.op for function in definition.library.function for node in function.node_def}
    assert not {name for name in operations if "PyFunc" in name or "Variable" in name}

    # In the second of two epochs, and in another dataset that is made alike.
    length = int(dataset.cardinality())
    iterator = iter(dataset.repeat(2))
    for _ in range(length + 1):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "middle"))
    expected = list(iterator)
    assert len(expected) == length - 1 > 0
    restored = iter(make().repeat(2))
    tf.train.Checkpoint(iterator=restored).restore(path).assert_consumed()
    for one, other in zip(collect(restored), collect(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["synthesize", "vary"])
def test_every_epoch_is_fresh_and_every_run_the_same(model, flowers, mode):
    real = FROM_SLICES((flowers[0][:12], flowers[1][:12]))

    def two_epochs(seed):
        mixed = mix(real, model, ratio=0.5, batch_size=6, mode=mode, seed=seed)
        return collect(mixed.repeat(2))[0]

    first = two_epochs(seed=1)
    np.testing.assert_array_equal(first, two_epochs(seed=1))
    known = {image.tobytes() for image in flowers[0]}
    made = [image.tobytes() for image in (*first, *two_epochs(seed=2))]
    made = [image for image in made if image not in known]
    assert len(made) == {"synthesize": 4 * 12, "vary": 4 * 6}[mode]
    assert len(set(made)) == len(made)


def test_synthetic_images_are_of_their_label(flowers):
    images, labels, names = flowers
    light = np.where(labels[:, None, None] == 1, images // 4 + 180, images // 4).astype(np.uint8)
    options = options_for("multiscale", None, n_components=2)
    fitted, _ = fit_multiscale_mixture(light, labels.astype(np.int32), options, quiet=True)
    made = gmm_dataset(replace(fitted, class_names=tuple(names)), 24)
    pictures, numbers = zip(*made.as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(np.mean(pictures, axis=(1, 2, 3)) > 120, np.array(numbers) == 1)
    assert 0 < np.sum(numbers) < 24
