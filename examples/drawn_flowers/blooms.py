"""Flowers of five kinds, drawn from formulas: rings of petals, domed discs, wrapped petals, cups.

A picture is a float32 array of tones, 0 black to 1 white, over the square [-1, 1] x [-1, 1] with y pointing
down. Shapes are painted back to front. Each is given by its half-width along its own axis, so that the
distance to its edge in pixels is at hand and edges come out anti-aliased at any size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Tones = NDArray[np.floating[Any]]

GOLDEN_ANGLE: Final = np.pi * (3 - 5**0.5)
PROFILE_STEPS: Final = 512


@dataclass(frozen=True)
class Pose:
    """Where a shape lies in the picture and how it is turned.

    Attributes:
        x: Centre across, -1 left to 1 right.
        y: Centre down, -1 top to 1 bottom.
        radius: Size, in half-pictures.
        roll: Turn of the shape in its own plane, radians.
        tilt: Angle between its plane and the picture's, radians; 0 faces the viewer.
        tilt_towards: Direction in the picture in which it leans away, radians.
        perspective: How much nearer parts look larger, 0 for not at all.
    """

    x: float
    y: float
    radius: float
    roll: float = 0.0
    tilt: float = 0.0
    tilt_towards: float = 0.0
    perspective: float = 0.0


@dataclass(frozen=True)
class Patch:
    """The part of a picture around a shape, with the shape's own coordinates of every pixel.

    Attributes:
        tones: View into the picture, (h, w); painting changes the picture.
        u: Coordinate along the shape's first axis, (h, w), in units of its radius.
        v: Coordinate along its second axis.
        pixel: Side of a pixel in the same units.
    """

    tones: Tones
    u: Tones
    v: Tones
    pixel: float

    def paint(self, cover: Tones, tone: Tones | float) -> None:
        """Lay ``tone`` over the picture where ``cover`` (0..1) says."""
        self.tones[...] += cover * (tone - self.tones)

    def inside(self, distance: Tones) -> Tones:
        """Coverage 0..1 of a shape from the signed distance to its edge, positive inside."""
        cover: Tones = np.clip(distance / self.pixel + 0.5, 0, 1)
        return cover

    def band(self, half: Tones, across: Tones) -> Tones:
        """Coverage 0..1 of a strip from its half-width; strips thinner than a pixel fade out."""
        cover: Tones = self.inside(half - np.abs(across)) * np.minimum(1, half * np.float32(2 / self.pixel))
        return cover

    def shade(self, cover: Tones, strength: float, spread: float) -> None:
        """Darken the picture around ``cover``, as the shape's shadow would."""
        soft = gaussian_filter(cover, spread / self.pixel, truncate=2.5)
        self.tones[...] *= 1 - strength * soft


def look_at(picture: Tones, pose: Pose, reach: float = 1.15) -> Patch:
    """Return the patch of ``picture`` within ``reach`` radii of a pose; it may be empty."""
    size = picture.shape[0]
    rows, columns = (_span(centre, reach * pose.radius, size) for centre in (pose.y, pose.x))
    axis = ((2 * np.arange(size, dtype=np.float32) + 1) / size - 1).astype(np.float32)
    dx = (axis[columns] - np.float32(pose.x))[None, :] / np.float32(pose.radius)
    dy = (axis[rows] - np.float32(pose.y))[:, None] / np.float32(pose.radius)
    cos, sin = (np.float32(f(pose.tilt_towards)) for f in (np.cos, np.sin))
    away = dx * cos + dy * sin
    recede = np.float32(pose.perspective * np.sin(pose.tilt))
    deep = away / np.maximum(np.float32(np.cos(pose.tilt)) - recede * away, np.float32(0.05))
    wide = (dy * cos - dx * sin) * (1 + recede * deep)
    cos, sin = (np.float32(f(pose.tilt_towards - pose.roll)) for f in (np.cos, np.sin))
    u, v = deep * cos - wide * sin, deep * sin + wide * cos
    return Patch(picture[rows, columns], u, v, 2 / size / pose.radius)


