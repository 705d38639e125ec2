"""Synthetic images among the batches of another dataset."""

import keras
import numpy as np
import pytest

from gmmaug_plugin.keras import GMMSequence
from gmmaug_plugin.ratio import synthetic_beside
from tests.keras.conftest import SIZE, Batches


def test_images_join_those_of_another_dataset(pool, photos):
    x, y = photos
    weight = np.full(60, 2, np.float32)
    inner = Batches((x[:9], y[:9], weight[:9]), [x[9:10], y[9:10], weight[9:10]])
    batches = GMMSequence(inner, model=pool, ratio=0.4)
    assert len(batches) == 2
    for (images, labels, weights), rows in zip(batches, (slice(0, 9), slice(9, 10)), strict=True):
        n_real = rows.stop - rows.start
        assert len(images) == len(labels) == n_real + synthetic_beside(n_real, 0.4)
        real = weights == 2
        np.testing.assert_array_equal(weights[~real], 1)
        assert {one.tobytes() for one in images[real]} == {one.tobytes() for one in x[rows]}
        assert sorted(labels[real]) == sorted(y[rows])
    assert not (batches[0][2] == 2)[:9].all()


def test_batches_may_be_tensors(pool, photos):
    tensors = tuple(keras.ops.convert_to_tensor(part[:6]) for part in photos)
    images, labels = GMMSequence(Batches(tensors), model=pool, ratio=0.25)[0]
    assert (images.dtype, labels.dtype, images.shape) == (np.uint8, np.int32, (8, SIZE, SIZE))


def test_the_other_dataset_is_notified_of_epochs(pool, photos):
    inner = Batches((photos[0][:6],))
    batches = GMMSequence(inner, model=pool, ratio=0.25)
    batches.on_epoch_begin()
    batches.on_epoch_end()
    batches.on_epoch_end()
    assert (inner.begun, inner.ended) == (1, 2)


def test_another_dataset_may_be_endless(pool, photos):
    batches = GMMSequence(Batches(photos[0][:6], endless=True), model=pool, ratio=0.25)
    assert batches.num_batches is None
    first = batches[1234]
    assert len(first) == 8
    with pytest.raises(TypeError, match="endless"):
        len(batches)
    batches.on_epoch_end()
    known = {one.tobytes() for one in photos[0]}
    new, old = ({one.tobytes() for one in images} - known for images in (batches[1234], first))
    assert len(new) == len(old) == 2
    assert not new & old


@pytest.mark.parametrize(
    "options", [{"y": [0]}, {"batch_size": 8}, {"shuffle": True}, {"shuffle": False}, {"sample_weight": [1]}]
)
def test_options_for_arrays_are_refused_beside_a_dataset(pool, photos, options):
    with pytest.raises(ValueError, match=f"for arrays.*Received: {next(iter(options))}"):
        GMMSequence(Batches((photos[0],)), model=pool, ratio=0.25, **options)


def test_a_dataset_without_batches_is_refused(pool):
    with pytest.raises(ValueError, match="must have a batch"):
        GMMSequence(Batches(), model=pool, ratio=0.2)
