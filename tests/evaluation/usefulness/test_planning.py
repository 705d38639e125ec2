import pytest

from gmmaug_plugin.evaluation.usefulness import default_steps, make_arms
from gmmaug_plugin.evaluation.usefulness.planning import Plan, Speed, make_plan

ARMS = make_arms([0.3, 0.5], [0.25, 0.5], [0.25])
SPEED = Speed(seconds_per_seed=2.0, seconds_per_step=0.01)
STEPS = 1000


def plan(seconds: float) -> Plan:
    return make_plan(ARMS, 5, STEPS, speed=SPEED, seconds=seconds)


def test_enough_time_leaves_nothing_out() -> None:
    assert plan(1e6) == Plan(ARMS, 5, STEPS)


def test_seeds_go_first_then_arms_from_the_last_then_the_second_seed_then_steps() -> None:
    enough = [SPEED.seconds(len(ARMS), seeds, STEPS) for seeds in (5, 4, 2)]
    assert [plan(seconds).n_seeds for seconds in enough] == [5, 4, 2]
    assert all(plan(seconds).arms == ARMS for seconds in enough)
    fewer = plan(enough[-1] * 0.8)
    assert fewer.arms == ARMS[: len(fewer.arms)]
    assert (4 <= len(fewer.arms) < len(ARMS), fewer.n_seeds, fewer.steps) == (True, 2, STEPS)
    one_seed = plan(SPEED.seconds(4, 1, STEPS))
    assert (one_seed.arms, one_seed.n_seeds, one_seed.steps) == (ARMS[:4], 1, STEPS)
    shortest = plan(SPEED.seconds(4, 1, STEPS) / 2)
    assert (shortest.arms, shortest.n_seeds) == (ARMS[:4], 1)
    assert shortest.steps < STEPS


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3, 0.7])
def test_plan_fits_the_time_and_tells_what_it_left_out(share: float) -> None:
    seconds = share * SPEED.seconds(len(ARMS), 5, STEPS)
    made = plan(seconds)
    assert SPEED.seconds(len(made.arms), made.n_seeds, made.steps) <= seconds
    told = " ".join(made.reductions)
    assert f"{made.n_seeds} of 5 seeds" in told
    assert all((arm.name in told) is (arm not in made.arms) for arm in ARMS[4:])
    assert ("steps" in told) is (made.steps < STEPS)


def test_control_and_stack_stay_and_no_variation_without_its_noise() -> None:
    for seconds in range(1, 400, 7):
        kept = plan(seconds).arms
        names = {arm.name for arm in kept}
        assert {arm.name for arm in ARMS[:4]} <= names
        assert all(arm.control in names for arm in kept if arm.control)


def test_default_steps_grow_with_the_photos() -> None:
    assert default_steps(250) == 3500
    assert default_steps(1000) == pytest.approx(6000, rel=0.01)
    assert default_steps(1) == 500
