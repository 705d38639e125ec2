"""The local mixture: images drawn, coarse to fine, by the score of a Gaussian mixture over patches of photos.

The prior of a patch is an equal-weight mixture of Gaussians, one for each patch of the photos near the same
place. Under noise its posterior mean is a weighted mean of those patches (Tweedie's formula); overlapping
patches are blended, and the noise is reduced step by step. At side 16 all nearby places are searched; each
finer side starts from the patches found at the coarser one and searches only around them.

Sources: Kamb & Ganguli, "An analytic theory of creativity in convolutional diffusion models" (2025), for the
local score; Barnes et al., "PatchMatch" (2009), for the exchange of matches between neighbours; Karras et
al., "Elucidating the design space of diffusion-based generative models" (2022), for the step.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import image_stack
from gmmaug_plugin.mixtures.options import MAX_SIDE, MIN_SIDE, LocalOptions
from gmmaug_plugin.mixtures.pyramid import pyramid, with_detail

_CONSIDERED = 200  # random views to select an image's views from; more of them make images more alike


class LocalMixture:
    """A Gaussian mixture over patches of photos of one class.

    A *view* is a photo or a mirror image of a photo. Drawing is a pure function of the photos, the options
    and the seed, so threads may share a mixture; it releases Python's lock most of the time. Its time grows
    with ``options.views``, not with the number of photos.

    Args:
        photos: uint8 (n, S, S) or (n, S, S, 3), n at least 1, S one of 16, 32, 64, 128, 256, 512. Not copied.
        mirror: Whether mirror images of photos are components as well.
        options: The options.
        groups: int32 (n,), equal numbers for near-duplicates. None: there are no near-duplicates.

    Raises:
        TypeError: ``photos`` is not a uint8 array.
        ValueError: ``photos`` has another shape.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)
        >>> LocalMixture(photos).draw([0, 1]).shape
        (32, 32)
    """

    choice = None
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        photos: NDArray[np.uint8],
        *,
        mirror: bool = True,
        options: LocalOptions | None = None,
        groups: NDArray[np.int32] | None = None,
    ) -> None:
        image_stack("photos", photos)
        height, width = photos.shape[1:3]
        if height != width or not MIN_SIDE <= width <= MAX_SIDE or width & (width - 1):
            raise ValueError(
                f"photos must be square, their side a power of two from {MIN_SIDE} to {MAX_SIDE}. "
                f"Received: shape {photos.shape}"
            )
        self.options = options or LocalOptions()
        self.groups = np.arange(len(photos)) if groups is None else groups
        self._photos = photos.reshape(len(photos), width, width, -1)
        self._mirror = mirror
        self._image_shape = photos.shape[1:]

    def __repr__(self) -> str:
        return f"LocalMixture(photos={self._photos.dtype} {self._photos.shape}, {self.options})"

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """Parameters to store in a file: none, since they are the photos."""
        return {}

    def draw(self, seed: Sequence[int]) -> NDArray[np.uint8]:
        """Draw an image from nothing: the layout of a random photo, made of patches of other photos.

        If the class has no other photos (one photo, or only near-duplicates), all photos are used.

        Args:
            seed: Non-negative ints.

        Returns:
            uint8 (S, S) or (S, S, 3).
        """
        rng = np.random.default_rng(seed)
        view = int(rng.integers(len(self._small)))
        allowed = self._views_without([view % len(self._photos)])
        if len(allowed) == 0:
            allowed = np.arange(len(self._small))
        return self._render(self._small[view], self.options.strength, allowed, rng)

    def rerender(
        self, photo: NDArray[np.uint8], strength: float, seed: Sequence[int], *, without: Sequence[int] = ()
    ) -> NDArray[np.uint8]:
        """Draw an image with the layout of a photo, made of patches of the mixture's photos.

        Args:
            photo: uint8, of the shape of the mixture's photos; need not be one of them.
            strength: Noise added to the photo at side 16, gray levels in 0..1, above 0.03. About 0.12 keeps
                the layout, 0.6 keeps little of it.
            seed: Non-negative ints.
            without: Indices of photos not to take patches from, including their mirror images and
                near-duplicates; not all photos.

        Returns:
            uint8 (S, S) or (S, S, 3).
        """
        allowed = self._views_without(without)
        layout = pyramid(_planes(photo.reshape(1, *self._photos.shape[1:])), MIN_SIDE)[0][0]
        return self._render(layout, strength, allowed, np.random.default_rng(seed))

    @cached_property
    def _small(self) -> NDArray[np.float32]:
        """All views at side 16, (views, channels, 16, 16): the photos, then their mirror images."""
        chunks = np.array_split(self._photos, -(-len(self._photos) // 64))
        small = np.concatenate([pyramid(_planes(chunk), MIN_SIDE)[0] for chunk in chunks])
        return np.concatenate([small, small[..., ::-1]]) if self._mirror else small

    def _views_without(self, without: Sequence[int]) -> NDArray[np.intp]:
        """Indices of the views of all photos except some and their near-duplicates."""
        banned = np.isin(self.groups, self.groups[np.asarray(without, np.intp)])
        return np.flatnonzero(~np.tile(banned, len(self._small) // len(banned)))

    def _render(
        self,
        layout: NDArray[np.float32],
        strength: float,
        allowed: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """Draw an image from a layout, (channels, 16, 16), and patches of the allowed views."""
        from gmmaug_plugin.mixtures.annealing import drawn_image  # loads numba, which takes half a second

        start = layout + np.float32(strength) * rng.standard_normal(layout.shape, np.float32)
        if len(allowed) > _CONSIDERED:
            allowed = rng.choice(allowed, _CONSIDERED, replace=False)
        views = self._nearest_views(start, allowed)
        n = len(self._photos)
        photos = self._photos[views % n]
        photos[views >= n] = photos[views >= n][:, :, ::-1]
        image = drawn_image(start, strength, pyramid(_planes(photos), MIN_SIDE), self.options, rng)
        image = with_detail(image, MIN_SIDE, self.options.detail_factors)
        levels = np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)
        return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0)).reshape(self._image_shape)

    def _nearest_views(self, start: NDArray[np.float32], allowed: NDArray[np.intp]) -> NDArray[np.intp]:
        """The views nearest to a layout in one of its nine overlapping quarters, in turn for each quarter."""
        blocks = pyramid((self._small[allowed] - start) ** 2, 4)[0].sum(1)
        rows = blocks[:, :-1] + blocks[:, 1:]
        quarters = (rows[:, :, :-1] + rows[:, :, 1:]).reshape(len(allowed), 9)
        ranked = quarters.argsort(axis=0, kind="stable")[: self.options.views]
        return allowed[list(dict.fromkeys(ranked.ravel().tolist()))[: self.options.views]]


def _planes(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Photos (n, S, S, channels) as (n, channels, S, S) in 0..1."""
    return np.ascontiguousarray(photos.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
