"""The report's own sentences."""

from dataclasses import replace

import pytest

from gmmaug_plugin.evaluation.measures import Measure
from gmmaug_plugin.evaluation.report.contents import Curve
from gmmaug_plugin.evaluation.report.wording import about_components, judge


def measure(name: str, good: bool | None, value: float = 1.0) -> Measure:
    return Measure(name, name, value, 2.4, "%", good, "", "")


@pytest.mark.parametrize(
    ("measures", "tone", "words"),
    [
        ([], "open", "Copies were not measured"),
        ([measure("recall", True)], "open", "Copies were not measured"),
        ([measure("copies_raw", None)], "open", "So few photos show through"),
        ([measure("copies_raw", None), measure("copies_contrast", False)], "bad", "This model copies"),
        ([measure("copies_raw", True)], "open", "not measured"),
        ([measure("copies_raw", True), measure("recall", None)], "open", "not measured"),
        ([measure("copies_raw", True), measure("recall", True)], "good", "as real photos are"),
        ([measure("copies_raw", True), measure("recall", False)], "open", "the only other measure tells"),
        (
            [measure("copies_raw", True), measure("recall", False), measure("precision", True)],
            "open",
            "1 of 2 other measures tells",
        ),
        (
            [
                measure("copies_raw", False, 5),
                measure("copies_high_pass", False, 72),
                measure("recall", True),
            ],
            "bad",
            "This model copies: 72.0% of its samples",
        ),
    ],
)
def test_the_verdict_puts_copies_first(measures: list[Measure], tone: str, words: str) -> None:
    verdict = judge(measures)
    assert verdict.tone == tone
    assert words in verdict.sentence


def test_the_choice_is_told_in_the_words_of_the_fit_where_it_has_any() -> None:
    curve = Curve("a", "heldout", (1, 5, 10), (3.0, 2.0, 1.0), (0.1, 0.1, 0.1), 10, 10, decides=True)
    aic = replace(curve, criterion="aic", n_components=(1, 90), values=(1.0, 2.0), decides=False)
    told = "The model has 2 to 5 components per class, chosen by held-out likelihood among 1 to 10."
    assert about_components([2, 5], [curve, aic, replace(curve, class_name="b")], ["x", "y"]) == told
    assert about_components([4, 4], [curve]).startswith("The model has 4 components in each class, chosen")
    words = "10 components by held-out likelihood (AIC agrees, BIC 1)"
    assert about_components([10], [curve, aic], [words]) == f"The model has {words}."
    single = replace(curve, n_components=(7,), values=(1.0,), best=7)
    assert about_components([7], [single]) == "The model has 7 components; no other numbers were compared."
    assert about_components([], []) == ""


def test_more_copies_than_real_photos_within_chance_are_told_as_that() -> None:
    few = replace(measure("copies_raw", True), value=1.0, real=1.2)
    assert "chance" not in judge([few]).sentence
    assert "but for what chance explains" in judge([replace(few, value=1.6)]).sentence
