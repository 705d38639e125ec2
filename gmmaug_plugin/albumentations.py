"""Images of a pool inside albumentations pipelines.

:class:`GMMSynthesize` reads a file written by ``gmmaug-fit`` and replaces the image by a synthetic one of its
class. Import this module before ``A.load`` or ``A.from_dict`` reads a pipeline that names it.
"""

import os
import random
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing import current_process
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.extras import require
from gmmaug_plugin.image_layout import ImageLayout, ValueRange, read_range, reshape_images
from gmmaug_plugin.label_encoding import LabelEncoding, read_names
from gmmaug_plugin.pool import Pool, load_model

# Otherwise importing albumentations asks a package index for a newer version, and waits for the answer.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
require("albumentations", extra="albumentations")

from albumentations import ImageOnlyTransform  # noqa: E402
from albumentations.core.transforms_interface import BaseTransformInitSchema  # noqa: E402
from pydantic import BeforeValidator  # noqa: E402

__all__ = ["GMMSynthesize"]

_ANNOTATIONS = frozenset({"mask", "masks", "mask3d", "masks3d", "bboxes", "keypoints"})

_pools: dict[Path, tuple[tuple[int, ...], Pool]] = {}


def _check_model(model: object) -> object:
    """Return a path as a string; of anything else its type, so that ``__init__`` can refuse it.

    albumentations turns an error raised here into a warning, and a dataclass into a dict.
    """
    return os.fspath(model) if isinstance(model, str | os.PathLike) else type(model)


