"""Synthesis at places of a dataset."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gmmaug_plugin.models.image_model import ImageModel, Label
from gmmaug_plugin.tensorflow.engine import TensorFlowEngine
from gmmaug_plugin.tensorflow.noise import Place, PlacedNoise
from gmmaug_plugin.tensorflow.parts import in_parts

_AT_ONCE = 2**17
"""Uniform numbers used at a time, at most, each to draw one component with: by a multi-scale mixture those of
24 images of 128 x 128, in some 200 MB of memory."""


@dataclass(frozen=True)
class Drawing:
    """Draws a model's images with the noise of a place.

    Attributes:
        model: The model.
        noise: The noise.
        strengths: Least and greatest strength, drawn from uniformly.
        label: The one class to draw, by name or number; None for any.
    """

    model: ImageModel
    noise: PlacedNoise
    strengths: tuple[float, float]
    label: Label | None = None
    _engine: TensorFlowEngine = field(default_factory=TensorFlowEngine, init=False)

    def __post_init__(self) -> None:
        self.model.label_rows(self.label, 1)

    def draw(self, place: Place, n: Any, *, most: int | None = None) -> tuple[Any, Any]:
        """Synthesise images.

        Args:
            place: Where.
            n: How many: an int, or a scalar tensor.
            most: The greatest that a tensor ``n`` may be, if it is known.

        Returns:
            Uint8 images (n, image_size, image_size) and their classes, int32 (n,).
        """
        rows = tf.fill([n], self.model.label_rows(self.label, 1)[0])
        uniform = self.noise.uniform("component", place, [n, self.model.uniform_width])
        normal = self.noise.normal("normal", place, [n, self.model.noise_width])
        strength = self._draw_strengths(place, n)

        def synthesize(*noise: Any) -> tuple[Any, Any]:
            return self.model.synthesize(self._engine, *noise)

        if isinstance(n, int):
            most = n
        batch = (rows, strength, uniform, normal)
        images, labels = self._apply(synthesize, batch, (tf.uint8, tf.int32), most)
        shape = (rows.shape[0], self.model.image_size, self.model.image_size)
        return tf.ensure_shape(images, shape), tf.ensure_shape(labels, rows.shape)

    def move(self, place: Place, grey: Any, numbers: Any = None, *, most: int | None = None) -> Any:
        """Vary grey images within the components of their classes.

        Args:
            place: Where.
            grey: Float32 (n, image_size, image_size), 0..255; clipped to that.
            numbers: Int32 (n,); None considers all components.
            most: The greatest that n may be, if it is known though the shape does not tell n.

        Returns:
            Float32 images of the same shape, neither rounded nor clipped.
        """
        n = grey.shape[0] or tf.shape(grey)[0]
        rows = tf.fill([n], self.model.label_rows(None, 1)[0]) if numbers is None else numbers
        uniform = self.noise.uniform("component", place, [n, self.model.uniform_width])
        normal = self.noise.normal("normal", place, [n, self.model.noise_width])
        # Datasets of floats may stray beyond black and white, where a model may know no tone.
        seen = tf.clip_by_value(grey, 0.0, 255.0)
        batch = (seen, self._draw_strengths(place, n), rows, uniform, normal)

        def move(*part: Any) -> tuple[Any]:
            return (self.model.move(self._engine, *part),)

        (moved,) = self._apply(move, batch, (tf.float32,), grey.shape[0] or most)
        return tf.ensure_shape(moved, grey.shape)

    def _apply(
        self,
        function: Callable[..., Sequence[Any]],
        batch: Sequence[Any],
        dtypes: Sequence[Any],
        most: int | None,
    ) -> Sequence[Any]:
        """Results of a function of a batch, in parts unless it is sure to be short."""
        size = max(1, _AT_ONCE // self.model.uniform_width)
        if most is not None and most <= size:
            return function(*batch)
        return in_parts(function, batch, dtypes, size)

    def _draw_strengths(self, place: Place, n: Any) -> Any:
        weakest, strongest = self.strengths
        return weakest + (strongest - weakest) * self.noise.uniform("strength", place, [n])
