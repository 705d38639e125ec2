"""Synthesis in TensorFlow graphs against synthesis in numpy."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.conditional import quadratic_form
from gmmaug_plugin.models.quadratic import quadratic_features
from gmmaug_plugin.tensorflow.engine import TensorFlowEngine
from gmmaug_plugin.tensorflow.pixels import ImageFormat
from tests.factories import fit_all as fit
from tests.factories import random_templates

N = 24
numpy_engine, tensorflow_engine = NumpyEngine(), TensorFlowEngine()


@pytest.fixture(scope="module")
def flowers():
    return make_flowers(60, image_size=16, n_classes=2)


@pytest.fixture(
    scope="module",
    params=[(s, c, True) for s in ("none", "flip", "d4") for c in ("diag", "full")]
    + [("flip", "tied", True), ("flip", "full", False)],
    ids=lambda case: f"{case[0]}-{case[1]}-{'labelled' if case[2] else 'unlabelled'}",
)
def model(request, flowers):
    symmetry, covariance_type, labelled = request.param
    images, labels, _ = flowers
    return fit(
        images,
        labels if labelled else None,
        symmetry=symmetry,
        covariance_type=covariance_type,
        n_components=2,
        quiet=True,
    )


def noise(model):
    generator = np.random.default_rng(1)
    rows = np.resize(np.arange(max(1, len(model.class_names)) + 1, dtype=np.int32), N)
    normal = generator.standard_normal((N, model.noise_width)).astype(np.float32)
    return rows, generator.random((N, model.uniform_width)), normal


def graph_of(function, arguments):
    """The function as a graph, with the arguments' shapes and dtypes."""
    specs = [tf.TensorSpec(one.shape, one.dtype) for one in arguments]
    return tf.function(function, autograph=False).get_concrete_function(*specs)


@pytest.mark.parametrize("with_templates", [False, True])
def test_the_same_noise_gives_the_images_of_numpy(model, with_templates):
    if with_templates:
        model = dataclasses.replace(model, templates=random_templates(model.mixture, 9))
    rows, uniform, normal = noise(model)
    arguments = (rows, np.linspace(0, 1, N), uniform, normal)
    graph = graph_of(lambda *a: model.synthesize(tensorflow_engine, *a), arguments)
    assert [shape.as_list() for shape in graph.output_shapes] == [[N, 16, 16], [N]]
    images, labels = graph(*map(tf.constant, arguments))
    expected, expected_labels = model.synthesize(numpy_engine, *arguments)
    assert images.dtype == tf.uint8
    np.testing.assert_array_equal(labels, expected_labels)
    difference = np.abs(images.numpy().astype(int) - expected)
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.999


def test_the_same_noise_moves_images_as_numpy_does(model, flowers):
    rows, uniform, normal = noise(model)
    grey = flowers[0][:N].astype(np.float32)
    strength = np.linspace(0, 1, N)
    arguments = (grey, strength, rows, uniform, normal)
    graph = graph_of(lambda *a: model.move(tensorflow_engine, *a), arguments)
    assert graph.output_shapes.as_list() == [N, 16, 16]
    moved = graph(*map(tf.constant, arguments)).numpy()
    np.testing.assert_allclose(moved, model.move(numpy_engine, *arguments), atol=0.01)


@example(np.array([[0.0, 2.0, -np.inf]]), np.array([1.0]))
@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, (3, 5), elements=st.sampled_from([-np.inf, -800.0, -1.0, 0.0, 2.0])),
    arrays(np.float64, 3, elements=st.sampled_from([0.0, 0.25, 0.5, 1 - 2**-53, 1.0]) | st.floats(0, 0.999)),
)
def test_an_impossible_component_is_never_drawn(log_weights, uniform):
    log_weights[np.isneginf(log_weights).all(axis=1), 1] = 0.0
    drawn = tensorflow_engine.draw_categorical(tf.constant(log_weights), tf.constant(uniform))
    assert drawn.dtype == tf.int32
    np.testing.assert_array_equal(drawn, numpy_engine.draw_categorical(log_weights, uniform))
    assert np.isfinite(np.take_along_axis(log_weights, drawn.numpy()[:, None], axis=1)).all()


def test_bytes_round_halves_up_and_are_clipped():
    pixels = np.array([-40, -0.5, -0.2, 0.5, 1.5, 2.4999, 254.5, 255.2, 255.5, 1e6], np.float32)
    expected = [0, 0, 0, 1, 2, 2, 255, 255, 255, 255]
    mean = np.float32(100.0)
    assert tensorflow_engine.to_uint8(tf.constant(pixels - mean), mean).numpy().tolist() == expected
    assert numpy_engine.to_uint8(pixels - mean, mean).tolist() == expected


@pytest.mark.parametrize("offsets", [[0, 6], [0, 2, 2, 5, 6]])
def test_groups_of_factors_may_be_of_any_rank(offsets):
    generator = np.random.default_rng(0)
    offsets = np.array(offsets, np.int32)
    ranks = np.diff(offsets)
    factors, normal = generator.standard_normal((6, 4)), generator.standard_normal((7, ranks.max()))
    groups = np.resize(np.arange(len(ranks), dtype=np.int32), 7)[::-1].copy()
    product = tensorflow_engine.factor_product(tf.constant(normal), factors, offsets, tf.constant(groups))
    np.testing.assert_allclose(product, numpy_engine.factor_product(normal, factors, offsets, groups))
    wide = generator.standard_normal((3, 6))
    sums = tensorflow_engine.segment_sum(tf.constant(wide), offsets)
    np.testing.assert_allclose(sums, numpy_engine.segment_sum(wide, offsets), atol=1e-12)


