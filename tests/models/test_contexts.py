"""What details are conditional on: an order that covers all positions, and never looks ahead."""

import numpy as np
import pytest

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.contexts import (
    N_CONTEXT,
    N_DETAILS,
    PHASES,
    Grids,
    contexts,
    contrasts,
    n_positions,
    take_phase,
)
from gmmaug_plugin.models.multiscale.layout import steps_of
from gmmaug_plugin.models.multiscale.multiscale_mixture import _assemble, vectors_at
from gmmaug_plugin.models.multiscale.pyramid import split
from gmmaug_plugin.models.multiscale.tones import round_tones

ENGINE = NumpyEngine()
SIZE = 8
COSETS = {"first": [(0, 0)], "second": [(1, 1)], "third": [(0, 1), (1, 0)]}
EARLIER = {"first": [], "second": ["first"], "third": ["first", "second"]}


@pytest.fixture
def images() -> np.ndarray:
    """Tones, in the steps that tones have: so all of this is exact."""
    return round_tones(ENGINE, np.random.default_rng(0).normal(100, 40, (3, 2 * SIZE, 2 * SIZE)))


def context_of(coarse: np.ndarray, details: tuple[np.ndarray, ...], phase: str) -> np.ndarray:
    return vectors_at(ENGINE, Grids(coarse), details, phase)[: N_CONTEXT[phase]]


def disturbed(details: tuple[np.ndarray, ...], phases: list[str]) -> tuple[np.ndarray, ...]:
    """Details with others at all positions of some phases."""
    changed = [one.copy() for one in details]
    rng = np.random.default_rng(1)
    for phase in phases:
        for row, column in COSETS[phase]:
            for one in changed:
                place = one[:, row::2, column::2]
                place[:] = rng.normal(0, 30, place.shape)
    return tuple(changed)


def test_the_phases_cover_every_position_once() -> None:
    every = np.arange(N_DETAILS * 2 * SIZE * SIZE, dtype=np.float32).reshape(N_DETAILS, 2, SIZE, SIZE)
    taken = {phase: take_phase(ENGINE, tuple(every), phase) for phase in PHASES}
    np.testing.assert_array_equal(
        np.sort(np.concatenate([one.ravel() for one in taken.values()])), every.ravel()
    )
    for phase, one in taken.items():
        assert one[0].size == 2 * n_positions(SIZE, phase)
    np.testing.assert_array_equal(_assemble(ENGINE, taken, SIZE), every)


@pytest.mark.parametrize("phase", PHASES)
def test_contexts_tell_nothing_of_their_own_phase_or_a_later_one(phase: str, images: np.ndarray) -> None:
    coarse, details = split(images)
    unknown = [one for one in PHASES if one not in EARLIER[phase]]
    np.testing.assert_array_equal(
        context_of(coarse, disturbed(details, unknown), phase), context_of(coarse, details, phase)
    )


@pytest.mark.parametrize(("phase", "earlier"), [(p, e) for p, found in EARLIER.items() for e in found])
def test_contexts_tell_of_the_phases_before_at_every_position(
    phase: str, earlier: str, images: np.ndarray
) -> None:
    coarse, details = split(images)
    changed = context_of(coarse, disturbed(details, [earlier]), phase) != context_of(coarse, details, phase)
    assert changed.any(axis=0).all()


def test_columns_of_the_third_phase_are_rows_of_the_transposed_image(images: np.ndarray) -> None:
    """Details and contexts: one mixture serves both halves."""
    coarse, details = split(images)
    coarse_across, details_across = split(np.ascontiguousarray(np.swapaxes(images, 1, 2)))
    found = vectors_at(ENGINE, Grids(coarse), details, "third")
    across = vectors_at(ENGINE, Grids(coarse_across), details_across, "third")
    half = found.shape[1] // 2
    np.testing.assert_array_equal(found[:, half:], across[:, :half])
    np.testing.assert_array_equal(found[:, :half], across[:, half:])


def kernels() -> np.ndarray:
    """The contrasts as 3 x 3 weights, (8, 9): what each makes of every pixel alone."""
    pixels = np.zeros((9, 6, 6), np.float32)
    for index in range(9):
        pixels[index, 1 + index // 3, 1 + index % 3] = 1
    return contrasts(ENGINE, pixels, 0, 0)[:, :, 1, 1]


def test_contrasts_are_blind_to_brightness_and_at_right_angles() -> None:
    found = kernels()
    np.testing.assert_array_equal(found.sum(axis=1), 0)
    gram = found @ found.T
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-7)
    assert np.all((np.diag(gram) > 0.5) & (np.diag(gram) < 1.6)), "lengths near 1"


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_plain_image_has_no_contrast_anywhere(row: int, column: int) -> None:
    plain = np.full((2, 8, 8), 131.25, np.float32)
    np.testing.assert_array_equal(contrasts(ENGINE, plain, row, column), 0)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 1)])
def test_contrasts_lie_around_their_own_position(row: int, column: int) -> None:
    """One bright pixel shows at the positions whose 3 x 3 neighbourhood holds it."""
    coarse = np.zeros((1, 8, 8), np.float32)
    coarse[0, 4, 3] = 1
    seen = {
        tuple(place) for place in np.argwhere((contrasts(ENGINE, coarse, row, column) != 0).any(axis=(0, 1)))
    }
    places = ((i, j) for i in range(4) for j in range(4))
    expected = {(i, j) for i, j in places if abs(2 * i + row - 4) <= 1 and abs(2 * j + column - 3) <= 1}
    assert seen == expected


def test_details_outside_the_image_count_as_none(images: np.ndarray) -> None:
    coarse, details = split(images)
    grids = Grids(coarse, take_phase(ENGINE, details, "first"), take_phase(ENGINE, details, "second"))
    second = contexts(ENGINE, grids, "second")[8:].reshape(2, 2, N_DETAILS, 3, 4, 4)
    np.testing.assert_array_equal(second[:, 1, :, :, :, -1], 0)
    np.testing.assert_array_equal(second[1, :, :, :, -1], 0)
    assert (second[:, :, :, :, :-1, :-1] != 0).all()
    third = contexts(ENGINE, grids, "third")[8:].reshape(4, N_DETAILS, 6, 4, 4)
    np.testing.assert_array_equal(third[1, :, :, :, -1], 0)
    np.testing.assert_array_equal(third[2, :, :, 0], 0)
    assert (third[:, :, :, 1:, :-1] != 0).all()


def test_noise_and_templates_have_a_place_for_every_position() -> None:
    """Columns and rows of a step are each other's inverse, and all steps together lack nothing."""
    steps = steps_of(32)
    numbers = np.arange(2 * steps[-1].end).reshape(2, -1)
    columns = [step.columns(ENGINE, numbers) for step in steps]
    rows = [step.rows(ENGINE, one) for step, one in zip(steps, columns, strict=True)]
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), numbers)
    for step, one in zip(steps, columns, strict=True):
        images = step.repeat(ENGINE, np.array([5.0, 7.0]))
        np.testing.assert_array_equal(images, np.where(one < steps[-1].end, 5.0, 7.0))
