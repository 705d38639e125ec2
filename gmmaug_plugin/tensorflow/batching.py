"""Whether the elements of a dataset are batches, and the shapes of a single image's parts."""

from collections.abc import Hashable, Mapping
from typing import Any

from gmmaug_plugin.checks import one_of

_MOST_CHANNELS = 7  # of images whose shape alone shows that they are (h, w, channels)

Shape = tuple[int | None, ...]


def single_shapes(
    specs: Mapping[Hashable, Any], images: Hashable, batched: bool | None
) -> tuple[bool, dict[Hashable, tuple[int, ...]]]:
    """Return whether elements are batches, and the shape of each part of a single image.

    Args:
        specs: The ``tf.TensorSpec`` of each part.
        images: Which part are the images.
        batched: Whether elements are batches; None takes it from shapes that allow one reading only.

    Raises:
        ValueError: The shapes allow several readings or none, or have unknown sides.
    """
    one_of("batched", batched, (None, True, False))
    shown = "shapes " + ", ".join(f"{key!r}: {spec.shape}" for key, spec in specs.items())
    if any(spec.shape.rank is None for spec in specs.values()):
        raise ValueError(f"Parts must have a known rank: use tf.ensure_shape in a map. Received: {shown}")
    shapes: dict[Hashable, Shape] = {key: tuple(spec.shape) for key, spec in specs.items()}
    image = shapes[images]
    if len(image) not in {None: (2, 3, 4), False: (2, 3), True: (3, 4)}[batched]:
        raise ValueError(
            "Images must be (h, w), (h, w, channels) or (channels, h, w), with one more axis in batches. "
            f"Received: batched={batched}, {shown}"
        )
    if batched is None:
        batched = _is_batched(shapes, image)
    if batched is None:
        raise ValueError(
            f"Images of shape {image} may be single ones with channels or batches without: pass "
            f"batched=False or batched=True. Received: batched=None, {shown}"
        )
    if batched:
        if () in shapes.values() or len({shape[0] for shape in shapes.values()} - {None}) > 1:
            raise ValueError(f"The parts of a batch must have the same first axis. Received: {shown}")
        shapes = {key: shape[1:] for key, shape in shapes.items()}
    unknown = [key for key, shape in shapes.items() if None in shape or 0 in shape]
    if unknown:
        raise ValueError(
            "Images must have a known height, width and number of channels, other parts a known shape: "
            "resize images, drop other parts, or use tf.ensure_shape in a map. "
            f"Received: {unknown} unknown in {shown}"
        )
    return batched, {key: tuple(side or 0 for side in shape) for key, shape in shapes.items()}


def _is_batched(shapes: Mapping[Hashable, Shape], image: Shape) -> bool | None:
    """Return whether elements are batches; None where the shapes allow both readings."""
    if len(image) != 3:
        return len(image) == 4
    first, second, last = image
    sides = [side for side in (first, second) if side is not None]
    if last in (1, 3) or (last is not None and last <= _MOST_CHANNELS < min(sides, default=0)):
        return False  # read as a batch, images would be a few pixels wide
    if any(shape[:1] != (first,) for shape in shapes.values()) or None in (second, last):
        return False  # a part lacks the axis of a batch, or sides are unknown, which both readings refuse
    return True if first is None else None