def _span(centre: float, reach: float, size: int) -> slice:
    first, last = ((centre + side * reach + 1) / 2 * size for side in (-1, 1))
    return slice(max(0, int(np.floor(first))), max(0, min(size, int(np.ceil(last)))))


def profile(rise: float, fall: float) -> Tones:
    """Half-width of a petal from base to tip, ``t**rise * (1 - t)**fall`` scaled to a maximum of 1."""
    t = np.linspace(0, 1, PROFILE_STEPS, dtype=np.float32)
    width: Tones = t**rise * (1 - t) ** fall
    return width / np.max(width)


def strap(sharpness: float) -> Tones:
    """Half-width of a long petal with nearly parallel sides and a rounded tip."""
    t = np.linspace(0, 1, PROFILE_STEPS, dtype=np.float32)
    width: Tones = np.sqrt(1 - t**sharpness) * (0.45 + 0.55 * np.sqrt(t))
    return width / np.max(width)


def look_up(table: Tones, t: Tones) -> Tones:
    """Return a table's values at ``t`` in 0..1."""
    return table[(t * np.float32(PROFILE_STEPS - 1)).astype(np.intp)]


@dataclass(frozen=True)
class Ring:
    """Petals standing around a centre: lengths and widths in radii, tones 0..1.

    Attributes:
        n_petals: How many.
        length: From the centre to the tips.
        width: Half-width at the widest place.
        outline: Half-width from base to tip, a table with maximum 1.
        tone: Brightness.
        base: Where petals begin.
        disorder: How much length, width, angle and brightness differ between petals.
        base_tone: Brightness at the base as a fraction of that at the tip.
        creases: Number of dark lines along a petal.
        crease_depth: How dark they are, 0..1.
    """

    n_petals: int
    length: float
    width: float
    outline: Tones
    tone: float
    base: float = 0.1
    disorder: float = 0.06
    base_tone: float = 0.65
    creases: int = 1
    crease_depth: float = 0.1


def paint_ring(patch: Patch, rng: np.random.Generator, ring: Ring, *, shadow: float = 0.35) -> None:
    """Paint one ring of petals; each pixel belongs to the petal whose axis is nearest."""
    n = ring.n_petals
    spread = rng.normal(0, ring.disorder, (4, n)).astype(np.float32).clip(-0.3, 0.3)
    step = np.float32(2 * np.pi / n)
    angle = np.arctan2(patch.v, patch.u) / step + np.float32(rng.uniform(0, n))
    nearest = np.rint(angle)
    petal = nearest.astype(np.intp) % n
    off_axis = (angle - nearest) * step - spread[0][petal] * step
    radius = np.hypot(patch.u, patch.v)
    along, across = radius * np.cos(off_axis), radius * np.sin(off_axis)
    t = np.clip((along - ring.base) / (ring.length * (1 + spread[1][petal]) - ring.base), 0, 1)
    half = ring.width * (1 + 1.5 * spread[2][petal]) * look_up(ring.outline, t)
    cover = patch.band(half, across)
    side = np.clip(across / (half + np.float32(0.5 * patch.pixel)), -1, 1)
    lit = 1 + 0.14 * np.cos(np.arange(n) * step - rng.uniform(0, 2 * np.pi)) + 2 * spread[3].clip(-0.12, 0.12)
    tone = (ring.tone * lit).astype(np.float32)[petal]
    tone *= ring.base_tone + (1 - ring.base_tone) * np.minimum(1, 1.6 * t)
    tone *= 1 - 0.22 * side**2 + 0.08 * side
    tone *= 1 - ring.crease_depth * np.cos(np.float32(np.pi * ring.creases) * side) * (1 - t)
    patch.shade(cover, shadow, 0.05)
    patch.paint(cover, tone)


