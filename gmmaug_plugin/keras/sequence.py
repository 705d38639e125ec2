"""Batches of a ``keras.utils.PyDataset``, as a function of seed, epoch and index."""

import multiprocessing
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keras.utils import PyDataset
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.artifact import as_model
from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.keras.labels import Labels
from gmmaug_plugin.layout import ImageLayout, guess_white
from gmmaug_plugin.mixing import (
    MixMode,
    Strength,
    check_mode,
    check_share,
    split_batch,
    strengths_of,
    synthetic_beside,
)
from gmmaug_plugin.models import ImageModel

_BATCH, _ORDER, _STRENGTH = 0, 1, 2
"""Last word of the seeds for a batch and for an epoch's order of images. Without it the order would
share its random numbers with batch 0: seeds are padded with zeros."""

_KERAS_WORKER = "Keras_worker_"
"""How Keras begins the names of its worker processes."""

Batch = tuple[NDArray[Any], ...]
"""Images, and if there are any their labels and then their sample weights."""


class GMMSequence(PyDataset):
    """Batches of real images with synthetic or varied ones among them.

    Every batch is a function of (seed, epoch, index) alone: one worker, several threads and several
    processes give the same batches. Every epoch has fresh synthetic images and a new order. The epoch
    is counted by ``on_epoch_end``, which ``fit`` also calls once before training; where the count begins
    has no meaning.

    In mode ``"synthesize"`` synthetic images stand beside the real ones. Of arrays, a full batch has
    ``round(ratio * batch_size)`` synthetic images and the rest real ones, and a short last batch of r real
    images has ``round(r * ratio / (1 - ratio))``, as has every batch of r real images of another dataset.
    Their classes are drawn as often as the photos that the model was fitted on had them, their sample
    weight is 1, and they come in the size, channels, dtype and value range of the real images, their
    labels in the encoding of the real ones. In mode ``"vary"`` ``round(ratio * r)`` images of a batch of
    r are themselves varied within the law of their class, and labels and weights stay.

    Either way every real image is used once an epoch, and nothing is ever written into the arrays given.
    (With ``fit(steps_per_epoch=...)`` Keras reads ahead into the next epoch, and where one ends is blurred.)

    Worker processes leave Ctrl-C to the program that trains. Where training stops amid an epoch, by an
    exception or ``stop_training``, Keras 3.15 keeps the workers of that epoch until the program ends: several
    threads, or processes, for every such stop, of any ``PyDataset``.

    Args:
        x: Images (n, h, w), (n, h, w, 1) or (n, h, w, 3), uint8 or float; or a ``keras.utils.PyDataset``
            that gives batches x, (x, y) or (x, y, sample_weight) of them. Its first batch is read at once;
            its own ``workers`` are not used.
        y: Labels of arrays: whole numbers (n,) or (n, 1) of any integer type, one-hot (n, n_classes),
            smoothed or mixed ones too, or 0.0 and 1.0 (n,) or (n, 1) for a model of two classes. None
            gives images without labels.
        model: A fitted model, or the path of its file.
        ratio: Share of synthetic or varied images, in [0, 1); varying also takes 1.0. 0 leaves the
            batches as they are.
        batch_size: Images in a full batch of arrays, real and synthetic together; 32 if None.
        mode: ``"synthesize"`` or ``"vary"``.
        strength: How far to vary, or to move from the templates of a model that has some, in [0, 1]: one
            number, or a range (low, high) to draw from for every image; None takes what was measured for
            the model. See :meth:`gmmaug_plugin.models.ImageModel.vary`.
        shuffle: Whether arrays are used in a new order every epoch, and synthetic images stand anywhere in
            a batch; otherwise they come last. None means True. Images beside those of another
            dataset are always shuffled in.
        seed: A non-negative int.
        sample_weight: Weights of the images of arrays, (n,). Keras refuses ``class_weight`` beside it.
        value_range: White of float images: 1.0 or 255.0. None takes 255.0 if any value is above 2, of all
            of ``x``, or of a dataset's first batch.
        **kwargs: Options of ``keras.utils.PyDataset``: ``workers``, ``use_multiprocessing``,
            ``max_queue_size``.

    Raises:
        ArtifactError: The model's file cannot be read.
        TypeError: The images are neither uint8 nor float.
        ValueError: An argument is out of range, images, labels and model do not fit together, or an
            option for arrays is given beside a dataset.

    Example:
        >>> from gmmaug_plugin import fit
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> x, y, names = make_flowers(60, image_size=32, n_classes=2)
        >>> batches = GMMSequence(x, y, model=fit(x, y, quiet=True), ratio=0.25, batch_size=16)
        >>> images, labels = batches[0]
        >>> len(batches), images.shape, labels.dtype.name
        (5, (16, 32, 32), 'int32')
    """

    def __init__(
        self,
        x: ArrayLike | PyDataset,
        y: ArrayLike | None = None,
        *,
        model: ImageModel | str | Path,
        ratio: float,
        batch_size: int | None = None,
        mode: MixMode = "synthesize",
        strength: Strength = None,
        shuffle: bool | None = None,
        seed: int = 0,
        sample_weight: ArrayLike | None = None,
        value_range: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_mode(mode)
        check_share(ratio, mode)
        self._seed = whole_number("seed", seed, 0)
        self._epoch = 0
        self._source: _Arrays | _Dataset
        full_batch = None
        if isinstance(x, PyDataset):
            _refuse_array_options(y=y, batch_size=batch_size, shuffle=shuffle, sample_weight=sample_weight)
            first = _first_batch(x)
            self._source = _Dataset(x)
        else:
            first = _as_arrays(x, y, sample_weight)
            share = ratio if mode == "synthesize" else 0.0
            full_batch = split_batch(32 if batch_size is None else batch_size, share)
            self._source = _Arrays(first, full_batch[0], None if shuffle is False else self._seed)
        loaded = as_model(model)
        self._mixer = _Mixer(
            model=loaded,
            mode=mode,
            ratio=ratio,
            full_batch=full_batch,
            strength=strengths_of(loaded, mode, strength),
            shuffle=shuffle is not False,
            value_range=_white_of(first[0], value_range),
        )
        # Whatever is wrong with images or labels is told here rather than from inside a worker.
        self._mixer.read(first)

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch; None if the dataset given is endless."""
        return self._source.num_batches

    def __len__(self) -> int:
        if self.num_batches is None:
            raise TypeError("The dataset given is endless and has no length. Received: num_batches=None")
        return self.num_batches

    def __getitem__(self, index: int) -> Any:
        _leave_interrupts_to_the_trainer()
        if self.num_batches is not None:
            index = range(self.num_batches)[index]
        real = self._source.read(self._epoch, index)
        batch = self._mixer.mix(real, [self._seed, self._epoch, index, _BATCH])
        return batch if len(batch) > 1 else batch[0]

    def on_epoch_begin(self) -> None:
        """Tell the dataset given, if it is one."""
        self._source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's images and order, and tell the dataset given, if it is one."""
        self._epoch += 1
        self._source.on_epoch_end()


def _leave_interrupts_to_the_trainer() -> None:
    """Let Ctrl-C end the program, and not the worker processes of Keras that it reaches as well.

    A worker that dies takes its batch along. Keras waits for that without end, in native code, where the
    trainer cannot be interrupted any more.
    """
    in_worker = multiprocessing.current_process().name.startswith(_KERAS_WORKER)
    if in_worker and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Arrays:
    """Real batches out of arrays: every image once an epoch, in the order given if ``seed`` is None."""

    def __init__(self, arrays: Batch, batch_size: int, seed: int | None) -> None:
        self._arrays = arrays
        self._batch_size = batch_size
        self._seed = seed
        self._order: tuple[int, NDArray[np.intp]] | None = None
        self.num_batches: int | None = -(-len(arrays[0]) // batch_size)

    def read(self, epoch: int, index: int) -> Batch:
        rows = self._order_of(epoch)[index * self._batch_size : (index + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)

    def _order_of(self, epoch: int) -> NDArray[np.intp]:
        # Threads that come here at once work out the same order: no harm done, and no lock to pickle.
        known = self._order
        if known is None or known[0] != epoch:
            order = np.arange(len(self._arrays[0]))
            if self._seed is not None:
                np.random.default_rng([self._seed, epoch, 0, _ORDER]).shuffle(order)
            known = self._order = (epoch, order)
        return known[1]

    def on_epoch_begin(self) -> None:
        """Nothing to tell arrays."""

    def on_epoch_end(self) -> None:
        """Nothing to tell arrays."""


class _Dataset:
    """Real batches out of another dataset."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.num_batches: int | None = dataset.num_batches

    def read(self, epoch: int, index: int) -> Batch:
        return _as_batch(self._dataset[index])

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()


@dataclass(frozen=True)
class _Mixer:
    """Puts synthetic images among real ones, as a pure function of them and a seed."""

    model: ImageModel
    mode: MixMode
    ratio: float
    full_batch: tuple[int, int] | None
    strength: tuple[float, float]
    shuffle: bool
    value_range: float

    def read(self, real: Batch) -> "tuple[ImageLayout, Labels | None]":
        """Tell what images and labels look like, after checking that they and the model fit together."""
        layout = ImageLayout.of(real[0], value_range=self.value_range)
        if not layout.stacked:
            raise ValueError(
                "Images must be stacked: (n, h, w), (n, h, w, 1) or (n, h, w, 3). "
                f"Received: shape {real[0].shape}"
            )
        if len(real) > 1 and self.model.class_names:
            return layout, Labels.of(real[1], self.model.class_names)
        if len(real) > 1 and self.mode == "synthesize":
            raise ValueError(
                "The model was fitted on unlabelled photos and cannot label what it makes: fit it with a "
                'folder per class, or use mode="vary". Received: labels beside a model without classes'
            )
        return layout, None

    def mix(self, real: Batch, seed: Sequence[int]) -> Batch:
        """Add images to a batch, or vary some of it."""
        layout, labels = self.read(real)
        if self.mode == "vary":
            return self._vary(real, labels, seed)
        n_synthetic = self._n_synthetic(len(real[0]))
        strength = np.random.default_rng([*seed, _STRENGTH]).uniform(*self.strength, n_synthetic)
        images, classes = self.model.sample(n_synthetic, strength=strength, seed=seed)
        added = [layout.from_grey(images)]
        if labels is not None and classes is not None:
            added.append(labels.encode(classes))
        if len(real) > 2:
            added.append(np.ones((n_synthetic, *real[2].shape[1:]), real[2].dtype))
        mixed = tuple(np.concatenate(pair) for pair in zip(real, added, strict=True))
        if not (self.shuffle and n_synthetic):
            return mixed
        order = np.random.default_rng(seed).permutation(len(mixed[0]))
        return tuple(part[order] for part in mixed)

    def _n_synthetic(self, n_real: int) -> int:
        if self.full_batch is not None and n_real == self.full_batch[0]:
            return self.full_batch[1]
        return synthetic_beside(n_real, self.ratio)

    def _vary(self, real: Batch, labels: "Labels | None", seed: Sequence[int]) -> Batch:
        images = real[0].copy()
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(images))[: round(self.ratio * len(images))]
        if len(rows):
            images[rows] = self.model.vary(
                images[rows],
                strength=rng.uniform(*self.strength, len(rows)),
                label=None if labels is None else labels.classes[rows],
                seed=seed,
                value_range=self.value_range,
            )
        return (images, *real[1:])


def _as_arrays(x: ArrayLike, y: ArrayLike | None, sample_weight: ArrayLike | None) -> Batch:
    if y is None and sample_weight is not None:
        raise ValueError("sample_weight needs labels. Received: sample_weight without y")
    rest = (np.asarray(part) for part in (y, sample_weight) if part is not None)
    arrays = (np.asarray(x), *rest)
    if arrays[0].ndim == 0 or len(arrays[0]) == 0:
        raise ValueError(
            "x must be images (n, h, w), (n, h, w, 1) or (n, h, w, 3), at least one, or a "
            f"keras.utils.PyDataset. Received: {type(x).__name__} of shape {arrays[0].shape}"
        )
    return _same_length(arrays)


def _first_batch(dataset: Any) -> Batch:
    if dataset.num_batches == 0:
        raise ValueError("The dataset given must have a batch. Received: num_batches=0")
    return _as_batch(dataset[0])


def _as_batch(batch: Any) -> Batch:
    """What another dataset gives, as arrays."""
    parts = list(batch) if isinstance(batch, tuple | list) else [batch]
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    if not 1 <= len(parts) <= 3 or any(part is None or isinstance(part, dict) for part in parts):
        raise ValueError(
            "The dataset given must give x, (x, y) or (x, y, sample_weight). "
            f"Received: {type(batch).__name__} of {[type(part).__name__ for part in parts]}"
        )
    return _same_length(tuple(np.asarray(part) for part in parts))


def _same_length(arrays: Batch) -> Batch:
    lengths = [array.shape[:1] for array in arrays]
    if lengths.count(lengths[0]) != len(lengths):
        raise ValueError(
            "Images, labels and sample weights must be as many. "
            f"Received: shapes {[array.shape for array in arrays]}"
        )
    return arrays


def _refuse_array_options(**options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ValueError(
            f"{', '.join(options)} are for arrays: a dataset brings its own. Received: {', '.join(given)}"
        )


def _white_of(images: NDArray[Any], value_range: float | None) -> float:
    if value_range is None:
        return guess_white(images)
    if value_range not in (1.0, 255.0):
        raise ValueError(f"value_range must be 1.0, 255.0 or None. Received: value_range={value_range!r}")
    return float(value_range)
