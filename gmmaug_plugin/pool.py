"""The pool: drawn images, their labels, and the order in which training reads them.

A mixture draws images offline; everything that trains reads a :class:`Pool`. One seed gives one order of
the pool's images, in every framework.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact import MAX_IMAGE_SIZE, ArtifactError, read_pool, write_pool
from gmmaug_plugin.checks import image_stack, seed_entropy, whole_number
from gmmaug_plugin.fit_record import FitRecord
from gmmaug_plugin.summaries import as_html, in_words

__all__ = ["MAX_IMAGE_SIZE", "Label", "Pool", "Seed", "as_pool", "class_number", "load_model"]

Seed = int | Sequence[int] | None
Label = int | str
Order = tuple[NDArray[np.int32], NDArray[np.bool_]]

_MOST_ORDERS = 256  # orders that a pool keeps in memory
_LEAST_PERIOD = 2**14  # least number of positions in an order
_MOST_PASSES = 256  # over the pool in one order, even where that leaves fewer positions


@dataclass(frozen=True, eq=False)
class Pool:
    """Images drawn from a mixture, ready to be read in training.

    Attributes:
        images: uint8 (n, size, size) in grayscale or (n, size, size, 3) in color, 0..255, n at least 1 and
            size at most 512.
        labels: int32 (n,), indices into ``class_names``; None for a pool of unlabelled photos.
        class_names: Names in label order, each with at least one image; empty without labels.
        mirror: Whether a mirrored image is as good as the image itself.
        class_shares: Share of each class in the photos, summing to 1. Adapters read classes in these shares.
            Empty: in the shares of the pool.
        record: Options, choices and measures of the fit.
        arrays: Further named arrays in the file: parameters of a PCA mixture, or the photos if the user kept
            them.

    Raises:
        TypeError: Images are not uint8, or labels not int32.
        ValueError: Shapes, labels, class names or shares do not fit together.

    Example:
        >>> pool = Pool(np.zeros((2, 16, 16), np.uint8), np.array([0, 1], np.int32), ("daisy", "rose"))
        >>> images, labels = pool.sample(1, label="rose", seed=0)
        >>> images.shape, labels.tolist()
        ((1, 16, 16), [1])
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    mirror: bool = True
    class_shares: tuple[float, ...] = ()
    record: FitRecord = field(default_factory=FitRecord)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    _orders: dict[Any, Order] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        image_stack("images", self.images)
        shape, shares = self.images.shape, self.class_shares
        if shape[1] != shape[2] or shape[1] > MAX_IMAGE_SIZE:
            raise ValueError(
                f"images must be square, of at most {MAX_IMAGE_SIZE} pixels a side. Received: shape {shape}"
            )
        _check_labels(len(self), self.labels, self.class_names)
        n_classes = len(self.class_names)
        if shares and (len(shares) != n_classes or min(shares) < 0 or not np.isclose(sum(shares), 1)):
            raise ValueError(
                f"class_shares must be one share per class, summing to 1. Received: {list(shares)} for "
                f"{n_classes} classes"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        first, *lines = in_words(self.images, self.labels, self.class_names, "images")
        lines.insert(0, f"Pool({first})")
        record, n_refused = self.record, sum(self.record.redrawn.values())
        if record.model:
            refused = f", {n_refused} draws refused as copies" if n_refused else ""
            n_photos = sum(record.photos_per_class.values())
            lines.append(
                f"  drawn by {record.model!r:.20} from {n_photos} photos, seed {record.seed!r:.40}{refused}"
            )
        if record.notes:
            lines.append(f"  notes in its record: {len(record.notes)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_html(repr(self), self.images, self.labels, self.class_names)

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return int(self.images.shape[1])

    @property
    def channels(self) -> int:
        """1 in grayscale, 3 in color."""
        return 3 if self.images.ndim == 4 else 1

    def order(self, seed: Seed = 0, label: Label | None = None) -> Order:
        """Return the order in which a seed reads the pool.

        Every image of a class is read once before any of it is read again. Second readings are mirrored if
        ``mirror`` is set, third ones are plain again, and so on. Classes come as often as ``class_shares``
        says; each class with a share above 0 comes at least once in ``len(pool)`` readings.
        A longer sequence begins again at the end of the order.

        Args:
            seed: A non-negative int or several; None takes fresh entropy.
            label: Read this class only, by name or number.

        Returns:
            Rows of ``images``, int32 (m,), and whether each is mirrored, bool (m,); read-only.

        Raises:
            ValueError: The seed is invalid or there is no such class.
        """
        number = None if label is None else class_number(self.class_names, label)
        entropy = seed_entropy(seed)
        if entropy is None:
            return _order(self, None, number)
        key = (str(entropy), number)
        if key not in self._orders:
            if len(self._orders) >= _MOST_ORDERS:
                self._orders.clear()
            self._orders[key] = _order(self, entropy, number)
        return self._orders[key]

    def sample(
        self, n: int, *, label: Label | None = None, seed: Seed = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
        """Read images in the order of a seed.

        Args:
            n: Number of images, 0 or more. Beyond the pool's own number images are mirrored, then repeated,
                with a warning.
            label: Read this class only, by name or number.
            seed: As for :meth:`order`; the same seed gives the same images.

        Returns:
            uint8 images (n, size, size) or (n, size, size, 3), and int32 labels (n,), None without classes.

        Raises:
            ValueError: ``n``, ``label`` or ``seed`` is invalid.
        """
        n = whole_number("n", n, 0)
        rows, mirrored = self.order(seed, label)
        self.warn_of_repeats(n, label)
        positions = np.arange(n) % len(rows)
        return self.take(rows[positions], mirrored[positions])

    def take(
        self, rows: NDArray[np.integer[Any]], mirrored: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
        """Return copies of the images at ``rows``, mirrored where ``mirrored`` is set, and their labels."""
        images = self.images[rows]
        images[mirrored] = images[mirrored][:, :, ::-1]
        return images, None if self.labels is None else self.labels[rows]

    def warn_of_repeats(self, n: int, label: Label | None = None) -> None:
        """Warn unless the first ``n`` images of an order are all different."""
        own = len(np.unique(self.order(0, label)[0][:n]))
        if n > own:
            how = "mirrored, then repeated" if self.mirror else "repeated"
            warnings.warn(
                f"The pool has {own} images for these; further ones are {how}. Draw a larger pool with "
                f"n_images (gmmaug-fit --images). Received: n={n}",
                stacklevel=3,
            )

    def save(self, path: str | os.PathLike[str], *, lossless: bool = False) -> int:
        """Write the pool to one file, completely or not at all; the same pool gives the same bytes.

        Args:
            path: The target, whose name ends in ``.safetensors``. A missing folder is made; "~" is the home.
            lossless: Keep every gray level, in PNG. Otherwise images are encoded in JPEG with a peak
                signal-to-noise ratio of at least 45 dB each.

        Returns:
            The file's size in bytes.

        Raises:
            ArtifactError: The file could not be loaded again: it is too large, or the record holds values
                that JSON lacks.
            OSError: The file cannot be written; an older one is untouched.
            ValueError: The name has another ending.

        Example:
            >>> pool.save("flowers.safetensors")  # doctest: +SKIP
            5310216
        """
        parts = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return write_pool(path, parts, lossless=lossless)


def load_model(path: str | os.PathLike[str]) -> Pool:
    """Read a pool from a file. Files from strangers are safe: they are checked, and no code in them is run.

    Args:
        path: A file that :meth:`Pool.save` wrote; "~" is the home.

    Raises:
        ArtifactError: The file holds no pool, is damaged, has a format that this version does not read, or
            is a folder, pipe or device.
        OSError: The file cannot be read; FileNotFoundError if there is none.

    Example:
        >>> load_model("flowers.safetensors")  # doctest: +SKIP
        Pool(500 grayscale images of 128 x 128, 2 classes)
          'daisy' 300, 'rose' 200
          drawn by 'local' from 480 photos, seed 0, 12 draws refused as copies
    """
    parts = read_pool(path)
    try:
        return Pool(**parts)
    except ValueError as error:
        raise ArtifactError(f"The file's contents do not fit together: {error}") from error


def as_pool(pool: Pool | str | os.PathLike[str]) -> Pool:
    """Return a pool unchanged, or load it from its path.

    Raises:
        TypeError: The argument is neither a pool nor a path.
    """
    if isinstance(pool, Pool):
        return pool
    if isinstance(pool, str | os.PathLike):
        return load_model(pool)
    raise TypeError(f"A pool must be a Pool or the path of its file. Received: {type(pool).__name__}")


def class_number(class_names: Sequence[str], label: Label) -> int:
    """Return the number of a class given by its name or number; a number may also be a str of digits.

    Raises:
        ValueError: There is no such class.
    """
    if not class_names:
        raise ValueError(f"Without classes label must be None. Received: label={label!r}")
    if isinstance(label, str) and label in class_names:
        return list(class_names).index(label)
    number = int(label) if isinstance(label, str) and label.isdecimal() else label
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if whole and 0 <= int(number) < len(class_names):
        return int(number)
    raise ValueError(
        f"label must be a class name or number; the classes are {list(class_names)}. Received: {label!r}"
    )


def _check_labels(n: int, labels: NDArray[np.int32] | None, class_names: Sequence[str]) -> None:
    if labels is None:
        if class_names:
            raise ValueError(f"A pool with classes needs labels. Received: classes {list(class_names)}")
        return
    if labels.dtype != np.int32:
        raise TypeError(f"labels must be int32. Received: {labels.dtype}")
    if labels.shape != (n,) or len(set(class_names)) != len(class_names):
        raise ValueError(
            f"labels must be one per image, {n}, and class names different. Received: shape {labels.shape}, "
            f"classes {list(class_names)}"
        )
    found = np.unique(labels).tolist()
    if found != list(range(len(class_names))):
        raise ValueError(
            f"Each class must have an image, and each label be a class. Received: labels {found}, "
            f"classes {list(class_names)}"
        )


def _order(pool: Pool, entropy: int | list[int] | None, number: int | None) -> Order:
    """Make an order; see :meth:`Pool.order`. It consists of passes, each as long as the images read."""
    rng = np.random.default_rng(entropy)
    if pool.labels is None:
        members = [np.arange(len(pool))]
    else:
        numbers = range(len(pool.class_names)) if number is None else [number]
        members = [np.flatnonzero(pool.labels == one) for one in numbers]
    n = sum(map(len, members))
    shares = pool.class_shares if number is None and pool.class_shares else [len(one) / n for one in members]
    slots = _apportion(n, shares)
    n_passes = min(max(2, -(-_LEAST_PERIOD // n)), _MOST_PASSES)
    queues = [_queue(one, n_passes * m, pool.mirror, rng) for one, m in zip(members, slots, strict=True)]
    passes = []
    for index in range(n_passes):
        parts = [queue[:, index * m : (index + 1) * m] for queue, m in zip(queues, slots, strict=True)]
        together = np.concatenate(parts, axis=1)
        # A single class keeps its queue's order, so that no image comes again before all have come.
        passes.append(rng.permutation(together, axis=1) if len(members) > 1 else together)
    codes = np.concatenate(passes, axis=1)
    rows, mirrored = codes[0].astype(np.int32), codes[1].astype(np.bool_)
    rows.setflags(write=False)
    mirrored.setflags(write=False)
    return rows, mirrored


def _queue(
    members: NDArray[np.intp], length: int, mirror: bool, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return rows of one class in freshly shuffled cycles, every second one mirrored: (2, length)."""
    cycles = [
        [rng.permutation(members), np.full(len(members), mirror and cycle % 2)]
        for cycle in range(-(-length // len(members)))
    ]
    return np.concatenate([np.empty((2, 0), np.intp), *cycles], axis=1)[:, :length]


def _apportion(n: int, shares: Sequence[float]) -> list[int]:
    """Return whole numbers near ``n`` times the shares, summing to ``n``: largest remainders, at least 1."""
    exact = n * np.asarray(shares, np.float64)
    counts = np.maximum(np.floor(exact + 1e-9), np.asarray(shares) > 0).astype(int)
    while counts.sum() < n:
        counts[int((exact - counts).argmax())] += 1
    while counts.sum() > n:
        counts[int(np.where(counts > 1, counts - exact, -np.inf).argmax())] -= 1
    return [int(count) for count in counts]