def forms_of(K, m, spread):
    """Log joints of K random Gaussians of m numbers, in float32 and float64."""
    generator = np.random.default_rng(0)
    roots = np.tril(generator.normal(size=(K, m, m)), -1) + np.eye(m) * generator.uniform(1, 3, (K, 1, m))
    means = spread * generator.normal(size=(K, m))
    precise = quadratic_form(generator.dirichlet(np.ones(K)), means, roots)
    return precise.astype(np.float32), precise


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("K", "m"), [(1, 8), (5, 8), (64, 23), (256, 2)])
def test_components_are_drawn_exactly_as_in_numpy(K, m, masked):
    generator = np.random.default_rng(1)
    n = 6000
    forms, columns = forms_of(K, m, 1.0), 2 * generator.standard_normal((m, n)).astype(np.float32)
    # Near the ends of the unit interval too, where rounding to float32 gives 1.
    uniform = np.concatenate([generator.random(n - 4), [0.0, 1 - 2**-53, 2.0**-60, 1 - 1e-9]])
    masks = np.where(generator.random((K, 3)) < 0.5, -np.inf, 0.0)
    masks[0] = 0.0
    rows = generator.integers(0, 3, n).astype(np.int32) if masked else None
    expected = numpy_engine.draw_quadratic(forms, masks, columns, uniform, rows)
    assert len(np.unique(expected)) >= min(K, 3)

    def draw(columns, uniform, *rows):
        return tensorflow_engine.draw_quadratic(forms, masks, columns, uniform, *(rows or [None]))

    arguments = [one for one in (columns, uniform, rows) if one is not None]
    drawn = graph_of(draw, arguments)(*map(tf.constant, arguments))
    assert drawn.dtype == tf.int32
    np.testing.assert_array_equal(drawn, expected)
    if masked:
        assert (masks[drawn, rows] == 0).all()


def test_float64_decides_where_float32_is_in_doubt():
    """Uniform numbers at the very edge between two components, which only float64 tells."""
    forms, columns = forms_of(4, 3, 0.3), np.random.default_rng(0).normal(size=(3, 500)).astype(np.float32)
    joint = forms[1] @ quadratic_features(columns.astype(np.float64))
    shares = np.cumsum(np.exp(joint - joint.max(axis=0)), axis=0)
    edge = shares[1] / shares[-1]
    for side, component in ((-1e-11, 1), (1e-11, 2)):
        drawn = tensorflow_engine.draw_quadratic(
            forms, np.zeros((4, 1)), tf.constant(columns), tf.constant(edge + side), None
        )
        assert (drawn.numpy() == component).all()


@pytest.mark.parametrize("n", [0, 1, 3000])
def test_products_with_the_components_tables_are_numpys(n):
    generator = np.random.default_rng(0)
    tables = generator.standard_normal((7, 3, 10))
    parts = [generator.standard_normal((6, n)).astype(np.float32), generator.standard_normal((3, n))]
    components = generator.integers(0, 7, n).astype(np.int32)
    made = tensorflow_engine.component_products(
        tables, list(map(tf.constant, parts)), tf.constant(components)
    )
    assert made.dtype == tf.float64
    expected = numpy_engine.component_products(tables, parts, components)
    np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-12)


def test_images_are_padded_as_in_numpy():
    images = np.random.default_rng(0).random((2, 4, 6)).astype(np.float32)
    tensor = tf.constant(images)
    np.testing.assert_array_equal(tensorflow_engine.pad_reflect(tensor), numpy_engine.pad_reflect(images))
    for stack, sides in ((images, ((1, 0), (0, 2))), (images[None], ((0, 0), (3, 1)))):
        made = tensorflow_engine.pad_zeros(tf.constant(stack), *sides)
        np.testing.assert_array_equal(made, numpy_engine.pad_zeros(stack, *sides))
    ones = tensorflow_engine.ones((2, 3), tf.constant(0.5, tf.float64))
    np.testing.assert_array_equal(ones, np.ones((2, 3)))
    assert ones.dtype == tf.float64
    for name in ("log", "exp"):
        made = getattr(tensorflow_engine, name)(tensor)
        np.testing.assert_allclose(made, getattr(numpy_engine, name)(images), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "white", "channels", "size"),
    [
        ("uint8", 255.0, None, (16, 16)),
        ("uint8", 255.0, 3, (24, 40)),
        ("float32", 1.0, 1, (10, 12)),
        ("float32", 255.0, 3, (16, 16)),
        ("float64", 1.0, None, (33, 20)),
        ("float32", 1.0, None, (24, 12)),
        ("float16", 1.0, 3, (16, 16)),
    ],
)
def test_images_change_format_as_in_numpy(dtype, white, channels, size):
    generator = np.random.default_rng(0)
    shape = (4, *size) if channels is None else (4, *size, channels)
    images = (generator.random(shape) * white).astype(dtype)
    layout = ImageLayout.of(images, value_range=white)
    images_format = ImageFormat(size, channels, tf.as_dtype(dtype), white)
    grey = generator.integers(0, 256, (4, 16, 16), dtype=np.uint8)
    # A resized byte is rounded once in either way, but by two programs.
    level = white / 255.0 * 1.01
    for made, expected in (
        (images_format.from_grey(tf.constant(grey)), layout.from_grey(grey)),
        (
            images_format.add_grey(tf.constant(images), tf.constant(grey, tf.float32)),
            layout.add_grey(images, grey.astype(np.float32)),
        ),
    ):
        assert made.dtype == expected.dtype
        np.testing.assert_allclose(made.numpy().astype(float), expected.astype(float), atol=level)
    brightness = images_format.to_grey(tf.constant(images), 16)
    np.testing.assert_allclose(brightness, layout.to_grey(images, 16), atol=0.2)
