"""Learning curves written down by hand."""

from collections.abc import Sequence

from gmmaug_plugin.evaluation.usefulness import Arm, Curve, Point, Run

STEP = 10


def curve(
    accuracy: Sequence[float],
    nll: Sequence[float],
    *,
    nll_scaled: Sequence[float] | None = None,
    validation_nll: Sequence[float] | None = None,
) -> Curve:
    """A point every ten steps; validation photos lose as much as test photos unless told otherwise."""
    scaled = nll if nll_scaled is None else nll_scaled
    held_back = nll if validation_nll is None else validation_nll
    return Curve(
        tuple(
            Point(STEP * (index + 1), right, loss, 0.1, 1.0, after, 0.05, right, on_validation, 0.1)
            for index, (right, loss, after, on_validation) in enumerate(
                zip(accuracy, nll, scaled, held_back, strict=True)
            )
        )
    )


def overfitted(accuracy: float, scaled: float) -> Curve:
    """A curve that turns at a third of its length, with this accuracy and scaled likelihood at the end."""
    return curve(
        [accuracy - 0.1, accuracy - 0.02, accuracy - 0.01, accuracy],
        [1.6, 1.4, 1.6, 2.0],
        nll_scaled=[1.6, scaled + 0.05, scaled + 0.02, scaled],
    )


STACK = Arm("stack", stack=True, reference="nothing")
VARIATION = Arm("stack + variation", True, "variation", 0.5, 0.5, "stack", "stack + noise")
NOISE = Arm("stack + noise", True, "noise", 0.5, 0.5, "stack")
ARMS = (Arm("nothing"), STACK, VARIATION, NOISE)

JITTER = (0.0, 0.004, -0.004)
"""By how much the seeds differ in accuracy, for all arms alike; arms differ by a little more."""


def runs(
    variation: tuple[float, float],
    noise: tuple[float, float] = (0.48, 1.32),
    stack: tuple[float, float] = (0.50, 1.30),
    *,
    n_seeds: int = 3,
) -> list[Run]:
    """Runs that end with these accuracies and scaled likelihoods, about as accurate as three seeds are."""
    ends = {"nothing": (0.40, 1.5), "stack": stack, VARIATION.name: variation, NOISE.name: noise}
    return [
        Run(
            name,
            seed,
            overfitted(right + jitter * (1.5 if name == VARIATION.name else 1.0), loss + jitter / 2),
        )
        for seed, jitter in enumerate(JITTER[:n_seeds])
        for name, (right, loss) in ends.items()
    ]