def paint_disc(
    patch: Patch, rng: np.random.Generator, *, radius: float, tone: float, rim_tone: float, grain: float
) -> None:
    """Paint the domed centre of a composite flower: two families of spirals of florets, lit from one side."""
    r = np.hypot(patch.u, patch.v) / radius
    angle = np.arctan2(patch.v, patch.u)
    light = rng.uniform(0, 2 * np.pi)
    depth = np.log(r + 0.12) * np.float32(9)
    spirals = np.cos(13 * angle + depth) + np.cos(21 * angle - depth)
    noise = rng.standard_normal(r.shape).astype(np.float32)
    ramp = np.minimum(r, 1) ** 2
    shade = tone + (rim_tone - tone) * ramp
    shade = shade * (1 + grain * (0.5 * spirals * np.minimum(1, 2 * r) + 0.7 * noise))
    shade *= 1 + 0.25 * np.cos(angle - np.float32(light)) * np.minimum(r, 1)
    cover = patch.inside((1 + 0.03 * np.cos(17 * angle) - r) * radius)
    patch.shade(cover, 0.45, 0.07)
    patch.paint(cover, shade * (1 - 0.35 * np.maximum(0, r - 0.8) / 0.2))


def daisy(picture: Tones, pose: Pose, rng: np.random.Generator) -> None:
    """White straps around a small bright button."""
    patch = look_at(picture, pose)
    n, tone = int(rng.integers(8, 19)), rng.uniform(0.8, 1.0)
    core = rng.uniform(0.2, 0.3)
    outline = strap(rng.uniform(4, 12))
    for length, dim in ((1.0, 0.8), (rng.uniform(0.88, 0.98), 1.0)):
        ring = Ring(n, length, rng.uniform(1.5, 2.1) / n, outline, tone * dim, base=0.5 * core, creases=3)
        paint_ring(patch, rng, ring)
    centre = look_at(picture, _raised(pose, 0.08))
    paint_disc(
        centre, rng, radius=core, tone=rng.uniform(0.5, 0.75), rim_tone=rng.uniform(0.4, 0.6), grain=0.16
    )


def _raised(pose: Pose, height: float) -> Pose:
    """Return a pose shifted to where a point above the flower's plane appears."""
    lift = height * pose.radius * np.sin(pose.tilt)
    return replace(
        pose, x=pose.x - lift * np.cos(pose.tilt_towards), y=pose.y - lift * np.sin(pose.tilt_towards)
    )


def sunflower(picture: Tones, pose: Pose, rng: np.random.Generator) -> None:
    """Pointed petals around a wide dark disc of seeds."""
    patch = look_at(picture, pose)
    n, tone = int(rng.integers(11, 18)), rng.uniform(0.65, 0.95)
    core = rng.uniform(0.36, 0.48)
    outline = profile(rng.uniform(0.5, 0.7), rng.uniform(0.7, 1.0))
    for length, dim in ((1.0, 0.66), (0.99, 0.85), (0.94, 1.0)):
        ring = Ring(
            n,
            length,
            rng.uniform(1.7, 2.0) / n,
            outline,
            tone * dim,
            base=0.6 * core,
            disorder=0.08,
            crease_depth=0.16,
        )
        paint_ring(patch, rng, ring)
    centre = look_at(picture, _raised(pose, 0.06))
    paint_disc(
        centre, rng, radius=core, tone=rng.uniform(0.2, 0.36), rim_tone=rng.uniform(0.14, 0.3), grain=0.4
    )
    paint_disc(
        centre,
        rng,
        radius=core * rng.uniform(0.3, 0.55),
        tone=rng.uniform(0.2, 0.42),
        rim_tone=0.2,
        grain=0.3,
    )


