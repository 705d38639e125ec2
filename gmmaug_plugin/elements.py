"""The parts of an element of a data set: images, labels, sample weights and further keys."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmmaug_plugin.image_layout import channels_come_first

_IMAGES, _LABELS = ("image", "images", "x"), ("label", "labels", "y")
_WEIGHTS = ("sample_weight", "sample_weights")
ALLOWED = (
    "Elements must be images, (images, labels), (images, labels, sample_weights), (images, images) or a dict "
    f"with one key of {list(_IMAGES)}, at most one of {list(_LABELS)} and one of {list(_WEIGHTS)}, and any "
    "further keys"
)


@dataclass(frozen=True)
class Parts:
    """Where the parts of an element are: positions in a tuple, keys of a dict, None if there is no such part.

    Attributes:
        images: The images; 0 where the element is the images alone.
        labels: The labels.
        weights: The sample weights.
        copy: The images a second time, as the target of an autoencoder.
        others: Further keys. Synthetic images have 0, False or "" there.

    Example:
        >>> Parts.of({"image": np.zeros((8, 8, 3)), "label": np.zeros(()), "id": np.zeros(())}).others
        ('id',)
    """

    images: Hashable
    labels: Hashable | None = None
    weights: Hashable | None = None
    copy: Hashable | None = None
    others: tuple[Hashable, ...] = ()

    @classmethod
    def of(cls, element: Any) -> "Parts":
        """Find the parts of an element by their positions or keys.

        Args:
            element: An array or a specification with a ``shape``, a tuple or list of up to three, or a dict.

        Raises:
            TypeError: The element has another structure.
        """
        if isinstance(element, Mapping):
            parts = cls._of_keys(tuple(element))
        elif isinstance(element, tuple | list):
            parts = cls(*range(len(element))) if 1 <= len(element) <= 3 else None
        else:
            parts, element = cls(0), (element,)
        items = dict(element.items() if isinstance(element, Mapping) else enumerate(element))
        if parts is None or not all(hasattr(part, "shape") for part in items.values()):
            kinds = {key: type(part).__name__ for key, part in items.items()}
            raise TypeError(f"{ALLOWED}. Received: {type(element).__name__} of {kinds}")
        return parts

    @classmethod
    def _of_keys(cls, keys: tuple[Hashable, ...]) -> "Parts | None":
        roles = [[key for key in keys if key in names] for names in (_IMAGES, _LABELS, _WEIGHTS)]
        if len(roles[0]) != 1 or any(len(found) > 1 for found in roles):
            return None
        images, labels, weights = (found[0] if found else None for found in roles)
        others = tuple(key for key in keys if key not in (images, labels, weights))
        return cls(images, labels, weights, others=others)

    def without_pictures(self, shapes: Mapping[Hashable, Sequence[int]]) -> "Parts":
        """Return the parts, with images in the place of labels as ``copy``; refuse masks and other pictures.

        Args:
            shapes: Shape of each part of a single element, without the axis of a batch.

        Raises:
            ValueError: A part other than the images has their height and width as consecutive axes.
        """
        image = tuple(shapes[self.images])
        if self.labels is not None and tuple(shapes[self.labels]) == image:
            return Parts(self.images, None, self.weights, self.labels, self.others)
        sides = image[1:3] if len(image) == 3 and channels_come_first(image) else image[:2]
        for key in (self.labels, *self.others):
            shape = () if key is None else tuple(shapes[key])
            if sides in (shape[start : start + 2] for start in range(len(shape) - 1)):
                raise ValueError(
                    "A synthetic image has no mask and no second picture: drop it before mixing, as in "
                    "dataset.map(lambda image, mask: image) or GMMSequence(images, model=pool, ...). "
                    f"Received: images of shape {image} and {key!r} of shape {shape}"
                )
        return self


def check_weights(dtype: Any, shape: Sequence[int]) -> None:
    """Raise :class:`ValueError` unless sample weights are numbers, one for each image.

    Args:
        dtype: NumPy's dtype of the weights.
        shape: Of the weight of a single image.
    """
    found = np.dtype(dtype)
    # numpy does not count bfloat16 among its floats.
    numeric = found.kind in "biuf" or found.name == "bfloat16"
    if not numeric or tuple(shape) not in ((), (1,)):
        raise ValueError(
            "Sample weights must be numbers, one for each image; further parts need keys of a dict. "
            f"Received: {found} of shape {tuple(shape)} for each image"
        )
