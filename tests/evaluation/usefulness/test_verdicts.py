import json
import re

import pytest

from gmmaug_plugin.evaluation.usefulness import Arm, Run, Usefulness
from gmmaug_plugin.evaluation.usefulness.comparing import Difference
from tests.evaluation.usefulness.curves_by_hand import ARMS, NOISE, VARIATION, curve, overfitted, runs


def found(made: list[Run], arms: tuple[Arm, ...] = ARMS) -> Usefulness:
    return Usefulness({"photos_per_class": 50}, arms, tuple(made), ("To keep the budget: 3 of 5 seeds.",))


def test_a_gain_in_accuracy_over_stack_and_noise_is_a_yes() -> None:
    result = found(runs((0.54, 1.30)))
    assert result.helps is True
    assert result.verdict.startswith("Yes: ")
    assert VARIATION.name in result.verdict
    assert "+4.0 ± " in result.verdict
    assert result.best_variation_strength == VARIATION.strength


def test_a_gain_in_scaled_likelihood_at_no_loss_of_accuracy_is_a_yes() -> None:
    assert found(runs((0.50, 1.20))).helps is True


def test_a_gain_that_white_noise_gives_too_is_none() -> None:
    result = found(runs((0.54, 1.30), noise=(0.54, 1.30)))
    assert result.helps is False
    assert result.verdict.startswith("No: ")
    assert result.best_variation_strength is None


def test_a_gain_bought_with_a_loss_is_none() -> None:
    assert found(runs((0.47, 1.20))).helps is False
    assert found(runs((0.54, 1.40))).helps is False


def test_worse_is_a_no() -> None:
    result = found(runs((0.40, 1.45)))
    assert (result.helps, result.verdict[:3]) == (False, "No:")


def test_a_gain_that_one_scalar_gives_is_none() -> None:
    """Raw likelihood much better, scaled likelihood the same."""
    calm = curve([0.40, 0.48, 0.49, 0.50], [1.6, 1.0, 1.0, 1.0], nll_scaled=[1.6, 1.35, 1.32, 1.30])
    made = [
        Run(run.arm, run.seed, calm) if run.arm == VARIATION.name else run
        for run in runs((0.50, 1.30))
        if run.seed == 0
    ]
    made += [Run(run.arm, 1, run.curve) for run in made]
    assert found(made).helps is False


def test_a_gain_at_the_end_that_early_stopping_gives_too_is_none() -> None:
    """The stack's early stop has the likelihood that the variation has at the end."""
    nll = [1.6, 1.4, 1.6, 2.0]
    given = {
        "stack": curve([0.40, 0.50, 0.49, 0.48], nll, nll_scaled=[1.6, 1.20, 1.3, 1.40]),
        VARIATION.name: curve([0.40, 0.50, 0.50, 0.50], nll, nll_scaled=[1.6, 1.25, 1.22, 1.20]),
    }
    made = runs((0.50, 1.20), noise=(0.46, 1.4))
    assert found([Run(run.arm, run.seed, given.get(run.arm, run.curve)) for run in made]).helps is False


def test_less_accuracy_at_equal_likelihood_forbids_a_yes() -> None:
    made = runs((0.54, 1.30))
    low = curve([0.44, 0.54, 0.40, 0.40], [1.6, 1.3, 1.4, 2.0], nll_scaled=[1.6, 1.3, 1.3, 1.5])
    made = [Run(run.arm, run.seed, low) if run.arm == VARIATION.name else run for run in made]
    assert found(made).helps is not True


@pytest.mark.parametrize("gains", [(0.010, -0.004, 0.009), (0.011, 0.030)])
def test_a_gain_that_few_seeds_cannot_be_sure_of_is_not_settled(gains: tuple[float, ...]) -> None:
    """One standard error with three seeds; more than two with two, which say little about it."""
    ends = {VARIATION.name: gains, "stack": (0.0,) * len(gains)}
    made = [
        Run(run.arm, run.seed, overfitted(0.50 + ends[run.arm][run.seed], 1.3)) if run.arm in ends else run
        for run in runs((0.50, 1.30), noise=(0.40, 1.45), n_seeds=len(gains))
    ]
    result = found(made)
    assert result.helps is None
    assert result.verdict.startswith("Not settled: ")
    assert f"{len(gains)} seeds" in result.verdict
    assert result.best_variation_strength is None