def dandelion(picture: Tones, pose: Pose, rng: np.random.Generator) -> None:
    """A shaggy head of very many thin rays, or the white ball of seeds that follows it."""
    if rng.random() < 0.35:
        seed_head(picture, pose, rng)
        return
    patch = look_at(picture, pose)
    tone = rng.uniform(0.65, 0.92)
    for length in (1.0, 0.9, 0.76, 0.6, 0.43, 0.26):
        n = int(rng.integers(32, 46) * (0.4 + 0.6 * length))
        ring = Ring(
            n,
            length,
            2.1 * length / n,
            strap(14),
            tone * rng.uniform(0.82, 1.0),
            base=0.02,
            disorder=0.13,
            base_tone=0.45,
            crease_depth=0.12,
        )
        paint_ring(patch, rng, ring, shadow=0.3)


def seed_head(picture: Tones, pose: Pose, rng: np.random.Generator) -> None:
    """Paint a dandelion clock: fine stalks from a dark core, each ending in a tuft."""
    patch = look_at(picture, replace(pose, tilt=0.0), reach=1.3)
    r, angle = np.hypot(patch.u, patch.v), np.arctan2(patch.v, patch.u)
    ball = np.sqrt(np.clip(1 - r**2, 0, 1))
    patch.paint(0.28 * np.clip(1.12 - r, 0, 0.2) / 0.2 * (1 - 0.5 * ball), 0.85)
    for radius, n in ((0.95, 34), (0.8, 27), (0.55, 18), (0.28, 9)):
        step = np.float32(2 * np.pi / n)
        turned = angle / step + np.float32(rng.uniform(0, n))
        nearest = np.rint(turned)
        seed = nearest.astype(np.intp) % n
        off_axis = (turned - nearest) * step - rng.normal(0, 0.12 * step, n).astype(np.float32)[seed]
        along, across = r * np.cos(off_axis), r * np.sin(off_axis)
        stalk = patch.inside(0.005 - np.abs(across)) * (along < radius) * (along > 0.08)
        patch.paint(0.35 * stalk, 0.8)
        along = along - rng.normal(radius, 0.04, n).astype(np.float32)[seed]
        spokes = np.arctan2(across, along) * 9 + rng.uniform(0, 6, n).astype(np.float32)[seed]
        tuft = (0.45 + 0.55 * np.cos(spokes)) * np.clip(1.05 - np.hypot(along, across) / 0.17, 0, 1) ** 0.7
        patch.paint(0.6 * np.clip(tuft, 0, 1), rng.uniform(0.85, 1.0))
    patch.paint(patch.inside(0.11 - r), 0.2 + 0.25 * ball)


def rose(picture: Tones, pose: Pose, rng: np.random.Generator) -> None:
    """Broad petals wrapped around each other, painted from the outermost to the heart."""
    n, tone = int(rng.integers(13, 22)), rng.uniform(0.5, 1.05)
    pose = replace(pose, tilt=min(pose.tilt, 0.8))
    tightness, start = rng.uniform(0.7, 1.3), rng.uniform(0, 2 * np.pi)
    for k in range(n):
        inwards = k / (n - 1)
        size = (1 - inwards) ** tightness * 0.9 + 0.1
        patch = look_at(picture, replace(_raised(pose, 0.4 * inwards), radius=pose.radius * size))
        middle = start + k * GOLDEN_ANGLE + rng.normal(0, 0.15)
        breadth = rng.uniform(1.05, 1.35) + 0.5 * inwards
        _paint_wrap(patch, rng, middle, breadth, tone * rng.uniform(0.88, 1.06))


