"""What every kind of model offers, whatever it learned."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sized
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models.engine import Array, Engine, NumpyEngine
from gmmaug_plugin.models.noise import NoiseStream, Seed
from gmmaug_plugin.models.strengths import FRESH, Strengths, check_strengths

Label = int | str
"""A class, by number or name."""


class ImageModel(ABC):
    """A law of grayscale images that draws new images and varies given ones.

    A kind of model is a frozen dataclass, ``eq=False``, with the fields ``class_names``, ``info``,
    ``strengths`` and ``templates`` among its own. What it must add is the arithmetic, from noise to images:
    :meth:`synthesize` and :meth:`move`, in terms of any engine's operations. Noise, labels, strengths and
    the layout of the user's images are seen to here, once for all kinds.

    Any number of threads may use one model: it is never changed.

    Attributes:
        kind: What files call this kind of model.
        class_names: Names in label order; empty for a model of unlabelled photos.
        info: How the model was fitted: plain JSON values only.
        strengths: How strongly to synthesise and to vary by default.
        templates: What is kept of training photos for synthesis to start from; None draws from the law alone.
    """

    kind: ClassVar[str]
    class_names: tuple[str, ...]
    info: Mapping[str, Any]
    strengths: Strengths
    templates: Sized | None

    # Every kind is a dataclass: this lets those who know no kind replace its fields.
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __getstate__(self) -> dict[str, object]:
        """The fields only: what is worked out from them is worked out again."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    @abstractmethod
    def image_size(self) -> int:
        """Height and width of the images in pixels."""

    @property
    @abstractmethod
    def n_components(self) -> int:
        """Number of mixture components over all classes."""

    @property
    @abstractmethod
    def n_classes(self) -> int:
        """Number of classes, at least 1; they may not have names (yet)."""

    @property
    @abstractmethod
    def noise_width(self) -> int:
        """How many standard normal numbers one image takes."""

    @property
    def uniform_width(self) -> int:
        """How many uniform numbers one image takes."""
        return 1

    @property
    def n_templates(self) -> int:
        """Number of templates, 0 without."""
        return 0 if self.templates is None else len(self.templates)

    @property
    def chunk(self) -> int:
        """Images made at a time: enough for the matrix product, few enough for the cache."""
        return 128

    @property
    def noise_block(self) -> int:
        """Images that share one generator of noise; a kind that changes it draws other images."""
        return 16

    @abstractmethod
    def synthesize(
        self, engine: Engine, rows: Array, strength: Array, uniform: Array, normal: Array
    ) -> tuple[Array, Array]:
        """Turn noise into images, in any engine.

        Args:
            engine: The array operations.
            rows: Int32 (n,): the class each image is drawn from; the number of classes for any.
            strength: Float64 (n,), in [0, 1]: how far to move from a template; unused without templates.
            uniform: Uniform numbers in [0, 1), float64 (n, uniform_width).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Uint8 images (n, image_size, image_size) and int32 labels (n,).
        """

    @abstractmethod
    def move(
        self, engine: Engine, grey: Array, strength: Array, rows: Array, uniform: Array, normal: Array
    ) -> Array:
        """Vary grey images with given noise, in any engine; the arithmetic of :meth:`vary`.

        Args:
            engine: The array operations.
            grey: Float32 (n, image_size, image_size), 0..255.
            strength: Float64 (n,), in [0, 1], or a row of them per image where
                :meth:`variation_strengths` gives such.
            rows: Int32 (n,): the class each image belongs to; the number of classes for any.
            uniform: Uniform numbers in [0, 1), float64 (n, uniform_width).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Float32 images of the same shape, neither rounded nor clipped.
        """

    @abstractmethod
    def score_samples(self, images: ArrayLike, *, value_range: float | None = None) -> NDArray[np.float64]:
        """Log-density of images in pixel space, grey levels 0..255.

        Args:
            images: As for :meth:`vary`, of any size (they are resized to the model's).
            value_range: As for :meth:`vary`.

        Returns:
            Nats per image, float64 (n,).
        """

    def save(self, path: str | Path) -> None:
        """Write the model to one ``.safetensors`` file; see :func:`gmmaug_plugin.artifact.save_model`."""
        from gmmaug_plugin.artifact import save_model

        save_model(self, path)

    def label_of(self, label: Label) -> int:
        """Return the number of a class given by name or number.

        Raises:
            ValueError: The model has no such class.
        """
        if isinstance(label, str):
            if label in self.class_names:
                return self.class_names.index(label)
        elif (
            type(label) is not bool
            and isinstance(label, int | np.integer)
            and label in range(len(self.class_names))
        ):
            return int(label)
        allowed = (
            f"The classes are {list(self.class_names)}"
            if self.class_names
            else "The model was fitted on unlabelled photos, so label must be None"
        )
        raise ValueError(f"No such class. {allowed}. Received: label={label!r}")

    def label_rows(self, label: Label | ArrayLike | None, n: int) -> NDArray[np.int32]:
        """Classes as :meth:`synthesize` and :meth:`move` take them, int32 (n,).

        Args:
            label: One class for all or one per image, by name or number; None for any.
            n: Number of images.
        """
        if label is None:
            return np.full(n, self.n_classes, np.int32)
        if isinstance(label, str) or np.ndim(label) == 0:
            return np.full(n, self.label_of(label), np.int32)  # type: ignore[arg-type]
        rows = np.array([self.label_of(one) for one in label], np.int32)  # type: ignore[union-attr,arg-type]
        if rows.shape != (n,):
            raise ValueError(f"label must be one class or one per image ({n}). Received: shape {rows.shape}")
        return rows

    def synthesis_strengths(self, strength: ArrayLike | None, n: int) -> NDArray[np.float64]:
        """Strengths as :meth:`synthesize` takes them, float64 (n,).

        Args:
            strength: In [0, 1], one number or one per image; None takes the model's own.
            n: Number of images.

        Raises:
            ValueError: Not in [0, 1], or not 1 for a model without templates.
        """
        if self.templates is not None:
            return check_strengths(self.strengths.synthesis if strength is None else strength, n)
        strengths = check_strengths(FRESH if strength is None else strength, n)
        if not (strengths == FRESH).all():
            raise ValueError(
                "A model without templates only knows fresh draws, strength 1: fit it with templates. "
                f"Received: strength={strength!r}"
            )
        return strengths

    def variation_strengths(self, strength: ArrayLike | None, n: int) -> NDArray[np.float64]:
        """Strengths as :meth:`move` takes them, float64, one row per image: here (n,).

        Args:
            strength: In [0, 1], one number or one per image; None takes the model's own.
            n: Number of images.

        Raises:
            ValueError: Not in [0, 1], or not as many.
        """
        return check_strengths(self.strengths.variation if strength is None else strength, n)

    def sample(
        self,
        n: int,
        *,
        label: Label | None = None,
        strength: ArrayLike | None = None,
        seed: Seed = None,
        start: int = 0,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
        """Draw new images.

        A model without templates draws from its mixture. One with templates draws a template and varies
        it (see :meth:`vary`) by ``strength``.

        Args:
            n: Number of images.
            label: A class by name or number; None draws classes as often as the photos had them.
            strength: In [0, 1], one number or one per image; None takes the model's own. Needs templates.
            seed: An int or a sequence of ints; None draws afresh at every call.
            start: Place in the seed's endless stream of images to begin at: ``sample(5, seed=0,
                start=10)`` are the last five images of ``sample(15, seed=0)``.

        Returns:
            Images, uint8 (n, image_size, image_size), and their labels, int32 (n,); no labels (None)
            for a model of unlabelled photos.

        Raises:
            ValueError: ``n`` or ``start`` is negative, there is no such class, or a strength is given to
                a model without templates.
        """
        whole_number("n", n, 0)
        whole_number("start", start, 0)
        strengths = self.synthesis_strengths(strength, n)
        row = self.n_classes if label is None else self.label_of(label)
        rows = np.full(n, row, np.int32)
        images = np.empty((n, self.image_size, self.image_size), np.uint8)
        labels = np.empty(n, np.int32)
        for part, uniform, normal in self._noise_chunks(NoiseStream(seed), start, n):
            engine, noise = NumpyEngine(images[part]), (uniform, normal)
            drawn, labels[part] = self.synthesize(engine, rows[part], strengths[part], *noise)
            if drawn.base is not images:
                images[part] = drawn
        return images, labels if self.class_names else None

    def vary(
        self,
        images: ArrayLike,
        *,
        strength: ArrayLike | None = None,
        label: Label | ArrayLike | None = None,
        seed: Seed = None,
        start: int = 0,
        value_range: float | None = None,
    ) -> NDArray[Any]:
        """Move images within the law of the component each belongs to.

        The move leaves that law as it is: a draw of the component, moved, is another draw of it. Strength 0
        gives the image back, 1 a fresh draw of its component. Each kind of model tells its own move at
        :meth:`move`.

        Args:
            images: One image (h, w), (h, w, 1) or (h, w, 3), or a stack of them; uint8 or float.
                Of colour images the brightness is varied. Images of another size than the model's
                are varied at its size and changed by the enlarged difference.
            strength: In [0, 1]; one number or one per image; None takes the model's own.
            label: The images' class, by name or number, or one number per image: only its components
                are considered. None considers all.
            seed: An int or a sequence of ints; None moves afresh at every call.
            start: Place in the seed's stream of moves to begin at, as for :meth:`sample`.
            value_range: Greatest value of float images: 1.0 (the default) or 255.0.

        Returns:
            The varied images, in the shape and dtype given.

        Raises:
            ValueError: Shape, dtype, values, strength or label are not as described.
        """
        layout = ImageLayout.of(images, value_range=value_range)
        grey = layout.to_grey(images, self.image_size)
        strengths = self.variation_strengths(strength, len(grey))
        rows = self.label_rows(label, len(grey))
        stream = NoiseStream(seed)
        whole_number("start", start, 0)
        difference = np.empty_like(grey)
        for part, uniform, normal in self._noise_chunks(stream, start, len(grey)):
            moved = self.move(_NUMPY, grey[part], strengths[part], rows[part], uniform, normal)
            np.subtract(moved, grey[part], out=difference[part])
        return layout.add_grey(images, difference)

    def _chunks(self, n: int) -> Iterator[slice]:
        """``n`` images, a chunk at a time."""
        return (slice(begin, min(begin + self.chunk, n)) for begin in range(0, n, self.chunk))

    def _noise_chunks(
        self, stream: NoiseStream, start: int, n: int
    ) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.float32]]]:
        """Noise of ``n`` images from a place in the stream on, a chunk at a time."""
        for part in self._chunks(n):
            uniform, normal = stream.draw(
                start=start + part.start,
                n=part.stop - part.start,
                width=self.noise_width,
                uniforms=self.uniform_width,
                block=self.noise_block,
            )
            yield part, uniform, normal


_NUMPY = NumpyEngine()
