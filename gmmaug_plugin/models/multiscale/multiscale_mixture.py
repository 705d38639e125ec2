"""Mixtures on the bands of a Haar pyramid, each detail conditional on what is coarser and beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models.engine import Array, Engine, NumpyEngine
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.multiscale.conditional import ConditionalMixture
from gmmaug_plugin.models.multiscale.contexts import (
    N_DETAILS,
    Grids,
    contexts,
    halves_of_third,
    take_phase,
)
from gmmaug_plugin.models.multiscale.layout import Step, innovations_at, n_detail_positions, steps_of
from gmmaug_plugin.models.multiscale.pyramid import (
    BASE_SIZE,
    interleave,
    join,
    log_volume,
    n_levels,
    split,
)
from gmmaug_plugin.models.multiscale.templates import PhotoTemplates
from gmmaug_plugin.models.multiscale.tones import exact_tones, log_slope, round_tones, to_grey, to_tones
from gmmaug_plugin.models.strengths import Strengths

Sharing = Literal["details", "none", "all"]
SHARINGS: tuple[Sharing, ...] = get_args(Sharing)

_NUMPY = NumpyEngine()

DetailSource = Callable[[Step, Array], tuple[Array, Array]]
"""Given a step and its contexts (c, N): components, int32 (N,), and innovations, float64 (3, N)."""


@dataclass(frozen=True, eq=False)
class Codes:
    """An image as the model sees it: linear in Gaussian numbers, given its components.

    Attributes:
        base: The 8 x 8 base, float64 (n, 64), tones.
        base_components: Component of the base mixture, int32 (n,).
        components: Components of every step's positions, int32 (N,) each.
        innovations: Their standardised innovations, float64 (3, N) each.
    """

    base: Array
    base_components: Array
    components: tuple[Array, ...]
    innovations: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class MultiscaleMixture(ImageModel):
    """A mixture on every band of a Haar pyramid.

    An image, on a scale of tones (see ``models.multiscale.tones``), is an 8 x 8 base, whose law is a mixture
    of Gaussians per class, and details h, v, g at 8 x 8, 16 x 16, … up to half its size. The details of a
    position are conditional on the coarser image around it and on the neighbours that are known by then (see
    ``models.multiscale.contexts``), by a mixture of Gaussians for each level and phase (see
    ``models.multiscale.conditional``).

    Given the components of all its positions an image is a linear function of standard normal innovations. So
    every photo is one structured Gaussian component: to vary it, its components are kept and its innovations
    moved, z' = sqrt(1 - a) z + sqrt(a) eps (preconditioned Crank-Nicolson: S. L. Cotter et al., *Statistical
    Science* 28, 2013, equation 4.8), which leaves that component's law as it is.

    Any number of threads may use one model: it is never changed.

    Attributes:
        base: The mixture over bases, 64 numbers, row by row.
        levels: Mixtures of the details, for every level from the coarsest, and for its three phases.
        class_names: Names in label order; empty for a model of unlabelled photos.
        info: How the model was fitted: plain JSON values only.
        strengths: How strongly to synthesise and to vary by default.
        templates: Codes of training photos that synthesis starts from; None draws from the mixtures alone.

    Example:
        >>> from gmmaug_plugin import fit
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> flowers, labels, names = make_flowers(60, image_size=32, n_classes=2)
        >>> model = fit(flowers, labels, model="multiscale", n_components=4, quiet=True)
        >>> model.vary(flowers[:4], strength=0.5, seed=0).shape
        (4, 32, 32)
    """

    base: Mixture
    levels: tuple[tuple[ConditionalMixture, ...], ...]
    class_names: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    strengths: Strengths = field(default_factory=Strengths)
    templates: PhotoTemplates | None = None

    kind: ClassVar[str] = "multiscale"

    @property
    def image_size(self) -> int:
        """Height and width of the images: 32, 64, 128, 256 or 512 pixels."""
        return BASE_SIZE << len(self.levels)

    @property
    def chunk(self) -> int:
        """Images made at a time."""
        return 16

    @property
    def noise_block(self) -> int:
        """Images that share one generator of noise: one, since an image takes that much of it."""
        return 1

    @property
    def n_components(self) -> int:
        """Number of mixture components in base and details together."""
        return self.base.n_components + sum(one.n_components for level in self.levels for one in level)

    @property
    def n_classes(self) -> int:
        """Number of classes, at least 1."""
        return self.base.n_classes

    @property
    def noise_width(self) -> int:
        """How many standard normal numbers one image takes."""
        return self.base.noise_width + N_DETAILS * n_detail_positions(self.image_size)

    @property
    def uniform_width(self) -> int:
        """How many uniform numbers one image takes: one for the base, one per position."""
        return 1 + n_detail_positions(self.image_size)

    def variation_strengths(self, strength: ArrayLike | None, n: int) -> NDArray[np.float64]:
        """Strengths as :meth:`move` takes them, float64 (n, levels + 1).

        Args:
            strength: In [0, 1]: one number, one per image (n,), or one per image and level, (n, levels + 1)
                or (1, levels + 1), base first and then from the coarsest details; None takes the model's own.
            n: Number of images.

        Raises:
            ValueError: Another shape, or not in [0, 1].
        """
        given = self.strengths.variation if strength is None else strength
        columns = n_levels(self.image_size) + 1
        if np.ndim(given) != 2:
            return np.repeat(super().variation_strengths(given, n)[:, None], columns, axis=1)
        array = np.asarray(given, np.float64)
        if array.shape not in ((n, columns), (1, columns)) or not ((array >= 0) & (array <= 1)).all():
            raise ValueError(
                f"Strengths of levels must be in [0, 1], of shape ({n}, {columns}) or (1, {columns}): the "
                f"base, then {columns - 1} levels from the coarsest. Received: strength={given!r}"
            )
        return np.broadcast_to(array, (n, columns))

    def synthesize(
        self, engine: Engine, rows: Array, strength: Array, uniform: Array, normal: Array
    ) -> tuple[Array, Array]:
        """Turn noise into images, in any engine; the arithmetic of :meth:`sample`.

        Args:
            engine: The array operations.
            rows: Int32 (n,): the class to draw, or the number of classes for any.
            strength: Float64 (n,): how far to move from templates; without them not looked at.
            uniform: Uniform numbers in [0, 1), float64 (n, uniform_width).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Uint8 images (n, image_size, image_size) and int32 labels (n,).
        """
        drawn = engine.draw_categorical(
            engine.take(engine.constant(self._source_log_weights), rows), uniform[:, 0]
        )
        classes = engine.constant(self.base.classes)
        if self.templates is None:
            labels = engine.take(classes, drawn)
            base = self._means(engine, drawn) + self.base.deviations(engine, drawn, self._base_noise(normal))
            images = self._unfold(engine, base, self._fresh_details(engine, labels, uniform, normal))
        else:
            codes = self._template_codes(engine, drawn)
            labels = engine.take(classes, codes.base_components)
            each = strength[:, None] * engine.ones((1, len(self.levels) + 1), strength)
            images = self._decode(engine, codes, each, normal)
        return engine.to_uint8(images, engine.constant(_BLACK)), labels

    def move(
        self, engine: Engine, grey: Array, strength: Array, rows: Array, uniform: Array, normal: Array
    ) -> Array:
        """Vary grey images with given noise, in any engine; the arithmetic of :meth:`vary`.

        Args:
            engine: The array operations.
            grey: Float32 (n, image_size, image_size), 0..255.
            strength: Float64 (n, levels + 1) or (n,), in [0, 1].
            rows: Int32 (n,): the class each image belongs to; the number of classes for any.
            uniform: Uniform numbers in [0, 1), float64 (n, uniform_width).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Float32 images of the same shape, neither rounded nor clipped.
        """
        if len(strength.shape) == 1:
            strength = strength[:, None] * engine.ones((1, len(self.levels) + 1), strength)
        codes = self.encode(engine, grey, rows, uniform)
        return self._decode(engine, codes, strength, normal)

    def encode(self, engine: Engine, grey: Array, rows: Array, uniform: Array) -> Codes:
        """Draw the components of images from their posterior probabilities, and tell the innovations.

        Args:
            engine: The array operations.
            grey: Float32 (n, image_size, image_size), 0..255.
            rows: Int32 (n,): the class each image belongs to; the number of classes for any.
            uniform: Uniform numbers in [0, 1), float64 (n, uniform_width).

        Returns:
            The codes.
        """
        pyramid, coarse = self._take_apart(to_tones(engine, grey))
        base = engine.reshape(engine.cast(coarse, "float64"), (-1, BASE_SIZE * BASE_SIZE))
        allowed = engine.take(engine.constant(self._class_masks), rows)
        base_components = engine.draw_categorical(self.base.log_joint(engine, base) + allowed, uniform[:, 0])
        # Where any class may be, the base decides for the details as well.
        rows = engine.take(engine.constant(self.base.classes), base_components)
        components, innovations = [], []
        for step in self.steps:
            mixture = self._mixture_at(step)
            vectors = vectors_at(engine, *pyramid[-1 - step.level], step.phase)
            drawn = mixture.draw(
                engine, vectors, step.columns(engine, uniform[:, 1:]), self._rows_at(engine, step, rows)
            )
            components.append(drawn)
            innovations.append(mixture.innovations(engine, vectors, drawn))
        return Codes(base, base_components, tuple(components), tuple(innovations))

    def decode(self, engine: Engine, codes: Codes) -> Array:
        """Images of codes, float32 (n, image_size, image_size), neither rounded nor clipped."""
        given = dict(zip(self.steps, zip(codes.components, codes.innovations, strict=True), strict=True))
        return self._unfold(engine, codes.base, lambda step, context: given[step])

    def score_samples(self, images: ArrayLike, *, value_range: float | None = None) -> NDArray[np.float64]:
        """Exact log-density of images in pixel space, grey levels 0..255.

        The densities of base and of all details, each given what it is conditional on, times the Jacobians of
        pyramid and tones. Templates play no part in it.

        Args:
            images: As for :meth:`vary`, of any size (they are resized to the model's).
            value_range: As for :meth:`vary`.

        Returns:
            Nats per image, float64 (n,).
        """
        layout = ImageLayout.of(images, value_range=value_range)
        grey = layout.to_grey(images, self.image_size)
        parts = [self._score(grey[begin : begin + self.chunk]) for begin in range(0, len(grey), self.chunk)]
        return np.concatenate(parts) - log_volume(self.image_size) if parts else np.zeros(0)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps that an image is made in."""
        return steps_of(self.image_size)

    def _take_apart(self, tones: Array) -> tuple[list[tuple[Grids, tuple[Array, Array, Array]]], Array]:
        """Coarser images and details of all levels, the finest first; and the base (n, 8, 8)."""
        pyramid, coarse = [], tones
        for _ in self.levels:
            coarse, details = split(coarse)
            pyramid.append((Grids(coarse), details))
        return pyramid, coarse

    def _score(self, grey: NDArray[np.float32]) -> NDArray[np.float64]:
        pyramid, coarse = self._take_apart(exact_tones(_NUMPY, grey))
        joint = self.base.log_joint(_NUMPY, coarse.reshape(len(grey), -1))
        shared = all(one.shared for level in self.levels for one in level)
        labels: list[int | None] = [None] if shared else list(range(self.n_classes))
        scores: list[NDArray[np.float64]] = []
        for label in labels:
            members = slice(None) if label is None else self.base.classes == label
            score = logsumexp(joint[:, members], axis=1)
            for step in self.steps:
                vectors = vectors_at(_NUMPY, *pyramid[-1 - step.level], step.phase)
                found = self._mixture_at(step).log_density(vectors, label)
                score = score + step.rows(_NUMPY, found).sum(axis=1)
            scores.append(score)
        slopes: NDArray[np.float64] = log_slope(grey).sum(axis=(1, 2))
        return np.asarray(logsumexp(scores, axis=0), np.float64) + slopes

    def _decode(self, engine: Engine, codes: Codes, strength: Array, normal: Array) -> Array:
        """Images of codes that are moved: the base within its component, innovations within theirs."""
        keep, fresh = engine.sqrt(1.0 - strength), engine.sqrt(strength)
        means = self._means(engine, codes.base_components)
        away = self.base.deviations(engine, codes.base_components, self._base_noise(normal))
        base = means + keep[:, :1] * (codes.base - means) + fresh[:, :1] * away
        noise = engine.cast(normal[:, self.base.noise_width :], "float64")
        given = dict(zip(self.steps, zip(codes.components, codes.innovations, strict=True), strict=True))

        def moved(step: Step, _context: Array) -> tuple[Array, Array]:
            components, innovations = given[step]
            kept, added = (step.repeat(engine, one[:, step.level + 1]) for one in (keep, fresh))
            return components, kept * innovations + added * innovations_at(engine, step, noise)

        return self._unfold(engine, base, moved)

    def _fresh_details(self, engine: Engine, labels: Array, uniform: Array, normal: Array) -> DetailSource:
        noise = engine.cast(normal[:, self.base.noise_width :], "float64")

        def fresh(step: Step, context: Array) -> tuple[Array, Array]:
            places = step.columns(engine, uniform[:, 1:])
            rows = self._rows_at(engine, step, labels)
            drawn = self._mixture_at(step).draw(engine, context, places, rows)
            return drawn, innovations_at(engine, step, noise)

        return fresh

    def _unfold(self, engine: Engine, base: Array, source: DetailSource) -> Array:
        """Images, float32 (n, image_size, image_size), from a base and what gives details their codes."""
        coarse = engine.reshape(round_tones(engine, base), (-1, BASE_SIZE, BASE_SIZE))
        for level in range(len(self.levels)):
            known: dict[str, Array] = {}
            first, second, third = (step for step in self.steps if step.level == level)
            for step in (first, second, third):
                grids = Grids(coarse, known.get("first"), known.get("second"))
                context = engine.reshape(
                    contexts(engine, grids, step.phase), (self._mixture_at(step).n_context, -1)
                )
                details = self._mixture_at(step).details(engine, context, *source(step, context))
                half = step.size // 2
                known[step.phase] = engine.reshape(round_tones(engine, details), (N_DETAILS, -1, half, half))
            coarse = join(engine, coarse, _assemble(engine, known, third.size))
        return to_grey(engine, coarse)

    def _template_codes(self, engine: Engine, drawn: Array) -> Codes:
        assert self.templates is not None
        base, base_components, components, innovations = self.templates.take(engine, drawn)
        return Codes(
            base,
            base_components,
            tuple(step.columns(engine, components) for step in self.steps),
            tuple(engine.stack([step.columns(engine, one) for one in innovations], 0) for step in self.steps),
        )

    def _mixture_at(self, step: Step) -> ConditionalMixture:
        return self.levels[step.level][PHASE_NUMBER[step.phase]]

    def _rows_at(self, engine: Engine, step: Step, rows: Array) -> Array | None:
        """The class of every position's image, None where classes share the mixture."""
        return None if self._mixture_at(step).shared else step.repeat(engine, rows)

    def _base_noise(self, normal: Array) -> Array:
        return normal[:, : self.base.noise_width]

    def _means(self, engine: Engine, components: Array) -> Array:
        return engine.take(engine.constant(self._base_means), components)

    @cached_property
    def _base_means(self) -> NDArray[np.float64]:
        return self.base.means.astype(np.float64)

    @cached_property
    def _source_log_weights(self) -> NDArray[np.float64]:
        """Log weights (C + 1, ·) of what synthesis starts from: components of the base, or templates."""
        if self.templates is None:
            return self.base.component_log_weights()
        class_weights = np.bincount(self.base.classes, self.base.weights).astype(np.float64)
        return self.templates.log_weights(self.base.classes, class_weights)

    @cached_property
    def _class_masks(self) -> NDArray[np.float64]:
        return np.where(np.isfinite(self.base.component_log_weights()), 0.0, -np.inf)


PHASE_NUMBER = {"first": 0, "second": 1, "third": 2}

_BLACK = np.zeros((1, 1), np.float32)


def vectors_at(engine: Engine, grids: Grids, details: tuple[Array, Array, Array], phase: str) -> Array:
    """Contexts and details of all positions of a phase in images that are known, float32 (D, N)."""
    known = Grids(grids.coarse, take_phase(engine, details, "first"), take_phase(engine, details, "second"))
    both = engine.concat([contexts(engine, known, phase), take_phase(engine, details, phase)], 0)
    return engine.reshape(both, (int(both.shape[0]), -1))


def _assemble(engine: Engine, known: Mapping[str, Array], size: int) -> Array:
    """Details (3, n, h, w) of a level out of those of its phases."""
    half = size // 2
    first, second = (engine.reshape(known[phase], (-1, half, half)) for phase in ("first", "second"))
    beside, below = (engine.reshape(one, (-1, half, half)) for one in halves_of_third(engine, known["third"]))
    top = interleave(engine, first, beside, -1)
    bottom = interleave(engine, below, second, -1)
    return engine.reshape(interleave(engine, top, bottom, -2), (N_DETAILS, -1, size, size))
