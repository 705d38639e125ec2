"""Gaussian-mixture images inside albumentations pipelines.

Two transforms read a model file written by ``gmmaug-fit``: :class:`GMMSynthesize` replaces the image
by a synthetic one of its class, :class:`GMMVary` varies the image itself. Import this module before
``A.load`` or ``A.from_dict`` reads a pipeline that names them.

The class of the image goes in as ``label``, beside ``image``, and comes out unchanged:

    >>> import albumentations as A
    >>> from gmmaug_plugin.albumentations import GMMVary
    >>> pipeline = A.Compose([GMMVary("flowers.safetensors"), A.HorizontalFlip()])  # doctest: +SKIP
    >>> pipeline(image=image, label="rose")["image"]  # doctest: +SKIP
"""

import operator
import os
import random
from multiprocessing import current_process
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.artifact import load_model
from gmmaug_plugin.extras import require
from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.mixing import MixMode, Strength, strength_range, strengths_of
from gmmaug_plugin.models import ImageModel

# Its import would otherwise wait for a package index to tell whether there is a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
require("albumentations", extra="albumentations")

from albumentations import ImageOnlyTransform  # noqa: E402
from albumentations.core.transforms_interface import BaseTransformInitSchema  # noqa: E402
from pydantic import AfterValidator, BeforeValidator  # noqa: E402

__all__ = ["GMMSynthesize", "GMMVary"]

_SYNTHESIZE, _VARY = 0, 1
"""Second word of every noise seed. ``Compose(seed=...)`` gives all its transforms one seed: a move by
the very noise that made the image would no longer leave the mixture's law as it is."""

_models: dict[str, tuple[tuple[int, ...], ImageModel]] = {}


class _ModelTransform(ImageOnlyTransform):
    """What the transforms share: the model file, the label, and random numbers of their own."""

    model: str
    strength: Strength
    _mode: MixMode
    random_generator: np.random.Generator
    py_random: random.Random

    @property
    def available_keys(self) -> set[str]:
        """Names of the data that may be passed: the image targets, and ``label``.

        The label is no entry of ``targets``: albumentations makes the data of a target contiguous, and
        recurses for ever into a class name.
        """
        return {*super().available_keys, "label"}

    def __call__(self, *args: Any, force_apply: bool = False, **kwargs: Any) -> Any:
        self._leave_the_stream_of_another_process()
        return super().__call__(*args, force_apply=force_apply, **kwargs)

    def set_random_seed(self, seed: int | None) -> None:
        """Begin a stream of random numbers; None takes fresh entropy."""
        super().set_random_seed(seed)
        self._stream_is_chosen = seed is not None
        self._stream_pid = os.getpid()

    def set_random_state(self, random_generator: np.random.Generator, py_random: random.Random) -> None:
        """Draw random numbers from these generators from now on."""
        super().set_random_state(random_generator, py_random)
        self._stream_is_chosen = True
        self._stream_pid = os.getpid()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if not self._stream_is_chosen:
            self.set_random_seed(None)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw what a replay needs: a few plain numbers that JSON can hold."""
        model = _cached_model(self.model)
        low, high = strengths_of(model, self._mode, self.strength)
        return {
            "class_number": self._class_number(model, data.get("label")),
            "sample_seed": self.py_random.getrandbits(32),
            "strength": min(self.py_random.uniform(low, high), high),
        }

    def _class_number(self, model: ImageModel, label: Any) -> int | None:
        raise NotImplementedError

    def _leave_the_stream_of_another_process(self) -> None:
        """Keep workers from drawing the same numbers as their siblings.

        A seeded stream goes on from the worker's name, which is the same in every run of a program.
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


def _check_model(model: object) -> object:
    """Let a path through; of anything else hand on the type, for ``__init__`` to refuse.

    A TypeError from here would reach the user as a warning, and a dataclass would reach ``__init__``
    as a dict.
    """
    return str(model) if isinstance(model, str | Path) else type(model)


def _refuse_objects(model: Any) -> str:
    if not isinstance(model, str):
        raise TypeError(
            "model must be the path of a model file (str or Path), not a model: pipelines are saved as "
            f"text. Write the model with model.save(path) first. Received: {model.__name__}"
        )
    return model


def _check_strength(strength: Strength) -> Strength:
    if strength is not None:
        strength_range(strength)
    return strength


_ModelPath = Annotated[Any, BeforeValidator(_check_model)]
_Strength = Annotated[tuple[float, float] | float | None, AfterValidator(_check_strength)]


