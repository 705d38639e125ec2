"""Batches of a ``keras.utils.PyDataset``, as a function of seed, epoch and index."""

import multiprocessing
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
from keras.utils import PyDataset
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.image_layout import ImageLayout, reshape_images
from gmmaug_plugin.keras.real_batches import ArrayBatches, Batch, as_arrays, as_batch
from gmmaug_plugin.label_encoding import LabelEncoding
from gmmaug_plugin.pool import Pool, as_pool
from gmmaug_plugin.ratio import check_ratio, split_batch, synthetic_beside

_BATCH = 0  # last word of the seed of a batch's order

# Positions in the pool's order between the epochs of a dataset of unknown length: the multiplier of Knuth's
# multiplicative hash, so that epochs begin far from each other.
_ENDLESS_EPOCH = 2_654_435_769

_KERAS_WORKER = "Keras_worker_"  # beginning of the names of Keras' worker processes


class GMMSequence(PyDataset):
    """Batches of real images with synthetic ones from a pool among them.

    Every batch is a function of (seed, epoch, index) alone: one worker, several threads and several
    processes return the same batches. Synthetic images follow one another in ``pool.order(seed)`` from batch
    to batch and from epoch to epoch: those of the first epoch are ``pool.sample(n, seed=seed)``, and none
    comes again before the pool is used up. The epoch is counted by ``on_epoch_end``, which ``fit`` also
    calls once before training.

    With arrays, a full batch has ``round(ratio * batch_size)`` synthetic images and the rest real ones. A
    short last batch of r real images has ``round(r * ratio / (1 - ratio))``, as has every batch of r real
    images of another dataset. Classes come as often as ``pool.class_shares`` says. Synthetic images have
    the size, channels, dtype and value range of the real ones, labels in the encoding of the real ones, and
    sample weight 1. Every real image is used once an epoch, and nothing is written into the arrays given.
    With ``fit(steps_per_epoch=...)`` Keras reads ahead into the next epoch, so that epochs overlap.

    Worker processes leave Ctrl-C to the program that trains. If training stops in the middle of an epoch, by
    an exception or ``stop_training``, Keras 3.15 keeps the workers of that epoch, of any ``PyDataset``, until
    the program ends.

    Args:
        x: Images (n, h, w) or (n, h, w, channels), uint8 or float; or a ``keras.utils.PyDataset`` with
            batches x, (x, y) or (x, y, sample_weight) of them. Its first batch is read at once; its own
            ``workers`` are not used. A grayscale pool is repeated into any number of channels; a pool in
            color takes images without a channel axis, or with 1 or 3 channels.
        y: Labels of arrays: class numbers (n,) or (n, 1) of an integer, bool or float dtype, or one-hot
            (n, n_classes), also smoothed or mixed ones. None makes batches of images without labels.
        model: A pool, or the path of its file.
        ratio: Share of synthetic images, in [0, 1). 0 leaves the batches unchanged.
        batch_size: Images in a full batch of arrays, real and synthetic together; 32 if None.
        shuffle: Whether arrays are used in a new order every epoch, with synthetic images anywhere in a
            batch; otherwise these come last. None means True. Batches of another dataset are always shuffled.
        seed: A non-negative int.
        sample_weight: Weights of the images of arrays, (n,). Keras cannot combine it with ``class_weight``.
        value_range: White of float images, 1.0 or 255.0. None takes 255.0 if any value is above 2, in all
            of ``x``, or in a dataset's first batch. Values outside are an error, in later batches too.
        **kwargs: Options of ``keras.utils.PyDataset``: ``workers``, ``use_multiprocessing``,
            ``max_queue_size``.

    Raises:
        ArtifactError: The pool's file cannot be read.
        TypeError: The images are neither uint8 nor float, or the labels are not numbers.
        ValueError: An argument is out of range, images, labels and pool do not fit together, or an
            option for arrays is given with a dataset.

    Example:
        >>> from gmmaug_plugin.pool import Pool
        >>> pool = Pool(np.zeros((4, 16, 16), np.uint8), np.array([0, 1, 0, 1], np.int32), ("daisy", "rose"))
        >>> x, y = np.zeros((60, 32, 32), np.uint8), np.arange(60) % 2
        >>> batches = GMMSequence(x, y, model=pool, ratio=0.25, batch_size=16)
        >>> images, labels = batches[0]
        >>> len(batches), images.shape, labels.dtype.name
        (5, (16, 32, 32), 'int64')
    """

    def __init__(
        self,
        x: ArrayLike | PyDataset,
        y: ArrayLike | None = None,
        *,
        model: Pool | str | Path,
        ratio: float,
        batch_size: int | None = None,
        shuffle: bool | None = None,
        seed: int = 0,
        sample_weight: ArrayLike | None = None,
        value_range: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_ratio(ratio)
        self._seed = whole_number("seed", seed, 0)
        self._epoch = 0
        self._ratio = ratio
        self._shuffle = shuffle is not False
        self._pool = as_pool(model)
        self._order = self._pool.order(self._seed)
        self._n_full: int | None = None
        if isinstance(x, PyDataset):
            _refuse_array_options(y=y, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight)
            if x.num_batches == 0:
                raise ValueError("The dataset given must have a batch. Received: num_batches=0")
            self._real = x
            first = as_batch(x[0])
            self._stride = synthetic_beside(len(first[0]), ratio)
            self._per_epoch = _ENDLESS_EPOCH if x.num_batches is None else x.num_batches * self._stride
        else:
            first = as_arrays(x, y, sample_weight)
            self._n_full, self._stride = split_batch(32 if batch_size is None else batch_size, ratio)
            self._real = ArrayBatches(first, self._n_full, self._seed if self._shuffle else None)
            n_full, rest = divmod(len(first[0]), self._n_full)
            self._per_epoch = n_full * self._stride + synthetic_beside(rest, ratio)
        self._layout, self._labels = self._check(first, value_range)
        self._images = reshape_images(self._pool.images, self._layout.size, self._layout.channels)

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch; None if the dataset given is endless."""
        return self._real.num_batches

    def __len__(self) -> int:
        if self.num_batches is None:
            raise TypeError("The dataset given is endless and has no length. Received: num_batches=None")
        return self.num_batches

    def __getitem__(self, index: int) -> Any:
        _leave_interrupts_to_the_trainer()
        if self.num_batches is not None:
            index = range(self.num_batches)[index]
        batch = self._mix(as_batch(self._real[index]), index)
        return batch if len(batch) > 1 else batch[0]

    def on_epoch_begin(self) -> None:
        """Notify the dataset given, if it is one."""
        self._real.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's images and order, and notify the dataset given, if it is one."""
        self._epoch += 1
        self._real.on_epoch_end()

    def _check(self, real: Batch, value_range: float | None) -> tuple[ImageLayout, LabelEncoding | None]:
        """Return layout and label encoding of real images after checking them."""
        if real[0].ndim == 3 and real[0].shape[2] in (1, 3):
            raise ValueError(f"Images must be stacked: (n, h, w, channels). Received: shape {real[0].shape}")
        layout = ImageLayout.of(real[0], value_range=value_range)
        return layout, LabelEncoding.of(real[1], self._pool.class_names) if len(real) > 1 else None

    def _mix(self, real: Batch, index: int) -> Batch:
        layout, labels = self._layout, self._labels
        if not self._n_full:  # arrays were checked as a whole; a dataset's batches have the first one's range
            layout, labels = self._check(real, layout.white)
        n_real = len(real[0])
        n_synthetic = self._stride if n_real == self._n_full else synthetic_beside(n_real, self._ratio)
        if not n_synthetic:
            return real
        rows, images = self._synthetic(layout, index, n_synthetic)
        added = [layout.encode(images)]
        if labels is not None and self._pool.labels is not None:
            added.append(labels.codes[self._pool.labels[rows]])
        if len(real) > 2:
            added.append(np.ones((n_synthetic, *real[2].shape[1:]), real[2].dtype))
        places = np.arange(n_real + n_synthetic)
        if self._shuffle:
            np.random.default_rng([self._seed, self._epoch, index, _BATCH]).shuffle(places)
        return tuple(_interleave(one, other, places) for one, other in zip(real, added, strict=True))

    def _synthetic(
        self, layout: ImageLayout, index: int, n: int
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return rows in the pool of a batch's synthetic images, and their pixels."""
        rows, mirrored = self._order
        start = (self._epoch * self._per_epoch + index * self._stride) % len(rows)
        positions = (start + np.arange(n)) % len(rows)
        rows, mirrored = rows[positions], mirrored[positions]
        if (layout.size, layout.channels) == (self._layout.size, self._layout.channels):
            images = self._images[rows]
        else:
            images = reshape_images(self._pool.images[rows], layout.size, layout.channels)
        images[mirrored] = images[mirrored][:, :, ::-1]
        return rows, images


def _leave_interrupts_to_the_trainer() -> None:
    """Ignore Ctrl-C in Keras' worker processes; the main process handles it.

    A killed worker loses its batch; Keras then waits for it forever in native code, which Ctrl-C cannot end.
    """
    in_worker = multiprocessing.current_process().name.startswith(_KERAS_WORKER)
    if in_worker and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interleave(real: NDArray[Any], synthetic: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
    """Return one array with the real rows at the first ``places`` and the synthetic ones at the others."""
    mixed = np.empty((len(places), *real.shape[1:]), real.dtype)
    mixed[places[: len(real)]] = real
    mixed[places[len(real) :]] = synthetic
    return mixed


def _refuse_array_options(**options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(
            f"{', '.join(options)} are for arrays: a dataset brings its own. Received: {', '.join(given)}"
        )