def test_one_seed_settles_nothing() -> None:
    result = found(runs((0.60, 1.10), n_seeds=1))
    assert result.helps is None
    assert "one seed" in result.verdict


def test_a_stack_that_was_still_learning_settles_nothing() -> None:
    learning = curve([0.3, 0.4, 0.45, 0.5], [1.6, 1.5, 1.4, 1.3])
    made = [Run("stack", run.seed, learning) if run.arm == "stack" else run for run in runs((0.60, 1.10))]
    result = found(made)
    assert result.helps is None
    assert "more steps" in result.verdict


def test_a_candidate_without_its_control_is_not_judged() -> None:
    result = found([run for run in runs((0.60, 1.10)) if run.arm != NOISE.name])
    assert result.helps is None


def test_two_seeds_that_agree_by_chance_do_not_make_a_yes() -> None:
    """The standard error of one candidate is zero by chance; that of the others is not."""
    other = Arm("stack + other", True, "synthesis", 0.0, 0.25, "stack")
    lucky = Arm("stack + lucky", True, "synthesis", 0.0, 0.5, "stack")
    stack = [overfitted(0.5, 1.3)] * 2
    made = [Run("stack", seed, one) for seed, one in enumerate(stack)]
    made += [Run(other.name, seed, overfitted(0.42 + 0.06 * seed, 1.3)) for seed in range(2)]
    made += [Run(lucky.name, seed, overfitted(0.505, 1.3)) for seed in range(2)]
    assert found(made, (*ARMS[:2], other, lucky)).helps is False
    made = [run for run in made if run.arm != other.name]
    assert found(made, (*ARMS[:2], other, lucky)).helps is True


def test_differences_are_between_arms_of_one_seed() -> None:
    made = runs((0.54, 1.30))
    difference = found(made).comparison.difference(VARIATION.name, "stack", "accuracy", "end")
    assert difference.mean == pytest.approx(0.04)
    assert difference.standard_error == pytest.approx(0.002 / 3**0.5)
    missing = [run for run in made if (run.arm, run.seed) != ("stack", 1)]
    assert found(missing).comparison.difference(VARIATION.name, "stack", "accuracy", "end").n == 2


def test_standard_error_is_that_of_the_mean() -> None:
    difference = Difference.of([0.1, 0.2, 0.6])
    assert (difference.mean, difference.n) == (pytest.approx(0.3), 3)
    assert difference.standard_error == pytest.approx((0.14 / 2 / 3) ** 0.5)


def test_tables_tell_every_arm_in_every_reading() -> None:
    tables = found(runs((0.54, 1.25))).tables()
    assert len(tables) == 3
    for table in tables:
        assert [row[0] for row in table.rows] == [arm.name for arm in ARMS]
        assert {len(row) for row in table.rows} == {len(table.headings)}
        assert len(table.markdown().splitlines()) == 2 + len(ARMS)
    end = {row[0]: row for row in tables[1].rows}
    assert end["stack"][1:3] == ("3", "50.0")
    assert re.fullmatch(r"\+4\.0 ± 0\.\d", end[VARIATION.name][2])
    assert end[VARIATION.name][4].startswith("-0.050")


def test_a_study_that_was_stopped_has_tables_too() -> None:
    made = [
        run for run in runs((0.54, 1.25)) if run.arm != "nothing" and (run.arm, run.seed) != (NOISE.name, 2)
    ]
    rows = {row[0]: row for row in found(made).table("end").rows}
    assert {name: row[1] for name, row in rows.items()} == {
        "stack": "3",
        VARIATION.name: "3",
        NOISE.name: "2",
    }
    assert found([run for run in made if run.arm == VARIATION.name]).table(None).rows[0][2:] == ("", "", "")


def test_json_gives_everything_back() -> None:
    result = found(runs((0.54, 1.30)))
    values = json.loads(json.dumps(result.as_json(), allow_nan=False))
    again = Usefulness.from_json(values)
    assert again == result
    assert (again.verdict, again.helps) == (values["verdict"], values["helps"])
    assert values["best_variation_strength"] == 0.5
    assert again.tables() == result.tables()
