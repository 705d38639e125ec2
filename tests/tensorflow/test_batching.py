"""Single images and batches: told apart by shapes that allow one reading, otherwise stated."""

import pytest
import tensorflow as tf

from gmmaug_plugin.tensorflow.batching import single_shapes


def read(shapes, batched=None):
    specs = {key: tf.TensorSpec(shape) for key, shape in enumerate(shapes)}
    found, singles = single_shapes(specs, 0, batched)
    return found, list(singles.values())


@pytest.mark.parametrize(
    "shapes",
    [
        [(32, 48)],
        [(32, 48), (10,)],
        # Pictures, whose rows are no images, whatever comes with them.
        *[[(32, 48, channels), *target] for channels in (1, 3, 4, 7)
          for target in ([], [(32,)], [(32, 48)], [(32, 5)], [(32,), (32,)])],
        [(4, 4, 3), (4,)],
        [(4, 64, 1)],
        # Another part lacks the axis of a batch.
        [(32, 48, 16), ()],
        [(3, 32, 48), ()],
        [(3, 32, 48), (10,)],
    ],
)  # fmt: skip
def test_single_images(shapes):
    assert read(shapes) == (False, shapes)


@pytest.mark.parametrize(
    "shapes",
    [
        [(None, 32, 48, 3)],
        [(8, 32, 48, 5), (8,), (8, 1)],
        [(None, 32, 48), (None, 10)],
        [(None, 32, 48), (None, 32, 48)],
        [(None, 3, 32, 48), (8,)],
    ],
)
def test_batches(shapes):
    assert read(shapes) == (True, [shape[1:] for shape in shapes])


@pytest.mark.parametrize(
    "shapes",
    [
        [(32, 28, 28)],
        [(32, 28, 28), (32, 28)],
        [(32, 28, 28), (32, 28, 28)],
        [(3, 32, 48), (3,)],
        [(4, 4, 5)],
    ],
)
def test_shapes_of_both_readings_must_be_stated(shapes):
    with pytest.raises(ValueError, match=r"pass batched=False or batched=True\. Received: batched=None"):
        read(shapes)
    assert read(shapes, batched=False) == (False, shapes)
    assert read(shapes, batched=True) == (True, [shape[1:] for shape in shapes])


@pytest.mark.parametrize(
    ("shapes", "batched", "reason"),
    [
        ([(8, 8, 3), None], None, "known rank"),
        ([(8,)], None, "Images must be"),
        ([(2, 8, 8, 8, 3)], None, "Images must be"),
        ([(8, 8, 8, 3)], False, "Images must be"),
        ([(8, 8)], True, "Images must be"),
        ([(4, 8, 8, 1), ()], None, "same first axis"),
        ([(4, 8, 8, 1), (5,)], None, "same first axis"),
        ([(None, 64, 3)], None, "known height"),
        ([(None, None, 3), ()], None, "known height"),
        ([(8, None, 3), (2,)], None, "known height"),
        ([(8, 8, None)], None, "known height"),
        ([(None, None, 5)], None, "known height"),
        ([(8, 0, 3)], None, "known height"),
        ([(8, 8, 3), (None,)], None, r"known shape.*Received: \[1\] unknown"),
        ([(8, 8)], "yes", "batched must be one of .*Received: 'yes'"),
    ],
)
def test_other_shapes_are_refused(shapes, batched, reason):
    with pytest.raises(ValueError, match=reason):
        read(shapes, batched)
