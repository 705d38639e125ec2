"""What the study compares: ways to feed a classifier."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gmmaug_plugin.mixing import check_ratio, check_share, strength_range

Added = Literal["", "smoothing", "synthesis", "variation", "noise"]

NOTHING = "nothing"
STACK = "stack"
SMOOTHING = 0.1
"""Share of the target spread over all classes (C. Szegedy et al., CVPR 2016, section 7, there 0.1 too)."""


@dataclass(frozen=True)
class Arm:
    """One way to feed the classifier.

    Attributes:
        name: Unique, for people too.
        stack: Whether every image goes through the standard stack of flips, shifts and so on.
        added: What is added: nothing, label smoothing, synthetic images in the place of photos, photos
            varied, or photos with white noise.
        strength: Of variation; of noise that of the variation whose energy it has. Zero for the others.
        ratio: Share of a batch that is synthetic, varied or noisy.
        reference: Name of the arm it is compared with; empty for the first.
        control: Name of the arm with white noise of equal energy; empty for none.
    """

    name: str
    stack: bool = False
    added: Added = ""
    strength: float = 0.0
    ratio: float = 0.0
    reference: str = ""
    control: str = ""

    @property
    def candidate(self) -> bool:
        """Whether the verdict is about it: what the model makes, on top of the stack."""
        return self.stack and self.added in ("synthesis", "variation")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def make_arms(
    strengths: Sequence[float], ratios: Sequence[float], synthesis_ratios: Sequence[float]
) -> tuple[Arm, ...]:
    """Arms in order of importance: the last is the first to go where time is short.

    Args:
        strengths: Of variation, in (0, 1].
        ratios: Share of the batch that is varied, in (0, 1], one for every strength.
        synthesis_ratios: Share of the batch that is synthetic, in (0, 1).

    Raises:
        ValueError: A value is out of range, twice the same, or the lists of strengths and ratios differ
            in length.

    Example:
        >>> [arm.name for arm in make_arms([0.5], [0.5], [0.25])][:4]
        ['nothing', 'stack', 'stack + variation 0.5, half', 'stack + noise like variation 0.5, half']
    """
    _check_lists(strengths, ratios, synthesis_ratios)
    varied = [
        (f"variation {strength:g}, {_share(ratio)}", strength, ratio)
        for strength, ratio in zip(strengths, ratios, strict=True)
    ]
    synthetic = [(f"synthesis, {_share(ratio)}", ratio) for ratio in synthesis_ratios]
    arms = [Arm(NOTHING), Arm(STACK, stack=True, reference=NOTHING)]
    for about, strength, ratio in varied:
        noise = f"{STACK} + noise like {about}"
        arms.append(Arm(f"{STACK} + {about}", True, "variation", strength, ratio, STACK, noise))
        arms.append(Arm(noise, True, "noise", strength, ratio, STACK))
    stacked = [Arm(f"{STACK} + {about}", True, "synthesis", 0.0, ratio, STACK) for about, ratio in synthetic]
    smoothed = Arm(f"{STACK} + label smoothing", True, "smoothing", reference=STACK)
    arms += [*stacked[:1], smoothed, *stacked[1:]]
    arms += [Arm(about, False, "variation", strength, ratio, NOTHING) for about, strength, ratio in varied]
    arms += [Arm(about, False, "synthesis", 0.0, ratio, NOTHING) for about, ratio in synthetic]
    return tuple(arms)


def _check_lists(
    strengths: Sequence[float], ratios: Sequence[float], synthesis_ratios: Sequence[float]
) -> None:
    pairs = list(zip(strengths, ratios, strict=False))
    if not pairs or len(strengths) != len(ratios) or len(set(pairs)) < len(pairs):
        raise ValueError(
            "strengths and ratios must be pairs, at least one and no two equal. "
            f"Received: strengths={list(strengths)}, ratios={list(ratios)}"
        )
    for strength, ratio in pairs:
        strength_range(strength)
        check_share(ratio, "vary")
        if not (strength > 0.0 and ratio > 0.0):
            raise ValueError(
                f"strengths and ratios must be above 0. Received: strength={strength}, ratio={ratio}"
            )
    for ratio in synthesis_ratios:
        check_ratio(ratio)
    if not all(synthesis_ratios) or len(set(synthesis_ratios)) < len(synthesis_ratios):
        raise ValueError(
            "synthesis_ratios must be above 0, and no two equal. "
            f"Received: synthesis_ratios={list(synthesis_ratios)}"
        )


def _share(ratio: float) -> str:
    names = {0.25: "a quarter", 0.5: "half", 0.75: "three quarters", 1.0: "all"}
    return names.get(ratio, f"{100 * ratio:.3g}%")
