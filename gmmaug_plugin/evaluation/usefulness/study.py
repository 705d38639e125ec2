"""The study of usefulness: many small trainings, compared in pairs."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.usefulness.arms import STACK, make_arms
from gmmaug_plugin.evaluation.usefulness.curves import Run
from gmmaug_plugin.evaluation.usefulness.planning import FEWEST_STEPS, Plan, default_steps, make_plan
from gmmaug_plugin.evaluation.usefulness.result import Usefulness
from gmmaug_plugin.evaluation.usefulness.splits import choose_photos_per_class
from gmmaug_plugin.extras import require
from gmmaug_plugin.progress import progress_bar
from gmmaug_plugin.resizing import resize_images

if TYPE_CHECKING:
    from gmmaug_plugin.evaluation.usefulness.bench import Bench, FitModel


def study_usefulness(
    images: NDArray[np.uint8],
    labels: NDArray[np.int32],
    class_names: Sequence[str],
    *,
    fit_model: "FitModel",
    photos_per_class: int | None = None,
    n_seeds: int = 3,
    steps: int | None = None,
    strengths: Sequence[float] = (0.3, 0.5, 0.7),
    ratios: Sequence[float] = (0.25, 0.5, 0.5),
    synthesis_ratios: Sequence[float] = (0.25, 0.5),
    image_size: int = 64,
    budget: float | None = None,
    random_state: int = 0,
    finished: Iterable[Run] = (),
    on_run: Callable[[Usefulness], object] | None = None,
    quiet: bool = False,
) -> Usefulness:
    """Find out whether a kind of model helps a classifier of these photos.

    In every seed, some photos of each class are drawn to train on; the rest is held back, a part to stop
    early and to scale by, another to report on. The model is fitted anew on the training photos alone: one
    that was fitted on all has seen those held back. All arms of a seed share photos, initial weights,
    order of batches and the draws of the stack. An interrupt (control-C) ends the study at once; what
    ``on_run`` was given by then can go on as ``finished``.

    Args:
        images: uint8 (n, h, w), resized to ``image_size``.
        labels: int32 (n,), indices into ``class_names``.
        class_names: Names of at least two classes.
        fit_model: Fits the model: uint8 (m, image_size, image_size) and int32 (m,) to a model with classes.
        photos_per_class: Training photos a class; None takes two thirds of the smallest class.
        n_seeds: Number of repetitions.
        steps: Training steps of 32 images; None takes
            :func:`~gmmaug_plugin.evaluation.usefulness.planning.default_steps`.
        strengths: Of variation, in (0, 1].
        ratios: Share of the batch that is varied, in (0, 1], one for every strength.
        synthesis_ratios: Share of the batch that is synthetic, in (0, 1).
        image_size: Height and width at which model and classifier work.
        budget: Seconds that it may take; None for no limit. What is left out for it is told.
        random_state: Seed of all that is drawn.
        finished: Runs of an earlier call with the same arguments, which are not repeated.
        on_run: Called after every arm with the result so far.
        quiet: Show no progress.

    Returns:
        The result, which may say no.

    Raises:
        ImportError: TensorFlow is not installed.
        ValueError: There are fewer than two classes or too few photos, or an argument is not as described.
    """
    arms = make_arms(strengths, ratios, synthesis_ratios)
    images, labels = _check_photos(images, labels, class_names)
    chosen = choose_photos_per_class(labels, tuple(class_names), photos_per_class)
    whole_number("n_seeds", n_seeds, 1)
    whole_number("random_state", random_state, 0)
    wanted = default_steps(chosen * len(class_names)) if steps is None else steps
    whole_number("steps", wanted, FEWEST_STEPS)
    if budget is not None and not budget > 0:
        raise ValueError(f"budget must be above 0 seconds, or None. Received: budget={budget!r}")
    require("tensorflow", extra="tensorflow")
    from gmmaug_plugin.evaluation.usefulness.bench import Bench

    began = time.monotonic()
    bench = Bench(resize_images(images, image_size), labels, fit_model, chosen, random_state)
    plan = Plan(arms, n_seeds, wanted)
    if budget is not None:
        stack = next(arm for arm in arms if arm.name == STACK)
        speed = bench.speed(stack, wanted)
        plan = make_plan(arms, n_seeds, wanted, speed=speed, seconds=budget - (time.monotonic() - began))
    settings = {
        "photos_per_class": chosen,
        "class_names": list(class_names),
        "n_seeds": plan.n_seeds,
        "steps": plan.steps,
        "image_size": image_size,
        "budget": budget,
        "random_state": random_state,
    }
    result = Usefulness(settings, plan.arms, (), plan.reductions)
    deadline = None if budget is None else began + budget
    return _train_all(bench, result, deadline, tuple(finished), on_run, quiet=quiet)


def _train_all(
    bench: "Bench",
    result: Usefulness,
    deadline: float | None,
    finished: Sequence[Run],
    on_run: Callable[[Usefulness], object] | None,
    *,
    quiet: bool,
) -> Usefulness:
    from gmmaug_plugin.evaluation.usefulness.bench import N_POINTS, OutOfTimeError

    n_seeds, steps = result.settings["n_seeds"], result.settings["steps"]
    trainings = [(arm, seed) for seed in range(n_seeds) for arm in result.arms]
    known = {(run.arm, run.seed): run for run in finished if run.curve.points[-1].step == steps}
    with progress_bar("Training classifiers", len(trainings) * N_POINTS, quiet=quiet) as advance:
        for arm, seed in trainings:
            run = known.get((arm.name, seed))
            trained = run is None
            try:
                run = run or bench.train(arm, seed, steps, deadline=deadline, advance=advance)
            except OutOfTimeError:
                missing = (
                    f"The budget was used up after {len(result.runs)} of {len(trainings)} trainings: "
                    f'those from "{arm.name}" of seed {seed + 1} on are missing.'
                )
                return replace(result, reductions=(*result.reductions, missing))
            result = replace(result, runs=(*result.runs, run))
            if on_run is not None and trained:
                on_run(result)
    return result


def _check_photos(
    images: NDArray[np.uint8], labels: NDArray[np.int32], class_names: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(
            "images must be uint8 (n, h, w) with one label each. "
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
