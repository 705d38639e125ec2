"""The verdict: yes only for a sure gain that neither stopping early nor one scalar gives as well."""

import json

import pytest

from gmmaug_plugin.evaluation.usefulness import Arm, Point, Run, Usefulness

PHOTOS, QUARTER, HALF, ALONE = ARMS = (
    Arm("photos", 0.0),
    Arm("photos + 25% pool", 0.25),
    Arm("photos + 50% pool", 0.5),
    Arm("pool alone", 1.0),
)
OFFSETS = (-0.002, 0.0, 0.002)
"""Of the three seeds, and nearly the same for all arms: these are pairs."""


def run(arm: Arm, seed: int, accuracy: float, scaled: float, *, turned: bool = True) -> Run:
    """A curve that ends with these figures and stopped early with nearly the same."""
    losses = (1.5, 1.0, 1.3) if turned else (1.5, 1.3, 1.0)
    shift = OFFSETS[seed] * (1 + 0.1 * arm.ratio)
    points = [
        Point(step, accuracy + shift - gap, 2 * scaled, scaled + shift + gap, 2.0, loss)
        for step, gap, loss in zip((100, 200, 300), (0.1, 0.001, 0.0), losses, strict=True)
    ]
    return Run(arm.name, seed, tuple(points))


def found(quarter: tuple[float, float], half: tuple[float, float] = (0.5, 1.3), n: int = 3) -> Usefulness:
    ends = {PHOTOS: (0.5, 1.3), QUARTER: quarter, HALF: half, ALONE: (0.45, 1.4)}
    runs = [run(arm, seed, *end) for seed in range(n) for arm, end in ends.items()]
    return Usefulness({"steps": 300}, ARMS, tuple(runs))


@pytest.mark.parametrize("end", [(0.54, 1.30), (0.50, 1.20), (0.54, 1.2)])
def test_a_gain_at_no_loss_is_a_yes(end: tuple[float, float]) -> None:
    result = found(end)
    assert result.helps is True
    assert result.verdict.startswith('Beside the photos: Yes: "photos + 25% pool" changed the accuracy by +')


@pytest.mark.parametrize("end", [(0.50, 1.30), (0.40, 1.45), (0.47, 1.20), (0.54, 1.40)])
def test_no_gain_or_one_bought_with_a_loss_is_a_no(end: tuple[float, float]) -> None:
    result = found(end, half=(0.45, 1.35))
    assert result.helps is False
    assert "No: no ratio helped on top of the standard stack" in result.verdict


def test_a_gain_at_the_end_that_stopping_early_gives_too_is_none() -> None:
    result = found((0.50, 1.20), half=(0.45, 1.35))
    early = [
        Run(one.arm, one.seed, (one.points[0], Point(200, 0.5, 2.0, 1.15, 2.0, 1.0), one.points[2]))
        if one.arm == PHOTOS.name
        else one
        for one in result.runs
    ]
    assert Usefulness({}, ARMS, tuple(early)).helps is False


@pytest.mark.parametrize(
    ("gains", "helps"),
    [
        ((0.010, -0.004, 0.009), None),  # 1.1 standard errors
        ((0.010, 0.004, 0.009), None),  # 4.1: enough for many seeds, not for three
        ((0.010, 0.006, 0.009), True),  # 7
        ((0.010, -0.009, 0.003), False),  # 0.2
        ((0.010, 0.008), None),  # 9, but two seeds
    ],
)
def test_few_seeds_take_large_gains(gains: tuple[float, ...], helps: bool | None) -> None:
    runs = [
        run(arm, seed, 0.5 - OFFSETS[seed] * (1 + 0.1 * arm.ratio) + gain * (arm is QUARTER), 1.3)
        for seed, gain in enumerate(gains)
        for arm in (PHOTOS, QUARTER)
    ]
    result = Usefulness({}, ARMS[:2], tuple(runs))
    assert result.helps is helps
    assert (f"too little for {len(gains)} seeds" in result.verdict) is (helps is None)


def test_a_standard_error_takes_two_seeds() -> None:
    assert found((0.54, 1.2), n=1).verdict.startswith("Beside the photos: Not settled: two seeds of")
    assert Usefulness({}, ARMS, ()).helps is None


def test_photos_that_were_still_learning_settle_nothing() -> None:
    runs = [run(arm, seed, 0.5, 1.3, turned=False) for seed in range(3) for arm in ARMS]
    result = Usefulness({}, ARMS, tuple(runs))
    assert result.helps is None
    assert "still falling at the end of 3 trainings" in result.verdict


def test_the_pool_alone_is_given_as_a_share_of_the_photos_accuracy() -> None:
    result = found((0.5, 1.3))
    assert result.stand_in() == pytest.approx([0.9] * 3, abs=0.001)
    assert "the classifier reached 0.90 ± 0.00 of the accuracy that the photos give" in result.verdict


def test_tables_show_photos_as_they_are_and_other_arms_by_difference() -> None:
    result = found((0.54, 1.25))
    end, early = result.tables()
    assert end.rows[0] == ("photos", "3", "50.0", "2.600", "1.300")
    assert end.rows[1][:3] == ("photos + 25% pool", "3", "+4.0 ± 0.0")
    assert end.rows[1][4] == "-0.050 ± 0.000"
    assert early.title == "Read at the lowest validation loss"
    assert early.rows[0][2] == "49.9"
    values = json.loads(json.dumps(result.as_json()))
    assert [Point(**one) for one in values["runs"][0]["points"]] == list(result.runs[0].points)
    assert tuple(Arm(**arm) for arm in values["arms"]) == ARMS
