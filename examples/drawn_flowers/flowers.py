"""Grayscale pictures that look like photos of flowers: blooms, leaves, a background, light and a lens."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from .blooms import PAINTERS, Pose, Tones, look_at, look_up, profile

CLASS_NAMES: Final = tuple(sorted(PAINTERS))
# Out-of-focus things hold no fine detail: painted at this many pixels across, then enlarged.
BACKDROP_SIZE: Final = 64
LEAF_OUTLINE: Final = profile(0.6, 0.8)


def draw_flower(class_name: str, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one picture, (size, size) uint8, of a flower of the named class.

    Example:
        >>> draw_flower("rose", 32, np.random.default_rng(0)).shape
        (32, 32)
    """
    picture = paint_backdrop(rng, size, class_name)
    leaf_tone = rng.uniform(0.2, 0.5)
    for pose in arrange(rng, class_name):
        if class_name == "tulip":
            _paint_blades(picture, rng, pose, leaf_tone)
        else:
            # A dandelion's leaves lie on the ground, and its seed head would let them shine through.
            n_leaves = 0 if class_name == "dandelion" else int(rng.integers(0, 5))
            _paint_foliage(picture, rng, pose, n_leaves, leaf_tone)
        PAINTERS[class_name](picture, pose, rng)
    return develop(picture, rng)


def paint_leaf(
    picture: Tones, rng: np.random.Generator, pose: Pose, slim: float, tone: float, *, in_focus: bool = True
) -> None:
    """Paint a leaf, one half in more light than the other; midrib, veins and shadow only if in focus."""
    patch = look_at(picture, pose)
    t = np.clip((patch.u + 1) / 2, 0, 1)
    across = patch.v - np.float32(rng.normal(0, 0.12)) * (1 - patch.u**2)
    cover = patch.band(slim * look_up(LEAF_OUTLINE, t), across)
    shade = tone * (1 + np.clip(across * 6, -0.16, 0.16)) * (0.75 + 0.4 * t)
    if in_focus:
        shade *= 1 + 0.05 * np.cos((patch.u - 0.8 * np.abs(across)) * np.float32(rng.uniform(22, 34)))
        shade += 0.14 * np.exp(-((across / 0.025) ** 2))
        patch.shade(cover, 0.3, 0.06)
    patch.paint(cover, shade)


def paint_stem(picture: Tones, rng: np.random.Generator, pose: Pose, thickness: float, tone: float) -> None:
    """Paint a round stem that bends from the flower down to the picture's lower edge."""
    patch = look_at(picture, Pose(0, 0, 1), reach=1)
    down = np.clip(patch.v - np.float32(pose.y), 0, 2)
    across = patch.u - (
        pose.x + np.float32(rng.normal(0, 0.12)) * down + np.float32(rng.normal(0, 0.12)) * down**2
    )
    cover = patch.inside(thickness - np.abs(across)) * (patch.v > pose.y)
    side = np.clip(across / thickness, -1, 1)
    patch.paint(cover, tone * (1 - 0.55 * side**2 + 0.25 * side))


def paint_backdrop(rng: np.random.Generator, size: int, class_name: str) -> Tones:
    """Return an out-of-focus background, (size, size): light, leaves, grass, bright spots, other flowers."""
    small = np.full((BACKDROP_SIZE, BACKDROP_SIZE), min(rng.gamma(4, 0.075), 0.8), np.float32)
    small += cloud(rng, BACKDROP_SIZE, 2) * rng.uniform(0.03, 0.14)
    small += cloud(rng, BACKDROP_SIZE, 7) * rng.uniform(0.0, 0.08)
    kind = rng.choice(["foliage", "grass", "spots", "plain"], p=[0.4, 0.25, 0.2, 0.15])
    level = float(np.clip(small.mean(), 0.1, 0.6))
    for _ in range(int(rng.integers(14, 30)) if kind != "plain" else 0):
        x, y = rng.uniform(-1.1, 1.1, 2)
        if kind == "spots":
            spot = look_at(small, Pose(x, y, rng.uniform(0.05, 0.3)))
            spot.paint(0.5 * spot.inside(1 - np.hypot(spot.u, spot.v)), level * rng.uniform(0.6, 2.4))
            continue
        turn = rng.normal(np.pi / 2, 0.3) if kind == "grass" else rng.uniform(0, 2 * np.pi)
        slim = rng.uniform(0.04, 0.09) if kind == "grass" else rng.uniform(0.25, 0.5)
        leaf = Pose(x, y, rng.uniform(0.3, 0.8), roll=-turn)
        paint_leaf(small, rng, leaf, slim, level * rng.uniform(0.4, 1.9), in_focus=False)
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.4 else 0):
        PAINTERS[class_name](small, some_pose(rng, (0.15, 0.4), 0.9), rng)
    return enlarge(gaussian_filter(small, rng.uniform(0.8, 3.0)), size)


