"""Images of a pool inside albumentations pipelines.

:class:`GMMSynthesize` reads a file written by ``gmmaug-fit`` and replaces the image by a synthetic one of its
class. Import this module before ``A.load`` or ``A.from_dict`` reads a pipeline that names it.
"""

import os
import random
from multiprocessing import current_process
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.extras import require
from gmmaug_plugin.image_layout import ImageLayout, reshape_images
from gmmaug_plugin.pool import Pool, class_number, load_model

# Otherwise importing albumentations asks a package index for a newer version, and waits for the answer.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
require("albumentations", extra="albumentations")

from albumentations import ImageOnlyTransform  # noqa: E402
from albumentations.core.transforms_interface import BaseTransformInitSchema  # noqa: E402
from pydantic import BeforeValidator  # noqa: E402

__all__ = ["GMMSynthesize"]

_pools: dict[str, tuple[tuple[int, ...], Pool]] = {}


def _check_model(model: object) -> object:
    """Return a path as a string; of anything else its type, so that ``__init__`` can refuse it.

    albumentations turns an error raised here into a warning, and a dataclass into a dict.
    """
    return str(model) if isinstance(model, str | Path) else type(model)


class GMMSynthesize(ImageOnlyTransform):
    """Replace the image by a synthetic one of the same class.

    The synthetic image has the shape, channels, dtype and value range of the one it replaces. It shows
    another object: masks, boxes and keypoints are returned unchanged and no longer fit. All images of a stack
    or volume, and of additional targets, become the same synthetic image.

    The recorded parameters alone determine the image, so a replay is exact. With ``Compose(seed=...)`` every
    run draws the same images; worker processes draw different ones.

    Args:
        model: Path of the pool's file, not a pool. The file is read at first use, once per process, and
            again when it has changed.
        p: Probability of applying the transform.

    Targets:
        image, images, volume, volumes; ``label``, the class of the image, is returned unchanged.

    Image types:
        uint8 in 0..255 or float in 0..1, of any size: (H, W) or (H, W, C). A grayscale pool is repeated into
        any number of channels; a pool in color replaces images (H, W), (H, W, 1) or (H, W, 3).

    Raises:
        ArtifactError: At first use, if the file holds no pool.
        FileNotFoundError: At first use, if there is no such file.
        TypeError: ``model`` is neither a str nor a Path.
        ValueError: At use, if the pool has no such class as ``label``, there is no label though the pool has
            several classes, or the image has another shape, dtype or range.

    Example:
        >>> pipeline = A.Compose([GMMSynthesize("flowers.safetensors", p=0.25)])  # doctest: +SKIP
        >>> rose = pipeline(image=photo, label="rose")["image"]  # doctest: +SKIP
    """

    random_generator: np.random.Generator
    py_random: random.Random

    class InitSchema(BaseTransformInitSchema):
        """The arguments that albumentations validates."""

        model: Annotated[Any, BeforeValidator(_check_model)]

    def __init__(self, model: str, p: float = 0.5) -> None:
        super().__init__(p=p)
        if not isinstance(model, str):
            raise TypeError(
                "model must be the path of a pool's file (str or Path), not a pool: pipelines are saved "
                f"as text. Write it with pool.save first. Received: {getattr(model, '__name__', model)}"
            )
        self.model = model

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

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the parameters of a replay, plain numbers since they are saved as JSON."""
        return {
            "class_number": _class_number(_cached_pool(self.model), data.get("label")),
            "sample_seed": self.py_random.getrandbits(32),
        }

    def apply(
        self, img: NDArray[Any], sample_seed: int, class_number: int | None, **params: Any
    ) -> NDArray[Any]:
        """Return the pool's image for ``sample_seed`` and ``class_number``, in the layout of ``img``."""
        layout = ImageLayout.of(img[None], value_range=1.0)
        pool = _cached_pool(self.model)
        rows, mirrored = pool.order(0, class_number)
        position = sample_seed % len(rows)
        image = reshape_images(pool.images[rows[position]][None], layout.size, layout.channels)[0]
        return layout.encode(np.array(image[:, ::-1] if mirrored[position] else image))

    def apply_to_images(self, images: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Take one image and repeat it for the whole stack."""
        return np.repeat(self.apply(images[0], **params)[None], len(images), axis=0)


def _cached_pool(path: str) -> Pool:
    """Load a pool once per process, and again when its file has changed."""
    status = Path(path).stat()
    stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
    known = _pools.get(path)
    if known is None or known[0] != stamp:
        known = _pools[path] = (stamp, load_model(path))
    return known[1]


def _class_number(pool: Pool, label: Any) -> int | None:
    """Return the class of a label, a name or a whole number; None if the pool has at most one."""
    if label is None:
        if len(pool.class_names) > 1:
            raise ValueError(
                "A pool of several classes needs the label of the image to replace: pass image=... and "
                f"label=..., one of {list(pool.class_names)}. Received: label=None"
            )
        return None
    value = np.asarray(label)
    if value.ndim == 0 and value.dtype.kind in "biuf" and float(value).is_integer():
        label = int(value)
    return class_number(pool.class_names, label)
