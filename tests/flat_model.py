"""A kind of model that is nobody's: what works with it works with any."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models import ImageModel
from gmmaug_plugin.models.engine import Array, Engine
from gmmaug_plugin.models.strengths import Strengths


@dataclass(frozen=True, eq=False)
class FlatModel(ImageModel):
    """Images of one grey level each: of their class, or of a template, give or take some."""

    levels: tuple[float, ...]
    size: int = 16
    class_names: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    strengths: Strengths = field(default_factory=Strengths)
    templates: tuple[float, ...] | None = None

    kind: ClassVar[str] = "flat"
    uniform_width = 2
    chunk = 8
    noise_block = 3

    @property
    def image_size(self) -> int:
        return self.size

    @property
    def n_components(self) -> int:
        return len(self.levels)

    @property
    def n_classes(self) -> int:
        return len(self.levels)

    @property
    def noise_width(self) -> int:
        return 1

    @cached_property
    def _log_weights(self) -> NDArray[np.float64]:
        K = len(self.levels)
        with np.errstate(divide="ignore"):
            return np.log(np.concatenate([np.eye(K), np.full((1, K), 1 / K)]))

    def _draw(self, engine: Engine, rows: Array, uniform: Array, normal: Array) -> tuple[Array, Array]:
        log_weights = engine.take(engine.constant(self._log_weights), rows)
        classes = engine.draw_categorical(log_weights, uniform[:, 0])
        level = engine.take(engine.constant(np.array(self.levels)), classes)
        return level + 9.0 * engine.cast(normal, "float64")[:, 0] + 8.0 * (uniform[:, 1] - 0.5), classes

    def synthesize(
        self, engine: Engine, rows: Array, strength: Array, uniform: Array, normal: Array
    ) -> tuple[Array, Array]:
        level, classes = self._draw(engine, rows, uniform, normal)
        if self.templates is not None:
            template = engine.take(engine.constant(np.resize(self.templates, len(self.levels))), classes)
            level = (1.0 - strength) * template + strength * level
        white = engine.constant(np.ones((1, self.size, self.size), np.float32))
        images = engine.cast(level, "float32")[:, None, None] * white
        return engine.to_uint8(images, engine.constant(np.zeros((self.size, self.size), np.float32))), classes

    def move(
        self, engine: Engine, grey: Array, strength: Array, rows: Array, uniform: Array, normal: Array
    ) -> Array:
        level, _ = self._draw(engine, rows, uniform, normal)
        fresh = engine.cast(strength, "float32")[:, None, None]
        return (1.0 - fresh) * grey + fresh * engine.cast(level, "float32")[:, None, None]

    def score_samples(self, images: ArrayLike, *, value_range: float | None = None) -> NDArray[np.float64]:
        grey = ImageLayout.of(images, value_range=value_range).to_grey(images, self.size)
        away = grey[:, None] - np.array(self.levels)[:, None, None]
        terms = -0.5 * (away / 40.0) ** 2 - np.log(40.0 * np.sqrt(2 * np.pi))
        return np.logaddexp.reduce(terms.sum(axis=(2, 3)), axis=1) - np.log(len(self.levels))
