"""A Gaussian mixture over the principal components of a photo set."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.engine import Array, Engine, NumpyEngine
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.noise import NoiseStream, Seed
from gmmaug_plugin.models.strengths import FRESH, Strengths, check_strengths
from gmmaug_plugin.models.templates import Templates

Label = int | str

_CHUNK = 128
"""Images synthesised at a time: enough for the matrix product, few enough for the cache."""


@dataclass(frozen=True, eq=False)
class PCAMixture:
    """A mixture of Gaussians over principal-component codes of grayscale images.

    An image is ``basis.mean`` plus a code times the basis, plus white noise outside the subspace
    (probabilistic PCA: M. E. Tipping and C. M. Bishop, *JRSS B* 61, 1999, section 3). The code's law
    is ``mixture``. Images are drawn without that white noise, as a PCA's inverse transform gives them.

    Any number of threads may use one model: it is never changed.

    Attributes:
        basis: The principal images.
        mixture: The mixture over codes.
        noise_variance: Variance of a pixel outside the subspace, grey levels squared.
        class_names: Names in label order; empty for a model of unlabelled photos.
        info: How the model was fitted: plain JSON values only.
        strengths: How strongly to synthesise and to vary by default.
        templates: Codes of training photos that synthesis starts from; None draws from the mixture alone.

    Example:
        >>> from gmmaug_plugin import fit
        >>> from gmmaug_plugin.datasets import make_flowers
        >>> flowers, labels, names = make_flowers(60, image_size=32, n_classes=2)
        >>> model = fit(flowers, labels, quiet=True)
        >>> images, labels = model.sample(4, label=1, seed=0)
        >>> images.shape, images.dtype.name, labels.tolist()
        ((4, 32, 32), 'uint8', [1, 1, 1, 1])
    """

    basis: Basis
    mixture: Mixture
    noise_variance: float
    class_names: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    strengths: Strengths = field(default_factory=Strengths)
    templates: Templates | None = None

    kind = "pca"

    def __getstate__(self) -> dict[str, object]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""
        return self.basis.image_size

    @property
    def n_components(self) -> int:
        """Number of mixture components over all classes."""
        return self.mixture.n_components

    @property
    def noise_width(self) -> int:
        """How many standard normal numbers one image takes."""
        return self.mixture.noise_width

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
        row = self.mixture.n_classes if label is None else self.label_of(label)
        stream = NoiseStream(seed)
        images = np.empty((n, self.image_size, self.image_size), np.uint8)
        labels = np.empty(n, np.int32)
        for begin in range(0, n, _CHUNK):
            end = min(begin + _CHUNK, n)
            uniform, normal = stream.draw(start=start + begin, n=end - begin, width=self.noise_width)
            rows = np.full(end - begin, row, np.int32)
            images[begin:end], labels[begin:end] = self.synthesize(
                _NUMPY, rows, strengths[begin:end], uniform, normal
            )
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

        The move is z' = mu_k + sqrt(1 - a) (z - mu_k) + sqrt(a) L_k eps of strength a (preconditioned
        Crank-Nicolson: S. L. Cotter et al., *Statistical Science* 28, 2013, equation 4.8), which leaves
        component k's law as it is. What the subspace does not hold of an image is kept times
        sqrt(1 - a). Strength 0 gives the image back, 1 a fresh draw of its component.

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
        n = len(grey)
        strengths = check_strengths(self.strengths.variation if strength is None else strength, n)
        rows = self.label_rows(label, n)
        stream = NoiseStream(seed)
        whole_number("start", start, 0)
        difference = np.empty_like(grey)
        for begin in range(0, n, _CHUNK):
            part = slice(begin, min(begin + _CHUNK, n))
            uniform, normal = stream.draw(start=start + begin, n=part.stop - begin, width=self.noise_width)
            moved = self.move(_NUMPY, grey[part], strengths[part], rows[part], uniform, normal)
            np.subtract(moved, grey[part], out=difference[part])
        return layout.add_grey(images, difference)

    def score_samples(self, images: ArrayLike, *, value_range: float | None = None) -> NDArray[np.float64]:
        """Log-density of images in pixel space, grey levels 0..255.

        A proper density over all (image_size, image_size) images: the mixture over codes, times the
        Jacobian of the basis, times white noise outside the subspace.

        Args:
            images: As for :meth:`vary`, of any size (they are resized to the model's).
            value_range: As for :meth:`vary`.

        Returns:
            Nats per image, float64 (n,).
        """
        layout = ImageLayout.of(images, value_range=value_range)
        grey = layout.to_grey(images, self.image_size)
        scores = np.empty(len(grey))
        outside = self.image_size**2 - self.basis.n_dimensions
        constant = -self.basis.log_volume - 0.5 * outside * np.log(2 * np.pi * self.noise_variance)
        for begin in range(0, len(grey), _CHUNK):
            centred = grey[begin : begin + _CHUNK] - self.basis.mean
            codes = self.basis.encode(_NUMPY, centred)
            energy = np.einsum("nhw,nhw->n", centred, centred, dtype=np.float64)
            residual = np.maximum(energy - self.basis.squared_norm(codes), 0.0)
            inside = logsumexp(self.mixture.log_joint(_NUMPY, codes), axis=1)
            scores[begin : begin + _CHUNK] = inside - 0.5 * residual / self.noise_variance + constant
        return scores

    def synthesize(
        self, engine: Engine, rows: Array, strength: Array, uniform: Array, normal: Array
    ) -> tuple[Array, Array]:
        """Turn noise into images, in any engine.

        Args:
            engine: The array operations.
            rows: Int32 (n,): the class each image is drawn from; the number of classes for any.
            strength: Float64 (n,), in [0, 1]: how far to move from a template; unused without templates.
            uniform: Uniform numbers in [0, 1), float64 (n,).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Uint8 images (n, image_size, image_size) and int32 labels (n,).
        """
        drawn = engine.draw_categorical(engine.take(engine.constant(self._source_log_weights), rows), uniform)
        if self.templates is None:
            components = drawn
            codes = self._means(engine, components) + self.mixture.deviations(engine, components, normal)
        else:
            components = engine.take(engine.constant(self.templates.components), drawn)
            means = self._means(engine, components)
            away = self.templates.take(engine, drawn) - means
            fresh = engine.sqrt(strength)[:, None] * self.mixture.deviations(engine, components, normal)
            codes = means + engine.sqrt(1.0 - strength)[:, None] * away + fresh
        images = engine.to_uint8(self.basis.decode(engine, codes), engine.constant(self.basis.mean))
        return images, engine.take(engine.constant(self.mixture.classes), components)

    def move(
        self, engine: Engine, grey: Array, strength: Array, rows: Array, uniform: Array, normal: Array
    ) -> Array:
        """Vary grey images with given noise, in any engine; the arithmetic of :meth:`vary`.

        Args:
            engine: The array operations.
            grey: Float32 (n, image_size, image_size), 0..255.
            strength: Float64 (n,), in [0, 1].
            rows: Int32 (n,): the class each image belongs to; the number of classes for any.
            uniform: Uniform numbers in [0, 1), float64 (n,).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Float32 images of the same shape, neither rounded nor clipped.
        """
        mean = engine.constant(self.basis.mean)
        centred = grey - mean
        log_joint = self.mixture.log_joint(engine, self.basis.encode(engine, centred))
        allowed = engine.take(engine.constant(self._class_masks), rows)
        components = engine.draw_categorical(log_joint + allowed, uniform)
        means = self._means(engine, components)
        keep = engine.sqrt(1.0 - strength)
        fresh = engine.sqrt(strength)
        deviations = self.mixture.deviations(engine, components, normal)
        codes = (1.0 - keep)[:, None] * means + fresh[:, None] * deviations
        kept = engine.cast(keep, "float32")[:, None, None]
        return kept * centred + self.basis.decode(engine, codes) + mean

    def label_rows(self, label: Label | ArrayLike | None, n: int) -> NDArray[np.int32]:
        """Classes as :meth:`synthesize` and :meth:`move` take them, int32 (n,).

        Args:
            label: One class for all or one per image, by name or number; None for any.
            n: Number of images.
        """
        if label is None:
            return np.full(n, self.mixture.n_classes, np.int32)
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

    def _means(self, engine: Engine, components: Array) -> Array:
        return engine.take(engine.constant(self.mixture.means.astype(np.float64)), components)

    @cached_property
    def _source_log_weights(self) -> NDArray[np.float64]:
        """Log weights (C + 1, ·) of what synthesis starts from: components, or templates."""
        if self.templates is None:
            return self._log_weights
        class_weights = np.bincount(self.mixture.classes, self.mixture.weights).astype(np.float64)
        return self.templates.log_weights(self.mixture.classes, class_weights)

    @cached_property
    def _log_weights(self) -> NDArray[np.float64]:
        return self.mixture.component_log_weights()

    @cached_property
    def _class_masks(self) -> NDArray[np.float64]:
        """Zero where a component belongs to the class of the row, minus infinity elsewhere."""
        return np.where(np.isfinite(self._log_weights), 0.0, -np.inf)


_NUMPY = NumpyEngine()
