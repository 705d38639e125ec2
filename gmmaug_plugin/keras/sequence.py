"""Batches of a ``keras.utils.PyDataset``, as a function of seed, epoch and index."""

import multiprocessing
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras.utils import PyDataset
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.image_layout import ImageLayout, ValueRange, reshape_images
from gmmaug_plugin.keras.batch_format import (
    Batch,
    BatchFormat,
    class_names_of,
    in_batch,
    pack_like,
    range_shown,
    read_batch,
)
from gmmaug_plugin.keras.real_batches import ArrayBatches, as_arrays
from gmmaug_plugin.label_encoding import agreed_names
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
    images of another dataset. Classes come as often as ``pool.class_shares`` says. Every real image is used
    once an epoch, and nothing is written into the arrays given.
    With ``fit(steps_per_epoch=...)`` Keras reads ahead into the next epoch, so that epochs overlap.

    Synthetic images get the format of the real ones; all arrays, or every batch of a dataset, must have it:

    - Images are (n, h, w), (n, h, w, channels) or (n, channels, h, w), uint8 in 0..255 or float of any range.
      Of a grayscale pool, and in other numbers of channels than 3, all channels are alike. Batches of a
      dataset may differ in size.
    - Labels are class numbers (n,) or (n, 1) of an integer, bool or float dtype, or one-hot (n, n_classes),
      also smoothed or mixed ones. Images that stand again in the place of labels get synthetic ones there.
    - A batch is images, (images, labels), (images, labels, sample_weights) or a dict that names these, as
      "image", "label", "sample_weight", and may have further keys. It keeps its structure. Synthetic images
      have the weight 1, and 0, False or "" in further keys. Masks and second pictures are refused.

    Worker processes leave Ctrl-C to the program that trains. If training stops in the middle of an epoch, by
    an exception or ``stop_training``, Keras 3.15 keeps the workers of that epoch, of any ``PyDataset``, until
    the program ends.

    Args:
        x: Images, or a tensor of them; or a ``keras.utils.PyDataset`` of batches, whose own ``workers`` are
            not used. Its first batch is read at once, and up to 7 more if it does not show the range of
            floats.
        y: Labels of arrays, if they have any.
        model: A pool, or the path of its file.
        ratio: Share of synthetic images, in [0, 1). 0 leaves the batches unchanged.
        batch_size: Images in a full batch of arrays, real and synthetic together; 32 if None.
        shuffle: Whether arrays are used in a new order every epoch, with synthetic images anywhere in a
            batch; otherwise these come last. None means True. Batches of another dataset are always shuffled.
        seed: A non-negative int.
        sample_weight: Weights of the images of arrays, (n,). Keras cannot combine it with ``class_weight``.
        value_range: Black and white of float images: (0, 255), (0, 1), (-1, 1) or others; a number is white.
            None takes it from the values of ``x`` where they allow only one.
        class_names: The classes of the labels in the order of their numbers, with the pool's among them.
            None takes ``class_names`` or ``class_indices`` of a dataset, as Keras' ``flow_from_directory``
            has them; a pool of one class, or of classes "0", "1", …, needs no names.
        label_mode: "int" or "binary" for class numbers, "categorical" for one-hot; None takes it from shape
            and values.
        **kwargs: Options of ``keras.utils.PyDataset``: ``workers``, ``use_multiprocessing``,
            ``max_queue_size``.

    Raises:
        ArtifactError: The pool's file cannot be read.
        TypeError: Images are neither uint8 nor float, labels are no numbers, or the structure is another.
        ValueError: An argument is out of range, or an option for arrays is given with a dataset; range or
            order of classes is unknown; images, labels and pool do not fit together. Reading a batch of
            another format raises it too, with the batch's index.

    Example:
        >>> from gmmaug_plugin.pool import Pool
        >>> pool = Pool(np.zeros((4, 16, 16), np.uint8), np.array([0, 1, 0, 1], np.int32), ("daisy", "rose"))
        >>> x, y = np.zeros((60, 32, 32), np.uint8), np.arange(60) % 2
        >>> batches = GMMSequence(x, y, model=pool, ratio=0.25, batch_size=16, class_names=["daisy", "rose"])
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
        value_range: ValueRange = None,
        class_names: Sequence[str] | None = None,
        label_mode: str | None = None,
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
            self._real, first = x, x[0]
            value_range = range_shown(x, first) if value_range is None else value_range
            class_names = agreed_names(class_names, class_names_of(x))
        else:
            first = as_arrays(x, y, sample_weight)
            self._n_full, self._stride = split_batch(32 if batch_size is None else batch_size, ratio)
            self._real = ArrayBatches(first, self._n_full, self._seed if self._shuffle else None)
        parts, batch = read_batch(first)
        self._format = BatchFormat(
            parts,
            batch,
            self._pool.class_names,
            value_range=value_range,
            class_names=class_names,
            label_mode=label_mode,
        )
        n_first = len(batch[parts.images])
        if self._n_full:
            n_full, rest = divmod(n_first, self._n_full)
            self._per_epoch = n_full * self._stride + synthetic_beside(rest, ratio)
        else:
            self._stride = synthetic_beside(n_first, ratio)
            n_batches = self._real.num_batches
            self._per_epoch = _ENDLESS_EPOCH if n_batches is None else n_batches * self._stride
        layout = self._format.layout
        self._images = reshape_images(self._pool.images, layout.size, layout.channels)

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
        element = self._real[index]
        with in_batch(index):
            batch, layout = self._format.check(element)
        n_real = len(batch[self._format.parts.images])
        n_synthetic = self._stride if n_real == self._n_full else synthetic_beside(n_real, self._ratio)
        if n_synthetic:
            batch = self._mix(batch, layout, index, n_synthetic)
        return pack_like(element, batch)

    def on_epoch_begin(self) -> None:
        """Notify the dataset given, if it is one."""
        self._real.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's images and order, and notify the dataset given, if it is one."""
        self._epoch += 1
        self._real.on_epoch_end()

    def _mix(self, real: Batch, layout: ImageLayout, index: int, n_synthetic: int) -> Batch:
        rows, images = self._synthetic(layout, index, n_synthetic)
        classes = None if self._pool.labels is None else self._pool.labels[rows]
        added = self._format.synthetic(real, layout.encode(images), classes)
        places = np.arange(len(real[self._format.parts.images]) + n_synthetic)
        if self._shuffle:
            np.random.default_rng([self._seed, self._epoch, index, _BATCH]).shuffle(places)
        return {key: _interleave(rows, added[key], places) for key, rows in real.items()}

    def _synthetic(
        self, layout: ImageLayout, index: int, n: int
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return rows in the pool of a batch's synthetic images, and their pixels."""
        rows, mirrored = self._order
        start = (self._epoch * self._per_epoch + index * self._stride) % len(rows)
        positions = (start + np.arange(n)) % len(rows)
        rows, mirrored = rows[positions], mirrored[positions]
        if layout.size == self._format.layout.size:
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
