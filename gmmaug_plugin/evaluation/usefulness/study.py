"""The study: many small trainings with and without a pool, compared in pairs."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gmmaug_plugin.checks import option_field, whole_number
from gmmaug_plugin.evaluation.usefulness.result import PHOTOS, POOL_ALONE, Arm, Point, Run, Usefulness
from gmmaug_plugin.evaluation.usefulness.training import (
    FEWEST_HELD_BACK,
    N_POINTS,
    Repetition,
    split_photos,
    train,
)
from gmmaug_plugin.files import write_whole
from gmmaug_plugin.photos import PhotoSet, near_duplicates
from gmmaug_plugin.pool import Pool
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images

FEWEST_TRAINING = 4
"""Photos of each class to train on."""

_MOST_SEEDS = 10_000
"""Seeds of a study that ends with its budget."""

_MAY_CHANGE = ("ratios", "seeds", "budget")
"""Options with which a finished training is still the same."""

DrawPool = Callable[[PhotoSet, int], Pool]
"""Draws a pool from photos with a seed."""


@dataclass(frozen=True)
class StudyOptions:
    """Options of a study.

    Raises:
        ValueError: An option has no allowed value.
    """

    ratios: Sequence[float] = option_field(
        (0.25, 0.5),
        "Share of synthetic images in a batch, above 0 and below 1; repeatable.",
        flag="--ratio",
        metavar="RATIO",
        repeatable=True,
    )
    photos_per_class: int | None = option_field(
        None, "Photos of each class to train on. [default: two thirds of the smallest class]"
    )
    seeds: int = option_field(3, "Paired repetitions, each with other photos.")
    steps: int | None = option_field(None, "Training steps, at least 32. [default: by the number of photos]")
    image_size: int = option_field(64, "Height and width to train at.")
    budget: float | None = option_field(None, "Time to use, instead of --seeds.", metavar="MINUTES")
    seed: int = option_field(0, "Seed of all random choices.")

    def __post_init__(self) -> None:
        if len(set(self.ratios)) < len(self.ratios) or not all(0 < ratio < 1 for ratio in self.ratios):
            raise ValueError(
                f"ratios must be above 0 and below 1, and no two equal. Received: {list(self.ratios)}"
            )
        least = {"photos_per_class": FEWEST_TRAINING, "seeds": 1, "steps": 2 * N_POINTS, "image_size": 16}
        for name, value in {**least, "seed": 0}.items():
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), value)
        if self.budget is not None and not self.budget > 0:
            raise ValueError(f"budget must be above 0 minutes, or None. Received: budget={self.budget!r}")


def study_usefulness(
    photos: PhotoSet,
    draw_pool: DrawPool,
    options: StudyOptions | None = None,
    *,
    file: Path | None = None,
    pool_options: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Usefulness:
    """Find out whether a pool helps a classifier of these photos.

    For every seed, some photos of each class are drawn to train on, and the rest is held back. A pool is
    drawn from the training photos alone. The classifier is trained on the photos with the standard stack of
    augmentations, on photos and pool at each ratio, and on the pool alone. All arms of a seed share photos,
    initial weights, order of batches and the draws of the stack.

    Args:
        photos: Photos of at least two classes.
        draw_pool: Draws a pool, with classes, from photos of ``options.image_size`` with a seed.
        options: Defaults if None. With a budget, two seeds of photos and the first ratio are trained first,
            then two seeds of the other arms, then further seeds until the time is used up; the training
            under way at the end is dropped.
        file: JSON file of the result, written whole after every training, also into a new folder; "~" is
            the home. Trainings that it holds already are not repeated, so an interrupted study goes on;
            ratios, seeds and budget may differ.
        pool_options: Options of ``draw_pool``, as JSON values: a file with other ones is refused.
        quiet: Show no progress.

    Returns:
        The result, which may say no.

    Raises:
        ImportError: Keras or its backend is not installed.
        ValueError: There are fewer than two classes or too few photos, the pool has no classes, or the file
            is not of this study.

    Example:
        >>> found = study_usefulness(load_photos("photos/"), draw_pool, file=Path("s.json"))  # doctest: +SKIP
        >>> found.helps  # doctest: +SKIP
        False
    """
    options = options or StudyOptions()
    n_training, steps = _amounts(options, photos)
    if file is not None:
        file = file.expanduser()
        file.parent.mkdir(parents=True, exist_ok=True)
    arms = make_arms(options.ratios)
    identity = f"{photos.digests} {np.asarray(photos.labels).tolist()}"
    settings = {
        **asdict(replace(options, photos_per_class=n_training, steps=steps)),
        "class_names": photos.class_names,
        "pool": dict(pool_options or {}),
        "photos": hashlib.sha256(identity.encode()).hexdigest(),
    }
    runs = _finished(file, settings)
    done = {(run.arm, run.seed) for run in runs}
    photos = replace(photos, images=resize_images(photos.images, options.image_size))
    groups = near_duplicates(photos.images)

    @lru_cache(2)
    def prepare(seed: int) -> Repetition:
        training, validation, test = split_photos(photos, groups, n_training, (options.seed, seed, 0))
        pool = draw_pool(training, seed)
        if pool.class_names != photos.class_names or pool.images.ndim != photos.images.ndim:
            found = f"classes {list(pool.class_names)!r:.200}, images {pool.images.shape}"
            raise ValueError(f"draw_pool must return a pool with the photos' classes. Received: {found}")
        return Repetition(training, validation, test, pool, (options.seed, seed))

    timed = options.budget is not None
    deadline = time.monotonic() + 60 * (options.budget or math.inf)
    total = None if timed else len(arms) * options.seeds
    with progress_bar("Training classifiers", total, quiet=quiet) as advance:
        for arm, seed in _order(arms, _MOST_SEEDS if timed else options.seeds):
            if (arm.name, seed) in done:
                advance()
                continue
            began = time.monotonic()
            if began > deadline:
                break
            points = train(prepare(seed), arm.ratio, steps, deadline=deadline, advance=advance)
            if points is None:
                break
            runs.append(Run(arm.name, seed, points, time.monotonic() - began))
            if file is not None:
                found = Usefulness(settings, arms, tuple(runs))
                write_whole(file, json.dumps(found.as_json(), indent=1).encode())
    return Usefulness(settings, arms, tuple(runs))


def make_arms(ratios: Sequence[float]) -> tuple[Arm, ...]:
    """Photos alone, photos beside the pool at each ratio (as "photos + 25% pool"), and the pool alone."""
    beside = (Arm(f"{PHOTOS} + {100 * ratio:.3g}% pool", ratio) for ratio in ratios)
    return Arm(PHOTOS, 0.0), *beside, Arm(POOL_ALONE, 1.0)


def default_steps(n_photos: int) -> int:
    """Training steps for n training photos: 3500 (n / 250)^0.389, but at least 500.

    On five kinds of flowers at 64 x 64, the validation loss of photos alone is lowest well before.
    """
    return max(500, round(3500 * math.pow(n_photos / 250, 0.389)))


def _amounts(options: StudyOptions, photos: PhotoSet) -> tuple[int, int]:
    """Training photos per class and training steps, after a check that there are enough photos."""
    if photos.labels is None or len(photos.class_names) < 2:
        raise ValueError(
            f"A classifier needs photos of at least two classes. Received: {list(photos.class_names)}"
        )
    fewest = int(np.bincount(photos.labels, minlength=len(photos.class_names)).min())
    chosen = options.photos_per_class or min(2 * fewest // 3, fewest - FEWEST_HELD_BACK)
    if chosen < FEWEST_TRAINING or fewest - chosen < FEWEST_HELD_BACK:
        raise ValueError(
            f"Too few photos: every class must have at least {FEWEST_TRAINING} to train on and "
            f"{FEWEST_HELD_BACK} more to hold back. Received: photos_per_class={options.photos_per_class}, "
            f"and {fewest} photos in the smallest class"
        )
    return chosen, options.steps or default_steps(chosen * len(photos.class_names))


def _order(arms: Sequence[Arm], seeds: int) -> Iterator[tuple[Arm, int]]:
    """The trainings; first those that an answer needs: two seeds of photos alone and of one ratio."""
    first = range(min(2, seeds))
    yield from ((arm, seed) for seed in first for arm in arms[:2])
    yield from ((arm, seed) for seed in first for arm in arms[2:])
    yield from ((arm, seed) for seed in range(2, seeds) for arm in arms)


def _finished(file: Path | None, settings: Mapping[str, Any]) -> list[Run]:
    """The trainings that a file holds; none without a file."""
    if file is None or not file.exists():
        return []
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        known = dict(values["settings"])
        runs = [
            Run(one["arm"], one["seed"], tuple(Point(**point) for point in one["points"]), one["seconds"])
            for one in values["runs"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"The file must hold a study, or be absent. Received: {file}") from error
    # Through JSON, so that tuples equal the lists of the file.
    wanted = json.loads(json.dumps({**settings, **{name: known.get(name) for name in _MAY_CHANGE}}))
    if known != wanted:
        changed = sorted(name for name in wanted if known.get(name) != wanted[name])
        raise ValueError(
            "A study goes on with the photos and options that it began with: name another file for "
            f"other ones. Received: {file}, in which {', '.join(changed)} differ"
        )
    return runs