def cloud(rng: np.random.Generator, size: int, cells: int) -> Tones:
    """Return smooth noise of about unit variance, (size, size), with ``cells`` swells across."""
    return enlarge(rng.standard_normal((cells + 2, cells + 2)).astype(np.float32), size)


def enlarge(tones: Tones, size: int) -> Tones:
    """Return the picture resampled to (size, size)."""
    return np.asarray(Image.fromarray(tones).resize((size, size), Image.Resampling.BICUBIC)).copy()


def some_pose(rng: np.random.Generator, radius: tuple[float, float], stray: float) -> Pose:
    """Draw a pose with its centre within ``stray`` of the picture's."""
    x, y = rng.uniform(-stray, stray, 2)
    return Pose(
        x=float(x),
        y=float(y),
        radius=float(rng.uniform(*radius)),
        roll=float(rng.uniform(0, 2 * np.pi)),
        tilt=float(min(abs(rng.normal(0, 0.55)), 1.1)),
        tilt_towards=float(rng.normal(-np.pi / 2, 0.7)),
        perspective=float(rng.uniform(0, 0.35)),
    )


def develop(picture: Tones, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn tones into a photo: side light, vignette, focus, exposure, contrast, grain."""
    size = picture.shape[0]
    frame = look_at(picture, Pose(0, 0, 1), reach=1)
    light = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 0.25)
    picture = picture * (
        1 + slope * (frame.u * np.float32(np.cos(light)) + frame.v * np.float32(np.sin(light)))
    )
    picture *= 1 - rng.uniform(0, 0.22) * (frame.u**2 + frame.v**2) / 2
    blur = max(0.45, rng.uniform(0.4, 0.9) * size / 128)
    picture = np.clip(gaussian_filter(picture, blur), 0, 1.2) ** rng.uniform(0.8, 1.25)
    picture = (picture - 0.45) * rng.uniform(0.95, 1.4) + 0.45 + rng.uniform(-0.05, 0.1)
    picture += rng.normal(0, rng.uniform(0.004, 0.02), picture.shape)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def arrange(rng: np.random.Generator, class_name: str) -> list[Pose]:
    """Draw where the flowers of a picture stand, the nearest last: one, one with a neighbour, or a group."""
    largest = 0.62 if class_name == "tulip" else 0.9
    if rng.random() < 0.2:
        poses = [some_pose(rng, (0.22, 0.5 * largest), 0.75) for _ in range(int(rng.integers(3, 6)))]
        return sorted(poses, key=lambda pose: pose.radius)
    main = some_pose(rng, (0.62 * largest, largest), 0.22)
    return [some_pose(rng, (0.3, 0.45), 0.9), main] if rng.random() < 0.3 else [main]


def _paint_blades(picture: Tones, rng: np.random.Generator, pose: Pose, tone: float) -> None:
    """Paint the stem below a cup and the long leaves that rise beside it."""
    foot = pose.y + 0.8 * pose.radius
    paint_stem(picture, rng, replace(pose, y=foot), 0.09 * pose.radius, tone)
    for _ in range(int(rng.integers(1, 4))):
        lean, length = rng.normal(0, 0.35), pose.radius * rng.uniform(1.0, 1.6)
        blade = Pose(
            x=pose.x + 1.2 * length * lean + rng.normal(0, 0.08),
            y=max(foot + 0.4 * length, 1.1 - 0.8 * length),
            radius=length,
            roll=float(lean - np.pi / 2),
        )
        paint_leaf(picture, rng, blade, rng.uniform(0.09, 0.15), tone * rng.uniform(0.8, 1.3))


def _paint_foliage(picture: Tones, rng: np.random.Generator, pose: Pose, n_leaves: int, tone: float) -> None:
    """Paint the stem behind a flower and leaves that look out from under it."""
    paint_stem(picture, rng, pose, 0.08 * pose.radius, tone)
    for _ in range(n_leaves):
        turn, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.15) * pose.radius
        leaf = Pose(
            x=pose.x + away * np.cos(turn),
            y=pose.y - away * np.sin(turn),
            radius=pose.radius * rng.uniform(0.5, 1.0),
            roll=float(rng.normal(0, 0.3) - turn),
        )
        paint_leaf(picture, rng, leaf, rng.uniform(0.25, 0.42), tone * rng.uniform(0.7, 1.4))
