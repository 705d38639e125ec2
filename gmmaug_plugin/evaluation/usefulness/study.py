"""The study: many small trainings, compared in pairs."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.usefulness.result import Usefulness
from gmmaug_plugin.evaluation.usefulness.runs import Arm, Run, default_steps, make_arms
from gmmaug_plugin.evaluation.usefulness.training import (
    N_POINTS,
    DrawPool,
    Trainer,
    choose_photos_per_class,
)
from gmmaug_plugin.files import write_whole
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images

FEWEST_STEPS = 2 * N_POINTS
FEWEST_SEEDS = 2
_TIMED_STEPS = 4 * N_POINTS


def study_usefulness(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    class_names: Sequence[str],
    *,
    draw_pool: DrawPool,
    photos_per_class: int | None = None,
    n_seeds: int = 3,
    steps: int | None = None,
    ratios: Sequence[float] = (0.25, 0.5),
    image_size: int = 64,
    budget: float | None = None,
    random_state: int = 0,
    finished: Iterable[Run] = (),
    on_run: Callable[[Usefulness], object] | None = None,
    quiet: bool = False,
) -> Usefulness:
    """Find out whether a pool helps a classifier of these photos.

    In every seed, some photos of each class are drawn to train on; the rest is held back, a part to stop
    early and to scale by, another to report on. The pool is drawn anew from the training photos alone: one
    that was drawn from all has seen those held back. The classifier is trained on the photos with the
    standard stack of augmentations, on photos and pool in each ratio, and on the pool alone. All arms of a
    seed share photos, initial weights, order of batches and the draws of the stack. After an interrupt the
    runs that ``on_run`` was given can go on as ``finished``.

    Args:
        images: uint8 (n, h, w) or (n, h, w, 3), resized to ``image_size``.
        labels: int32 (n,), indices into ``class_names``.
        class_names: Names of at least two classes.
        draw_pool: Draws a pool from photos: uint8 (m, image_size, image_size[, 3]), labels int32 (m,) and
            a seed to a pool with these classes.
        photos_per_class: Training photos a class; None takes two thirds of the smallest class.
        n_seeds: Number of repetitions; with a budget, as many as fit into it instead.
        steps: Training steps of 32 images, rounded down to a multiple of 16; None takes
            :func:`default_steps`. A budget may reduce them.
        ratios: Shares of the batch that come from the pool, in (0, 1).
        image_size: Height and width at which pool and classifier work.
        budget: Minutes to use; None for no limit. Work left out for it is listed in the result.
        random_state: Seed of every random choice.
        finished: Runs of an earlier call with the same arguments, which are not repeated.
        on_run: Called after every training with the result so far.
        quiet: Show no progress.

    Returns:
        The result, which may say no.

    Raises:
        ImportError: Keras or its backend is not installed.
        ValueError: There are fewer than two classes or too few photos, or an argument is not as described.
    """
    arms = make_arms(ratios)
    images, labels = _check_photos(images, labels, class_names)
    chosen = choose_photos_per_class(labels, tuple(class_names), photos_per_class)
    whole_number("n_seeds", n_seeds, 1)
    whole_number("random_state", random_state, 0)
    steps = default_steps(chosen * len(class_names)) if steps is None else steps
    steps = _whole_parts(whole_number("steps", steps, FEWEST_STEPS))
    if budget is not None and not budget > 0:
        raise ValueError(f"budget must be above 0 minutes, or None. Received: budget={budget!r}")
    began = time.monotonic()
    trainer = Trainer(resize_images(images, image_size), labels, draw_pool, chosen, random_state)
    known = {(run.arm, run.seed): run for run in finished}
    deadline = np.inf
    reductions: tuple[str, ...] = ()
    if budget is not None:
        deadline = began + 60 * budget
        arms, steps, reductions = _within_budget(trainer, arms, steps, deadline, known)
    known = {key: run for key, run in known.items() if run.points[-1].step == steps}
    settings = {
        "photos_per_class": chosen,
        "class_names": list(class_names),
        "steps": steps,
        "image_size": image_size,
        "budget": budget,
        "random_state": random_state,
    }
    result = Usefulness(settings, arms, (), reductions)
    seeds = n_seeds if budget is None else None
    return _train_all(trainer, result, steps, seeds, deadline, known, on_run, quiet=quiet)


def _within_budget(
    trainer: Trainer,
    arms: tuple[Arm, ...],
    steps: int,
    deadline: float,
    known: Mapping[tuple[str, int], Run],
) -> tuple[tuple[Arm, ...], int, tuple[str, ...]]:
    """Leave out ratios, then steps, until two seeds fit into the time."""
    if known:  # a study goes on as it began
        return arms, next(iter(known.values())).points[-1].step, ()
    began = time.monotonic()
    trainer.prepare(0)
    to_prepare = time.monotonic() - began
    trainer.train(arms[0], 0, FEWEST_STEPS)  # compiles
    timed = trainer.train(arms[0], 0, _TIMED_STEPS).seconds
    measuring = trainer.measuring
    per_step = (timed - measuring) / _TIMED_STEPS
    left = deadline - time.monotonic() - (FEWEST_SEEDS - 1) * to_prepare

    def fits(n_arms: int, n_steps: int) -> bool:
        return FEWEST_SEEDS * n_arms * (measuring + n_steps * per_step) <= left

    kept, reductions = list(arms), []
    while len(kept) > 3 and not fits(len(kept), steps):
        reductions.append(f'To keep the budget: without "{kept.pop(-2).name}".')
    if not fits(len(kept), steps):
        wanted = steps
        each = left / (FEWEST_SEEDS * len(kept)) - measuring
        steps = _whole_parts(max(FEWEST_STEPS, int(each / per_step)))
        reductions.append(f"To keep the budget: {steps} of {wanted} steps, perhaps too few to judge.")
    return tuple(kept), steps, tuple(reductions)


def _whole_parts(steps: int) -> int:
    return steps // N_POINTS * N_POINTS


def _train_all(
    trainer: Trainer,
    result: Usefulness,
    steps: int,
    n_seeds: int | None,
    deadline: float,
    known: Mapping[tuple[str, int], Run],
    on_run: Callable[[Usefulness], object] | None,
    *,
    quiet: bool,
) -> Usefulness:
    """Train seed by seed, so that there is an answer early; without ``n_seeds`` until the time is used up."""
    first = FEWEST_SEEDS if n_seeds is None else n_seeds
    longest, seed = 0.0, 0
    with progress_bar("Training classifiers", first * len(result.arms) * N_POINTS, quiet=quiet) as advance:
        while seed < first or (n_seeds is None and time.monotonic() + longest <= deadline):
            if seed >= first:
                advance.expect(len(result.arms) * N_POINTS)
            began = time.monotonic()
            for arm in result.arms:
                if time.monotonic() > deadline:
                    missing = f'The budget was used up before "{arm.name}" of seed {seed + 1}.'
                    return replace(result, reductions=(*result.reductions, missing))
                run = known.get((arm.name, seed))
                trained = run or trainer.train(arm, seed, steps, advance=advance)
                result = replace(result, runs=(*result.runs, trained))
                if on_run is not None and run is None:
                    on_run(result)
            longest, seed = max(longest, time.monotonic() - began), seed + 1
    return result


def _check_photos(
    images: NDArray[np.uint8], labels: NDArray[np.int32], class_names: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim not in (3, 4) or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(
            "images must be uint8 (n, h, w) or (n, h, w, 3) with one label each. "
            f"Received: {images.dtype} {images.shape} and labels {labels.shape}"
        )
    if len(class_names) < 2:
        raise ValueError(
            f"A classifier needs photos of at least two classes. Received: class_names={list(class_names)}"
        )
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(class_names)):
        raise ValueError(
            f"labels must be indices into the {len(class_names)} class names. "
            f"Received: from {labels.min()} to {labels.max()}"
        )
    return images, labels.astype(np.int32)


class StudyFile:
    """A JSON file of finished trainings, written after each, from which a stopped study goes on.

    Args:
        path: The file; it need not be there yet.
        images: The photos of the study, uint8.
        labels: Their classes, int32 (n,).
        depends_on: Whatever else a training depends on, as plain JSON values: photos per class, steps, seed,
            options of the pool. Seeds and ratios may be added to a study that has begun.

    Example:
        >>> file = StudyFile(Path("study.json"), photos, labels, depends_on={})  # doctest: +SKIP
        >>> study_usefulness(..., finished=file.finished(), on_run=file.write)  # doctest: +SKIP
    """

    def __init__(
        self,
        path: Path,
        images: NDArray[np.uint8],
        labels: NDArray[np.int32],
        *,
        depends_on: Mapping[str, Any],
    ) -> None:
        digest = hashlib.sha256(np.ascontiguousarray(images).data)
        digest.update(labels.astype(np.int32).tobytes())
        # By way of JSON, so that tuples equal the lists that come back.
        self._key = json.loads(json.dumps({**depends_on, "photos": digest.hexdigest()}))
        self._path = path
        self._before: tuple[Run, ...] = ()

    def finished(self) -> tuple[Run, ...]:
        """Trainings that the file holds already.

        Raises:
            ValueError: The file is of another study, or of something else.
        """
        if not self._path.exists():
            return ()
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
            key, known = values["key"], Usefulness.from_json(values)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The file must hold a study, or not be there. Received: {self._path}, which holds none"
            ) from error
        if key != self._key:
            raise ValueError(
                "A study goes on with the photos and options that it began with: name another file for "
                f"other ones. Received: {self._path}"
            )
        self._before = known.runs
        return known.runs

    def write(self, found: Usefulness) -> None:
        """Write everything found so far, all or nothing; trainings that the file held stay in it."""
        made = {(run.arm, run.seed) for run in found.runs}
        kept = tuple(run for run in self._before if (run.arm, run.seed) not in made)
        values = {"key": self._key, **replace(found, runs=(*found.runs, *kept)).as_json()}
        write_whole(self._path, json.dumps(values, indent=1).encode())