def _paint_wrap(patch: Patch, rng: np.random.Generator, middle: float, breadth: float, tone: float) -> None:
    """Paint one petal of a rose: dark in its depth, bright along the rim that curls outwards."""
    r = np.hypot(patch.u, patch.v)
    turn = np.arctan2(patch.v, patch.u) - np.float32(middle)
    turn -= np.float32(2 * np.pi) * np.rint(turn / np.float32(2 * np.pi))
    across = np.clip(turn / np.float32(breadth), -1.2, 1.2)
    ripple = rng.uniform(0.01, 0.05) * np.cos(
        np.float32(rng.uniform(3, 7)) * turn + np.float32(rng.uniform(0, 6))
    )
    rim = (1 - 0.5 * across**4 - 0.1 * across**2 + ripple) * np.float32(rng.uniform(0.9, 1.0))
    depth = rim - r
    within = np.clip((1.12 - np.abs(across)) * 8, 0, 1)
    gloom = np.exp(np.minimum(depth, 0) * 9) * within
    patch.tones[...] *= 1 - 0.42 * gloom
    cover = patch.inside(depth) * within
    near_rim = np.clip(1 - depth / 0.5, 0, 1)
    shade = tone * (0.46 + 0.44 * near_rim**1.5 + 0.16 * np.clip(1 - depth / 0.08, 0, 1))
    shade *= 1 + 0.18 * np.cos(turn + np.float32(middle) - 0.8) - 0.15 * across**2
    patch.paint(cover, shade)


def tulip(picture: Tones, pose: Pose, rng: np.random.Generator) -> None:
    """A cup of overlapping pointed petals seen from the side."""
    upright = replace(pose, tilt=0.0, roll=float(rng.normal(0, 0.2)), tilt_towards=0.0)
    patch = look_at(picture, upright, reach=1.25)
    tone, openness = rng.uniform(0.5, 0.95), rng.uniform(0.0, 0.35)
    outline = profile(rng.uniform(0.45, 0.6), rng.uniform(0.6, 0.85))
    back = [(-0.45, 0.6, 0.3), (0.5, 0.6, 0.3), (0.05, 0.55, 0.34)]
    sides = [(-1.0, 0.86, 0.36), (1.0, 0.8, 0.36)]
    front = [(float(rng.uniform(-0.35, 0.35)), 1.0, 0.46)]
    if rng.random() < 0.3:
        front = [(-0.5, 0.95, 0.4), (0.45, 1.0, 0.42)]
    for side, bright, width in back + sides + front:
        lean = side * (0.24 + openness) + rng.normal(0, 0.03)
        height = rng.uniform(1.75, 1.95) - 0.12 * (side in {-1.0, 1.0})
        _paint_cup_petal(patch, rng, outline, (lean, width, height), tone * bright)


def _paint_cup_petal(
    patch: Patch, rng: np.random.Generator, outline: Tones, shape: tuple[float, float, float], tone: float
) -> None:
    """Paint one petal of a cup; ``shape`` is where the tip leans, the half-width and the height, in radii."""
    lean, width, height = shape
    t = np.clip((0.95 - patch.v) / np.float32(height), 0, 1)
    across = patch.u - np.float32(lean) * (1.6 * np.sqrt(t) - 1.1 * t + 0.6 * t**4)
    half = width * look_up(outline, t)
    cover = patch.band(half, across)
    side = np.clip(across / (half + np.float32(0.5 * patch.pixel)), -1, 1)
    streaks = np.cos(np.float32(rng.uniform(9, 14)) * side + np.float32(rng.uniform(0, 6)))
    shade = tone * (0.55 + 0.45 * t) * (1 - 0.38 * (side - np.float32(rng.uniform(-0.4, 0.4))) ** 2)
    shade *= 1 + 0.04 * streaks - 0.16 * np.exp(-((side / 0.12) ** 2)) * (1 - t)
    shade += 0.08 * np.clip(np.abs(side) * 6 - 5, 0, 1)
    patch.shade(cover, 0.5, 0.09)
    patch.paint(cover, shade)


PAINTERS: Final[dict[str, Callable[[Tones, Pose, np.random.Generator], None]]] = {
    "daisy": daisy,
    "dandelion": dandelion,
    "rose": rose,
    "sunflower": sunflower,
    "tulip": tulip,
}
