"""The report's own sentences."""

import math
from collections.abc import Sequence

from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.report.contents import Curve, Verdict
from gmmaug_plugin.images.files import printable

_CRITERIA = {"aic": "AIC", "bic": "BIC", "heldout": "held-out likelihood"}
SPACES = {
    "raw": (
        "Raw pixels",
        "Grey level against grey level: finds exact copies, but takes a copy that is only darker for new.",
    ),
    "contrast": (
        "Contrast-normalised",
        "Brightness and contrast are made equal first: finds copies that were lit differently.",
    ),
    "high_pass": (
        "High-pass",
        "Only edges and texture count: finds a photo's detail under a changed background.",
    ),
}
_COPIES = "copies_"
_MOST_NAMED = 6


def plural(n: int, noun: str) -> str:
    """Count a noun.

    Example:
        >>> plural(1, "photo"), plural(1200, "photo"), plural(2, "class")
        ('1 photo', '1,200 photos', '2 classes')
    """
    ending = "" if n == 1 else "es" if noun.endswith("s") else "s"
    return f"{n:,} {noun}{ending}"


def number(value: float) -> str:
    """Write a figure with three significant digits, never in powers of ten where it can be read.

    Example:
        >>> number(0.01234), number(12.345), number(4321.0), number(0.0), number(float("nan"))
        ('0.0123', '12.3', '4,321', '0', 'not a number')
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == 0 or 1e-4 <= abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}" if 100 <= abs(value) < 1e7 else f"{value:.2e}"


def with_unit(value: float, unit: str) -> str:
    """Write a figure with its unit.

    Example:
        >>> with_unit(3.4, "%"), with_unit(7.04, "bits per pixel"), with_unit(5.0, "")
        ('3.4%', '7.04 bits per pixel', '5')
    """
    if unit == "%" and math.isfinite(value):
        return f"{value:.1f}%"
    return f"{number(value)} {unit}".strip()


def percent(share: float) -> str:
    """Write a share, to two digits.

    Example:
        >>> percent(0.3456), percent(0.00821), percent(1e-9), percent(0.0), percent(0.9999)
        ('35%', '0.82%', 'under 0.1%', '0%', '100%')
    """
    if 0 < share < 0.001:
        return "under 0.1%"
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.2g}%"


def judge(measures: Sequence[Measure]) -> Verdict:
    """Sum the measures up in one sentence: copies first, likeness second."""
    copies = [measure for measure in measures if measure.name.startswith(_COPIES)]
    others = [measure for measure in measures if not measure.name.startswith(_COPIES)]
    caught = [measure for measure in copies if measure.good is False]
    if caught:
        worst = max(caught, key=lambda measure: measure.value)
        real = (
            "" if worst.real is None else f" (real photos of each other: {with_unit(worst.real, worst.unit)})"
        )
        share = with_unit(worst.value, worst.unit)
        return Verdict(
            "bad", f"This model copies: {share} of its samples are copies of training photos{real}."
        )
    if any(measure.good is None for measure in copies):
        return Verdict(
            "open",
            "So few photos show through in any blend of them, even that of one Gaussian: too few to say "
            "whether this model copies.",
        )
    if not copies:
        return Verdict(
            "open", "Copies were not measured, so nobody can say whether this model copies photos."
        )
    failed = [measure.title for measure in others if measure.good is False]
    honest = "This model copies no more than real photos resemble each other"
    if any(measure.real is not None and measure.value > measure.real for measure in copies):
        honest += ", but for what chance explains"
    judged = sum(measure.good is not None for measure in others)
    if failed:
        return Verdict("open", f"{honest}, but {_how_many(len(failed), judged)} its samples from photos.")
    if not judged:
        return Verdict("open", f"{honest}; whether its samples look like photos was not measured.")
    return Verdict("good", f"{honest}, and by every measure here its samples are as real photos are.")


def _how_many(failed: int, judged: int) -> str:
    if judged == 1:
        return "the only other measure tells"
    if failed == judged:
        return f"all {judged} other measures tell"
    return f"{failed} of {judged} other measures {'tells' if failed == 1 else 'tell'}"


def listed(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """List a few names and count the rest.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c"], 2)
        ('a', 'a, b and c', 'a, b and 1 more')
    """
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def about_photos(
    class_names: Sequence[str], n_photos: Sequence[int], n_held_back: int, n_skipped: int, image_size: int
) -> str:
    """Say what was fitted on."""
    classes = ""
    if class_names:
        counted = [f"{printable(name)} {n:,}" for name, n in zip(class_names, n_photos, strict=True)]
        classes = f" of {plural(len(class_names), 'class')} ({listed(counted)})"
    apart = f"; {plural(n_held_back, 'photo')} held back to measure on" if n_held_back else ""
    skipped = f"; {plural(n_skipped, 'file')} left out" if n_skipped else ""
    size = f"{image_size} x {image_size} pixels"
    return f"Fitted on {plural(sum(n_photos), 'photo')}{classes} at {size}{apart}{skipped}."


def about_components(counts: Sequence[int], curves: Sequence[Curve], choices: Sequence[str] = ()) -> str:
    """Say how many components there are, and why so many.

    Args:
        counts: Per class.
        curves: Of all classes.
        choices: The fit's own words, per class, such as "5 components by AIC"; empty if it has none.
    """
    if len(choices) == 1:
        return f"The model has {choices[0]}."
    if not counts:
        levels = [curve for curve in curves if curve.decides and curve.chosen is not None]
        each = [f"{curve.chosen} for {curve.class_name}" for curve in levels]
        return f"Components a mixture: {listed(each)}." if each else ""
    if len(counts) == 1:
        has = plural(counts[0], "component")
    elif min(counts) == max(counts):
        has = f"{plural(counts[0], 'component')} in each class"
    else:
        has = f"{min(counts)} to {max(counts)} components per class"
    deciding = [curve for curve in curves if curve.decides and len(curve.n_components) > 1]
    if not deciding:
        return f"The model has {has}; no other numbers were compared."
    tried = [k for curve in deciding for k in curve.n_components]
    return f"The model has {has}, chosen by {criterion(deciding[0])} among {min(tried)} to {max(tried)}."


def criterion(curve: Curve) -> str:
    """What a curve's criterion is called."""
    return _CRITERIA.get(curve.criterion, curve.criterion)


def about_copies(measures: Sequence[Measure]) -> str:
    """Say how much is copied, in all spaces, beside what real photos give."""
    copies = [measure for measure in measures if measure.name.startswith(_COPIES)]
    if not copies:
        return ""
    values = " / ".join(with_unit(measure.value, measure.unit) for measure in copies)
    reals = [measure.real for measure in copies if measure.real is not None]
    against = f"; among real photos {' / '.join(with_unit(real, '%') for real in reals)}" if reals else ""
    spaces = " / ".join(SPACES.get(m.name.removeprefix(_COPIES), (m.title,))[0].lower() for m in copies)
    return f"Copies among its samples ({spaces}): {values}{against}."


def about_strength(strength: float) -> str:
    """Say what a variation of this strength keeps."""
    if strength == 0:
        return "Strength 0: the photo itself"
    if strength == 1:
        return "Strength 1: nothing kept of the photo but its component"
    kept = f"{100 * (1 - strength) ** 0.5:.0f}%"
    return f"Strength {strength:g}: {kept} of what sets the photo apart is kept"


def about_criterion(curve: Curve) -> str:
    """Title of a criterion's chart."""
    name = criterion(curve)
    return f"{name[:1].upper()}{name[1:]}{' (decides)' if curve.decides else ''}"
