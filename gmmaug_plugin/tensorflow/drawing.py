"""Synthesis at places of a dataset."""

from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from gmmaug_plugin.models.image_model import ImageModel, Label
from gmmaug_plugin.tensorflow.engine import TensorFlowEngine
from gmmaug_plugin.tensorflow.noise import Place, PlacedNoise


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

    def draw(self, place: Place, n: Any) -> tuple[Any, Any]:
        """Synthesise ``n`` images (an int, or a scalar tensor).

        Returns:
            Uint8 images (n, image_size, image_size) and their classes, int32 (n,).
        """
        rows = tf.fill([n], self.model.label_rows(self.label, 1)[0])
        uniform = self.noise.uniform("component", place, [n, self.model.uniform_width])
        normal = self.noise.normal("normal", place, [n, self.model.noise_width])
        strength = self._draw_strengths(place, n)
        images, labels = self.model.synthesize(self._engine, rows, strength, uniform, normal)
        return images, labels

    def move(self, place: Place, grey: Any, numbers: Any = None) -> Any:
        """Vary grey images within the components of their classes.

        Args:
            place: Where.
            grey: Float32 (n, image_size, image_size), 0..255.
            numbers: Int32 (n,); None considers all components.

        Returns:
            Float32 images of the same shape, neither rounded nor clipped.
        """
        n = grey.shape[0] or tf.shape(grey)[0]
        rows = tf.fill([n], self.model.label_rows(None, 1)[0]) if numbers is None else numbers
        uniform = self.noise.uniform("component", place, [n, self.model.uniform_width])
        normal = self.noise.normal("normal", place, [n, self.model.noise_width])
        return self.model.move(self._engine, grey, self._draw_strengths(place, n), rows, uniform, normal)

    def _draw_strengths(self, place: Place, n: Any) -> Any:
        weakest, strongest = self.strengths
        return weakest + (strongest - weakest) * self.noise.uniform("strength", place, [n])