class GMMSynthesize(ImageOnlyTransform):
    """Replace the image by a synthetic one of the same class.

    The synthetic image has the shape, channels, dtype and value range of the one it replaces. It shows
    another object: masks, boxes and keypoints no longer fit. They are returned unchanged, with a warning.
    All images of a stack or volume, and of additional targets, become the same synthetic image.

    The recorded parameters alone determine the image, so a replay is exact. With ``Compose(seed=...)`` every
    run draws the same images; worker processes draw different ones.

    Args:
        model: Path of the pool's file, not a pool; "~" is the home. The file is read at first use, once per
            process, and again when it has changed.
        p: Probability of applying the transform.
        value_range: Black and white of float images, (0, 255), (0, 1) or (-1, 1); a number is white. None
            stands for (0, 1), as in albumentations. Place the transform before ``A.Normalize``: normalized
            images have no black and white.
        class_names: The data set's classes in the order of their numbers, for labels that are numbers or
            one-hot vectors; images of classes that the pool lacks stay as they are. None if labels are names,
            or the pool has one class or the classes "0", "1", ….

    Targets:
        image, images, volume, volumes; ``label``, the class of the image: its name, its number (int, bool or
        whole float, also in an array or tensor () or (1,)), or a one-hot vector, also smoothed. ``label`` is
        returned unchanged. A pool of one class, or without classes, needs none, and so may stand inside
        ``SelectiveChannelTransform``, which passes on no label.

    Image types:
        uint8 in 0..255 or float in ``value_range``, of any size and number of channels: (H, W), (H, W, C) or
        (C, H, W). A pool in color gives (H, W, 3) its colors, and other images its brightness.

    Raises:
        ArtifactError: At use, if the file holds no pool.
        FileNotFoundError: At use, if there is no such file.
        TypeError: ``model`` is no path; at use, if the images are of another type.
        ValueError: ``value_range`` or ``class_names`` is invalid. At use, if the pool has no such class as
            ``label``, the label is missing or its encoding not known, or the image has another shape or
            leaves the value range.

    Example:
        >>> pipeline = A.Compose([GMMSynthesize("flowers.safetensors", p=0.25)])  # doctest: +SKIP
        >>> rose = pipeline(image=photo, label="rose")["image"]  # doctest: +SKIP
    """

    random_generator: np.random.Generator
    py_random: random.Random

    class InitSchema(BaseTransformInitSchema):
        """The arguments that albumentations validates."""

        model: Annotated[Any, BeforeValidator(_check_model)]
        value_range: Any
        class_names: Any

    def __init__(
        self,
        model: str,
        p: float = 0.5,
        value_range: ValueRange = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(p=p)
        if not isinstance(model, str):
            raise TypeError(
                "model must be the path of a pool's file (str or Path), not a pool: pipelines are saved "
                f"as text. Write it with pool.save first. Received: {getattr(model, '__name__', model)}"
            )
        self.model = model
        self.value_range = read_range(value_range)
        self.class_names = None if class_names is None else tuple(read_names(class_names))
        self._annotations = set(_ANNOTATIONS)

    @property
    def available_keys(self) -> set[str]:
        """Names of the data that may be passed: the image targets, and ``label``.

        ``label`` is not an entry of ``targets``: albumentations makes the data of targets contiguous, and
        recurses endlessly into a class name.
        """
        return {*super().available_keys, "label"}

    def __call__(self, *args: Any, force_apply: bool = False, **kwargs: Any) -> Any:
        """Transform the data given; see ``albumentations.BasicTransform``."""
        self._leave_the_stream_of_another_process()
        return super().__call__(*args, force_apply=force_apply, **kwargs)

    def set_random_seed(self, seed: int | None) -> None:
        """Start a new stream of random numbers; None takes fresh entropy."""
        super().set_random_seed(seed)
        self._stream_is_chosen = seed is not None
        self._stream_pid = os.getpid()

    def set_random_state(self, random_generator: np.random.Generator, py_random: random.Random) -> None:
        """Draw random numbers from these generators."""
        super().set_random_state(random_generator, py_random)
        self._stream_is_chosen = True
        self._stream_pid = os.getpid()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if not self._stream_is_chosen:
            self.set_random_seed(None)

    def _leave_the_stream_of_another_process(self) -> None:
        """Start a new stream in a forked worker: siblings would otherwise draw the same numbers.

        If the stream was seeded, the worker's name seeds the new one: names are the same in every run.
        """
        if self._stream_pid == os.getpid():
            return
        entropy = None
        if self._stream_is_chosen:
            entropy = [self.py_random.getrandbits(32), *current_process().name.encode()]
        numpy_seed, python_seed = np.random.SeedSequence(entropy).spawn(2)
        self.random_generator = np.random.default_rng(numpy_seed)
        self.py_random = random.Random(python_seed.generate_state(4).tobytes())
        self._stream_pid = os.getpid()

    def add_targets(self, additional_targets: Mapping[str, str]) -> None:
        """Add names for data of a kind, as in ``Compose(additional_targets={"second": "image"})``."""
        super().add_targets(additional_targets)
        self._annotations.update(name for name, kind in additional_targets.items() if kind in _ANNOTATIONS)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the parameters of a replay, plain numbers since they are saved as JSON."""
        present = self._annotations.intersection(data)
        unfit = sorted(name for name in present if data[name] is not None and len(data[name]))
        if unfit:
            # albumentations passes masks through image-only transforms, so this is no error.
            warnings.warn(
                "A synthetic image shows another object, which masks, boxes and keypoints do not fit: leave "
                f"them out, as in pipeline(image=image, label=label). Received: {unfit}",
                stacklevel=2,
            )
        pool, label = _cached_pool(self.model), data.get("label")
        class_number = None
        # Of an image without boxes, a 'label' among the label_fields of boxes is an empty list.
        if label is not None and np.size(label):
            class_number = _class_number(pool, label, self.class_names)
        elif len(pool.class_names) > 1:
            raise ValueError(
                f"No label reached GMMSynthesize: pass label=..., one of {list(pool.class_names)}. "
                "SelectiveChannelTransform hands on the image alone: place GMMSynthesize outside of it. A "
                "'label' among the label_fields of boxes or keypoints is theirs: call that field otherwise. "
                "Received: an image without a label"
            )
        return {"class_number": class_number, "sample_seed": self.py_random.getrandbits(32)}

    def apply(self, img: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Return the pool's image for ``sample_seed`` and ``class_number``, in the layout of ``img``."""
        if not isinstance(img, np.ndarray):
            raise TypeError(
                "Images must be numpy arrays: place GMMSynthesize before A.ToTensorV2. "
                f"Received: {type(img).__name__}"
            )
        image: NDArray[Any] = self.apply_to_images(img[None], **params)[0]
        return image

    def apply_to_images(
        self, images: NDArray[Any], sample_seed: int, class_number: int | None, **params: Any
    ) -> NDArray[Any]:
        """Return one image of the pool for the whole stack, or the stack if the pool lacks its class."""
        images = np.asarray(images)
        if class_number == -1:
            return images
        of_albumentations = None if images.dtype == np.uint8 else (0.0, 1.0)
        where = "the images that reach GMMSynthesize, which belongs before A.Normalize"
        layout = ImageLayout.of(images, value_range=self.value_range or of_albumentations, where=where)
        pool = _cached_pool(self.model)
        rows, mirrored = pool.order(0, class_number)
        position = sample_seed % len(rows)
        made = reshape_images(pool.images[rows[position]][None], layout.size, layout.channels)
        made = layout.encode(made[:, :, ::-1] if mirrored[position] else made)
        return np.repeat(made, len(images), axis=0)


def _cached_pool(path: str) -> Pool:
    """Load a pool once per process, and again when its file has changed."""
    file = Path(path).expanduser()
    status = file.stat()
    stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
    known = _pools.get(file)
    if known is None or known[0] != stamp:
        known = _pools[file] = (stamp, load_model(file))
    return known[1]


def _class_number(pool: Pool, label: Any, class_names: Sequence[str] | None) -> int:
    """Return the pool's number of the class of a label: a name, a number or a one-hot vector."""
    value, names = np.asarray(label), class_names or pool.class_names
    if names and value.dtype.kind in "OSU":
        if value.size != 1 or value.item() not in names:
            raise ValueError(
                "label must be a class name, a class number or a one-hot vector, of one image; the classes "
                f"are {list(names)}. Received: label={label!r}"
            )
        value, class_names = np.asarray(names.index(value.item())), names
    encoding = LabelEncoding.of(value[None], pool.class_names, class_names=class_names)
    if encoding.one_hot and value.max() <= 0.5:
        raise ValueError(
            "A mixed label names no class of which to take an image: place GMMSynthesize before images are "
            f"mixed. Received: label={label!r}"
        )
    return encoding.class_of(value)
