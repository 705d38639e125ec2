"""The form of every measure: a figure of images, and the same figure of real photos."""

from dataclasses import asdict, dataclass
from typing import Any

SLACK_DISTANCE = 2.0  # good up to this many times the real figure, which other photos rarely exceed


def judge_distance(value: float, real: float) -> tuple[bool, str]:
    """Whether a distance is at most twice that between photos, and the comparison in words."""
    if value <= SLACK_DISTANCE * real:
        return True, "like the photos"
    return False, f"{value / max(real, 1e-9):.2g} times as different from photos as photos from each other"


@dataclass(frozen=True)
class Measure:
    """One figure of images, and the same figure of real photos.

    Attributes:
        name: Stable key, for example ``"copies_raw"``, ``"sliced_wasserstein_128"`` or ``"recall"``.
        title: Name for people, for example "Copies, raw pixels".
        value: The figure of the images, in ``unit``: 3.4 for 3.4 %.
        real: The same figure of real photos compared with real photos.
        unit: "%", "gray levels"; empty for a plain number.
        good: Whether the value is within the documented slack of the real figure; None if it is not judged.
        verdict: One plain sentence for readers who do not know the measure.
        source: Paper, section and equation.
    """

    name: str
    title: str
    value: float
    real: float
    unit: str
    good: bool | None
    verdict: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The measure as plain JSON values, rounded to four significant figures.

        Example:
            >>> Measure("recall", "Recall", 71.23456, 80.0, "%", None, "…", "…").as_json()["value"]
            71.23
        """
        return {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
