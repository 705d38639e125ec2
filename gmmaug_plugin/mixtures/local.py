"""The local mixture: images drawn, coarse to fine, by the score of a Gaussian mixture over patches of photos.

The prior of a patch is an equal-weight mixture of Gaussians, one for each patch of the photos near the same
place. Under noise its posterior mean is a weighted mean of those patches (Tweedie's formula); overlapping
patches are blended, and the noise is taken down step by step. At side 16 all places nearby are searched; each
finer side starts from the components found before and looks around them only.

Sources: Kamb & Ganguli, "An analytic theory of creativity in convolutional diffusion models" (2025), for the
local score; Barnes et al., "PatchMatch" (2009), for neighbours that hand on their matches; Karras et al.,
"Elucidating the design space of diffusion-based generative models" (2022), for the step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import real_number, whole_number
from gmmaug_plugin.mixtures.pyramid import pyramid, with_detail

MIN_SIDE = 16
MAX_SIDE = 512

COARSE_END = 0.03  # noise after the last step but one at side 16
_MIN_STRENGTH = 0.04
_MAX_STRENGTH = 3.0  # so much noise that nothing of a layout is left
_CONSIDERED = 200  # random views among which an image's are chosen: of all of them, fewer images differ
_MAX_DETAIL = 4.0
_MOST_BANDS = 5


@dataclass(frozen=True)
class LocalOptions:
    """Dials of the local mixture.

    Attributes:
        views: Photos or mirror images that one image is made of: those nearest to its layout in any quarter.
        strength: Noise, gray levels in 0..1, added to a random photo at side 16 for an image's layout. The
            larger, the newer the layout, and the less it hangs together.
        locality: Noise, gray levels in 0..1, below which patches are half as wide as the image at side 16. A
            larger value leaves more to chance: fewer copies, weaker layout.
        detail: Factors of the contrast of detail at sides 32, 64, ..., or one for all. Means of patches that
            disagree have less contrast than photos; this gives it back.
        bandwidth: Standard deviation of each Gaussian, gray levels in 0..1.
        gain: Greatest scaling of a posterior mean's contrast towards its components'; 1 is none.
        eta: Share of the noise made anew in each step, 0..1; 0 is a deterministic path.
        steps: Steps at side 16, at least 2.

    Raises:
        ValueError: A value is out of range.
    """

    views: int = field(default=16, metadata={"help": "Photos that one image is made of."})
    strength: float = field(
        default=0.8,
        metadata={"help": "Noise added to a photo for an image's layout; larger: newer layouts, less whole."},
    )
    locality: float = field(
        default=0.8,
        metadata={"help": "Noise below which patches shrink; larger: fewer copies, weaker layout."},
    )
    detail: float | tuple[float, ...] = field(
        default=1.25, metadata={"help": "Contrast of detail, 1 for that of blended patches.", "type": float}
    )
    bandwidth: float = field(
        default=0.0, metadata={"help": "Standard deviation of each patch's Gaussian, gray levels in 0..1."}
    )
    gain: float = field(default=2.0, metadata={"help": "Greatest scaling of the contrast of mean patches."})
    eta: float = field(default=0.0, metadata={"help": "Share of the noise made anew in each step, 0..1."})
    steps: int = field(default=20, metadata={"help": "Steps from noise to an image of side 16."})

    def __post_init__(self) -> None:
        whole_number("views", self.views, 1, 4096)
        whole_number("steps", self.steps, 2, 1000)
        limits = {
            "strength": (_MIN_STRENGTH, _MAX_STRENGTH),
            "locality": (0, _MAX_STRENGTH),
            "bandwidth": (0, 1),
            "gain": (1, 10),
            "eta": (0, 1),
        }
        for name, (least, most) in limits.items():
            real_number(name, getattr(self, name), least, most)
        if not 1 <= len(self.gains) <= _MOST_BANDS:
            raise ValueError(f"detail must be 1 to {_MOST_BANDS} numbers. Received: {self.detail}")
        for gain in self.gains:
            real_number("detail", gain, 0, _MAX_DETAIL)

    @property
    def gains(self) -> tuple[float, ...]:
        """``detail`` as factors of bands, at least one."""
        return tuple(self.detail) if isinstance(self.detail, list | tuple) else (self.detail,)


class LocalMixture:
    """A Gaussian mixture over patches of photos of one class.

    Drawing is a pure function of the photos, the options and the seed, the same in any thread; it holds
    Python's lock for a small part of its time only, so threads draw side by side. Its time grows with
    ``options.views``, not with the number of photos.

    Args:
        photos: uint8 (n, S, S) or (n, S, S, 3), n at least 1, S one of 16, 32, 64, 128, 256, 512. Kept, not
            copied.
        mirror: Whether mirror images of photos are components as well.
        options: Dials.
        groups: int32 (n,); photos of the same number are near-duplicates of each other. None: there are none.

    Raises:
        TypeError: ``photos`` is not a uint8 array.
        ValueError: Shapes do not fit.

    Example:
        >>> photos = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)
        >>> LocalMixture(photos).draw([0, 1]).shape
        (32, 32)
    """

    def __init__(
        self,
        photos: NDArray[np.uint8],
        *,
        mirror: bool = True,
        options: LocalOptions | None = None,
        groups: NDArray[np.int32] | None = None,
    ) -> None:
        _check_photos(photos)
        if groups is not None and np.shape(groups) != (len(photos),):
            raise ValueError(
                f"groups must be one number per photo, ({len(photos)},). Received: shape {np.shape(groups)}"
            )
        self.photos = photos
        self.mirror = mirror
        self.options = LocalOptions() if options is None else options
        self.groups = np.arange(len(photos)) if groups is None else np.asarray(groups)
        self._photos = np.ascontiguousarray(photos if photos.ndim == 4 else photos[..., None])

    def draw(self, seed: Sequence[int]) -> NDArray[np.uint8]:
        """Draw an image from nothing: a random photo's layout, rendered anew without that photo.

        A class of one photo, or of near-duplicates only, is drawn from them all.

        Args:
            seed: Non-negative ints.

        Returns:
            uint8 (S, S) or (S, S, 3).
        """
        rng = np.random.default_rng(seed)
        view = int(rng.integers(self._n_views))
        layout = self._small[view]
        allowed = self._allowed([view % len(self.photos)])
        if len(allowed) == 0:
            allowed = np.arange(self._n_views)
        return self._drawn(layout, self.options.strength, allowed, rng)

    def rerender(
        self, photo: NDArray[np.uint8], strength: float, seed: Sequence[int], *, without: Sequence[int] = ()
    ) -> NDArray[np.uint8]:
        """Draw an image with the layout of a photo, from patches of other photos.

        Args:
            photo: uint8 (S, S) or (S, S, 3), shaped as the mixture's photos; need not be one of them.
            strength: Noise added to the photo at side 16, gray levels in 0..1, from 0.04 to 3. About 0.12
                keeps the layout, 0.6 keeps little of it.
            seed: Non-negative ints.
            without: Rows of photos not to take patches from, nor from their mirror images and
                near-duplicates.

        Returns:
            uint8 (S, S) or (S, S, 3).

        Raises:
            ValueError: The photo's shape or the strength is out of range, or ``without`` leaves no photo.
        """
        if photo.dtype != np.uint8 or photo.shape != self.photos.shape[1:]:
            raise ValueError(
                f"photo must be uint8 of shape {self.photos.shape[1:]}. Received: {photo.dtype} {photo.shape}"
            )
        if not _MIN_STRENGTH <= strength <= _MAX_STRENGTH:
            raise ValueError(
                f"strength must be from {_MIN_STRENGTH} to {_MAX_STRENGTH}. Received: {strength}"
            )
        allowed = self._allowed(without)
        if len(allowed) == 0:
            raise ValueError(
                f"without leaves none of the {len(self.photos)} photos. Received: {list(without)}"
            )
        layout = pyramid(_planes(photo.reshape(1, *self._photos.shape[1:])), MIN_SIDE)[0][0]
        return self._drawn(layout, strength, allowed, np.random.default_rng(seed))

    @property
    def _n_views(self) -> int:
        """View v is photo v; view n + v its mirror image."""
        return len(self.photos) * (2 if self.mirror else 1)

    @cached_property
    def _small(self) -> NDArray[np.float32]:
        """All views at side 16: (views, channels, 16, 16)."""
        chunks = np.array_split(self._photos, -(-len(self._photos) // 64))
        small = np.concatenate([pyramid(_planes(chunk), MIN_SIDE)[0] for chunk in chunks])
        return np.concatenate([small, small[..., ::-1]]) if self.mirror else small

    def _allowed(self, without: Sequence[int]) -> NDArray[np.intp]:
        """Views of all photos but some and their near-duplicates."""
        banned = np.isin(self.groups, self.groups[np.asarray(without, np.intp)])
        return np.flatnonzero(~np.tile(banned, self._n_views // len(banned)))

    def _drawn(
        self,
        layout: NDArray[np.float32],
        strength: float,
        allowed: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """An image made of allowed views; ``layout`` is (channels, 16, 16)."""
        from gmmaug_plugin.mixtures.annealing import drawn_image

        start = layout + np.float32(strength) * rng.standard_normal(layout.shape, np.float32)
        if len(allowed) > _CONSIDERED:
            allowed = rng.choice(allowed, _CONSIDERED, replace=False)
        views = self._alike(start, allowed)
        n = len(self.photos)
        photos = self._photos[views % n]
        photos[views >= n] = photos[views >= n][:, :, ::-1]
        image = drawn_image(start, strength, pyramid(_planes(photos), MIN_SIDE), self.options, rng)
        image = with_detail(image, MIN_SIDE, self.options.gains)
        levels = np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)
        found = np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))
        return found if self.photos.ndim == 4 else found[..., 0]

    def _alike(self, start: NDArray[np.float32], allowed: NDArray[np.intp]) -> NDArray[np.intp]:
        """Views for a layout: those nearest to it in one of nine overlapping quarters, then the next."""
        blocks = pyramid((self._small[allowed] - start) ** 2, 4)[0].sum(1)
        rows = blocks[:, :-1] + blocks[:, 1:]
        quarters = (rows[:, :, :-1] + rows[:, :, 1:]).reshape(len(allowed), 9)
        ranked = quarters.argsort(axis=0, kind="stable")[: self.options.views]
        return allowed[list(dict.fromkeys(ranked.ravel().tolist()))[: self.options.views]]


def _planes(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Photos (n, S, S, channels) as (n, channels, S, S) in 0..1."""
    return np.ascontiguousarray(photos.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def _check_photos(photos: NDArray[np.uint8]) -> None:
    if not isinstance(photos, np.ndarray) or photos.dtype != np.uint8:
        raise TypeError(f"photos must be a uint8 array. Received: {getattr(photos, 'dtype', type(photos))}")
    shape = photos.shape
    sides = [MIN_SIDE << k for k in range(6)]
    square = len(shape) in (3, 4) and shape[1] == shape[2] and shape[1] in sides
    if not square or shape[0] == 0 or (len(shape) == 4 and shape[3] != 3):
        raise ValueError(
            f"photos must be (n, S, S) or (n, S, S, 3), n at least 1 and S one of {sides}. "
            f"Received: shape {shape}"
        )
