import pytest

from gmmaug_plugin.evaluation.usefulness import make_arms


def test_every_wish_becomes_an_arm_that_knows_what_it_is_compared_with() -> None:
    arms = make_arms([0.3, 0.7], [0.25, 0.5], [0.25, 0.5])
    by_name = {arm.name: arm for arm in arms}
    assert len(by_name) == len(arms) == 2 + 2 * 3 + 2 * 2 + 1
    assert [arm.name for arm in arms[:2]] == ["nothing", "stack"]
    assert {(arm.stack, arm.strength, arm.ratio) for arm in arms if arm.added == "variation"} == {
        (stack, *pair) for stack in (False, True) for pair in ((0.3, 0.25), (0.7, 0.5))
    }
    for arm in arms[1:]:
        plain = arm.name == "stack" or not arm.stack
        assert arm.reference == ("nothing" if plain else "stack")
    controlled = [arm for arm in arms if arm.control]
    assert {arm.added for arm in controlled} == {"variation"}
    for arm in controlled:
        noise = by_name[arm.control]
        assert (noise.added, noise.strength, noise.ratio) == ("noise", arm.strength, arm.ratio)
    assert sum(arm.candidate for arm in arms) == 4


@pytest.mark.parametrize(
    ("strengths", "ratios", "synthesis_ratios"),
    [
        ([0.5], [0.5, 0.25], []),
        ([0.5, 0.5], [0.5, 0.5], []),
        ([], [], [0.5]),
        ([0.0], [0.5], []),
        ([1.5], [0.5], []),
        ([0.5], [1.5], []),
        ([0.5], [0.5], [1.0]),
        ([0.5], [0.5], [0.0]),
        ([0.5], [0.5], [0.25, 0.25]),
    ],
)
def test_impossible_wishes_are_refused(
    strengths: list[float], ratios: list[float], synthesis_ratios: list[float]
) -> None:
    with pytest.raises(ValueError, match="Received: "):
        make_arms(strengths, ratios, synthesis_ratios)