class GMMSynthesize(_ModelTransform):
    """Replace the image by a synthetic one of the same class.

    The synthetic image comes in the shape, channels, dtype and value range of the one it replaces. It
    shows another object: masks, boxes and keypoints passed along stay as they are and no longer fit.
    All images of a stack or volume, and of additional targets, become the same synthetic image.

    Which image is made depends on the recorded parameters alone, so a replay is exact. With
    ``Compose(seed=...)`` every run makes the same images; worker processes differ from each other.

    Args:
        model: Path of the model file, not a model object. The file is read at first use, once per
            process, and again when it has changed.
        strength: How far to move from the templates of a model that has some, in [0, 1]: a range to draw
            from, or one number; None takes what was measured for the model.
        p: Probability of applying the transform.

    Targets:
        image, images, volume, volumes; ``label`` is read and passed on unchanged.

    Image types:
        uint8 in 0..255 or float in 0..1; (H, W), (H, W, 1) or (H, W, 3) of any size.

    Raises:
        FileNotFoundError: At first use, if there is no such file.
        TypeError: ``model`` is neither a str nor a Path.
        ValueError: ``strength`` is not as described; or, at use, is given to a model without templates,
            the model has no such class as ``label``, there is no label though the model has several
            classes, or the image is not as described.

    Example:
        >>> pipeline = A.Compose([GMMSynthesize("flowers.safetensors", p=0.25)])  # doctest: +SKIP
        >>> rose = pipeline(image=photo, label="rose")["image"]  # doctest: +SKIP
    """

    _mode = "synthesize"

    class InitSchema(BaseTransformInitSchema):
        """What the transform may be made from."""

        model: _ModelPath
        strength: _Strength

    def __init__(self, model: str, strength: Strength = None, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.model = _refuse_objects(model)
        self.strength = strength

    def apply(
        self,
        img: NDArray[Any],
        sample_seed: int,
        class_number: int | None,
        strength: float,
        **params: Any,
    ) -> NDArray[Any]:
        """Make the image that ``sample_seed`` and ``class_number`` stand for, in the layout of ``img``."""
        layout = ImageLayout.of(_as_stack(img), value_range=1.0)
        model = _cached_model(self.model)
        images, _ = model.sample(1, label=class_number, strength=strength, seed=[sample_seed, _SYNTHESIZE])
        return layout.from_grey(images)[0]

    def apply_to_images(self, images: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Make one image and repeat it for the whole stack."""
        return np.repeat(self.apply(images[0], **params)[None], len(images), axis=0)

    def _class_number(self, model: ImageModel, label: Any) -> int | None:
        if label is not None:
            return model.label_of(_plain_label(label))
        if len(model.class_names) > 1:
            raise ValueError(
                "A model of several classes needs the label of the image that it replaces: pass "
                f"label=... beside image=..., one of {list(model.class_names)}. Received: label=None"
            )
        return None


class GMMVary(_ModelTransform):
    """Vary the image within the law of its mixture component.

    See :meth:`gmmaug_plugin.models.ImageModel.vary`. Pixels keep their place, roughly: masks, boxes and
    keypoints are left as they are. Of colour images the brightness changes, by the same amount in every
    channel. All images of a stack or volume, and of additional targets, are moved by the same noise.

    A replay is exact, as is a pipeline with ``Compose(seed=...)``; worker processes differ from each
    other.

    Args:
        model: Path of the model file, not a model object. The file is read at first use, once per
            process, and again when it has changed.
        strength: How far to move, in [0, 1]: a range to draw from, or one number to use every time; None
            takes what was measured for the model, 0.5 unless a study of usefulness found better.
            0 leaves the image as it is, 1 replaces it by a fresh draw of its component.
        p: Probability of applying the transform.

    Targets:
        image, images, volume, volumes; ``label`` is read and passed on unchanged. With a label only the
        components of its class are considered; without one, or if the model was fitted on unlabelled
        photos, all are.

    Image types:
        uint8 in 0..255 or float in 0..1; (H, W), (H, W, 1) or (H, W, 3) of any size.

    Raises:
        FileNotFoundError: At first use, if there is no such file.
        TypeError: ``model`` is neither a str nor a Path.
        ValueError: ``strength`` is not as described; or, at use, the model has no such class as
            ``label``, or the image is not as described.

    Example:
        >>> pipeline = A.Compose([GMMVary("flowers.safetensors", strength=(0.2, 0.4))])  # doctest: +SKIP
        >>> pipeline(image=photo, label=2)["label"]  # doctest: +SKIP
        2
    """

    _mode = "vary"

    class InitSchema(BaseTransformInitSchema):
        """What the transform may be made from."""

        model: _ModelPath
        strength: _Strength

    def __init__(self, model: str, strength: Strength = None, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.model = _refuse_objects(model)
        self.strength = strength

    def apply(
        self,
        img: NDArray[Any],
        sample_seed: int,
        class_number: int | None,
        strength: float,
        **params: Any,
    ) -> NDArray[Any]:
        """Move the image by the noise that ``sample_seed`` stands for."""
        varied = _cached_model(self.model).vary(
            _as_stack(img),
            strength=strength,
            label=class_number,
            seed=[sample_seed, _VARY],
            value_range=1.0,
        )
        return varied[0]

    def _class_number(self, model: ImageModel, label: Any) -> int | None:
        if label is None or not model.class_names:
            return None
        return model.label_of(_plain_label(label))


def _cached_model(path: str) -> ImageModel:
    """Load a model once per process, and again when its file has changed."""
    status = Path(path).stat()
    stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
    known = _models.get(path)
    if known is None or known[0] != stamp:
        known = _models[path] = (stamp, load_model(path))
    return known[1]


def _as_stack(img: NDArray[Any]) -> NDArray[Any]:
    if img.ndim not in (2, 3) or (img.ndim == 3 and img.shape[2] not in (1, 3)):
        raise ValueError(
            "Images must be (H, W), (H, W, 1) or (H, W, 3): of other channels the brightness is not "
            f"known. Received: shape {img.shape}"
        )
    return img[None]


def _plain_label(label: Any) -> int | str:
    """A label as a plain name or number; numbers of any integer type, numpy's among them."""
    if isinstance(label, str):
        return str(label)
    try:
        return operator.index(label)
    except TypeError as error:
        raise ValueError(
            f"label must be one class name or whole number. Received: label={label!r}"
        ) from error
