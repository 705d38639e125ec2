"""A Gaussian mixture over the principal components of a photo set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from gmmaug_plugin.layout import ImageLayout
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.engine import Array, Engine, NumpyEngine
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.mixture import Mixture
from gmmaug_plugin.models.strengths import Strengths
from gmmaug_plugin.models.templates import Templates


@dataclass(frozen=True, eq=False)
class PCAMixture(ImageModel):
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
        >>> model = fit(flowers, labels, model="pca", quiet=True)
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

    kind: ClassVar[str] = "pca"

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""
        return self.basis.image_size

    @property
    def n_components(self) -> int:
        """Number of mixture components over all classes."""
        return self.mixture.n_components

    @property
    def n_classes(self) -> int:
        """Number of classes, at least 1."""
        return self.mixture.n_classes

    @property
    def noise_width(self) -> int:
        """How many standard normal numbers one image takes."""
        return self.mixture.noise_width

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
        for part in self._chunks(len(grey)):
            centred = grey[part] - self.basis.mean
            codes = self.basis.encode(_NUMPY, centred)
            energy = np.einsum("nhw,nhw->n", centred, centred, dtype=np.float64)
            residual = np.maximum(energy - self.basis.squared_norm(codes), 0.0)
            inside = logsumexp(self.mixture.log_joint(_NUMPY, codes), axis=1)
            scores[part] = inside - 0.5 * residual / self.noise_variance + constant
        return scores

    def synthesize(
        self, engine: Engine, rows: Array, strength: Array, uniform: Array, normal: Array
    ) -> tuple[Array, Array]:
        """Turn noise into images, in any engine.

        Args:
            engine: The array operations.
            rows: Int32 (n,): the class each image is drawn from; the number of classes for any.
            strength: Float64 (n,), in [0, 1]: how far to move from a template; unused without templates.
            uniform: Uniform numbers in [0, 1), float64 (n, 1).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Uint8 images (n, image_size, image_size) and int32 labels (n,).
        """
        log_weights = engine.take(engine.constant(self._source_log_weights), rows)
        drawn = engine.draw_categorical(log_weights, uniform[:, 0])
        if self.templates is None:
            components = drawn
            codes = self._means(engine, components) + self.mixture.deviations(engine, components, normal)
        else:
            components = engine.take(engine.constant(self.templates.components), drawn)
            means = self._means(engine, components)
            away = self.templates.take(engine, drawn) - means
            fresh = engine.sqrt(strength)[:, None] * self.mixture.deviations(engine, components, normal)
            codes = means + engine.sqrt(1.0 - strength)[:, None] * away + fresh
        return self.basis.draw(engine, codes), engine.take(engine.constant(self.mixture.classes), components)

    def move(
        self, engine: Engine, grey: Array, strength: Array, rows: Array, uniform: Array, normal: Array
    ) -> Array:
        """Vary grey images with given noise, in any engine; the arithmetic of :meth:`vary`.

        The move is z' = mu_k + sqrt(1 - a) (z - mu_k) + sqrt(a) L_k eps of strength a (preconditioned
        Crank-Nicolson: S. L. Cotter et al., *Statistical Science* 28, 2013, equation 4.8), which leaves
        component k's law as it is. What the subspace does not hold of an image is kept times
        sqrt(1 - a). Strength 0 gives the image back, 1 a fresh draw of its component.

        Args:
            engine: The array operations.
            grey: Float32 (n, image_size, image_size), 0..255.
            strength: Float64 (n,), in [0, 1].
            rows: Int32 (n,): the class each image belongs to; the number of classes for any.
            uniform: Uniform numbers in [0, 1), float64 (n, 1).
            normal: Standard normal numbers, float (n, noise_width).

        Returns:
            Float32 images of the same shape, neither rounded nor clipped.
        """
        mean = engine.constant(self.basis.mean)
        centred = grey - mean
        log_joint = self.mixture.log_joint(engine, self.basis.encode(engine, centred))
        allowed = engine.take(engine.constant(self._class_masks), rows)
        components = engine.draw_categorical(log_joint + allowed, uniform[:, 0])
        means = self._means(engine, components)
        keep = engine.sqrt(1.0 - strength)
        fresh = engine.sqrt(strength)
        deviations = self.mixture.deviations(engine, components, normal)
        codes = (1.0 - keep)[:, None] * means + fresh[:, None] * deviations
        kept = engine.cast(keep, "float32")[:, None, None]
        return kept * centred + self.basis.decode(engine, codes) + mean

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
