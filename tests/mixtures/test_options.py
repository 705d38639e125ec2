from typing import Any

import pytest

from gmmaug_plugin.mixtures.options import LocalOptions, PCAOptions


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (LocalOptions, "views", 0),
        (LocalOptions, "steps", 1),
        (LocalOptions, "strength", 0.03),
        (LocalOptions, "locality", -1),
        (LocalOptions, "bandwidth", float("nan")),
        (LocalOptions, "gain", 0.5),
        (LocalOptions, "detail", ()),
        (LocalOptions, "detail", 5),
        (PCAOptions, "n_components", 0),
        (PCAOptions, "n_components", "many"),
        (PCAOptions, "n_components", "1:9:0"),
        (PCAOptions, "criterion", "heldout"),
        (PCAOptions, "variance", 1.5),
        (PCAOptions, "variance", float("nan")),
        (PCAOptions, "recipe", "mine"),
    ],
)
def test_wrong_values_are_refused(options: Any, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*Received: ") as error:
        options(**{name: value})
    assert str(error.value).endswith(f"Received: {value!r}")


def test_detail_is_one_factor_or_one_for_each_side() -> None:
    assert LocalOptions(detail=1.5).detail_factors == (1.5,)
    assert LocalOptions(detail=(1.0, 1.5)).detail_factors == (1.0, 1.5)


@pytest.mark.parametrize(
    ("options", "n_photos", "numbers"),
    [
        (PCAOptions(), 39, (1,)),
        (PCAOptions(), 593, (1, 2, 3, 4, 6, 8, 11, 16, 23, 29)),
        (PCAOptions(recipe="seed"), 35, (1, 11, 21, 31)),
        (PCAOptions(n_components="1:600:10"), 25, (1, 11, 21)),
        (PCAOptions(n_components="7"), 25, (7,)),
        (PCAOptions(n_components=26), 25, ()),
    ],
)
def test_numbers_of_components_to_try(options: PCAOptions, n_photos: int, numbers: tuple[int, ...]) -> None:
    assert options.candidates(n_photos) == numbers


def test_auto_tries_128_components_at_most() -> None:
    assert PCAOptions().candidates(10**6)[-1] == 128
    assert PCAOptions(recipe="seed").candidates(10**6)[-1] == 591
