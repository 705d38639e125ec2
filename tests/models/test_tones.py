"""The scale of brightness: grey levels and back, and how it stretches."""

import numpy as np

from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.multiscale.tones import (
    ROOM,
    TONE_STEP,
    WHITE,
    exact_tones,
    log_slope,
    round_tones,
    to_grey,
    to_tones,
)

ENGINE = NumpyEngine()
LEVELS = np.arange(256, dtype=np.uint8)


def test_every_grey_level_comes_back() -> None:
    np.testing.assert_array_equal(np.rint(to_grey(ENGINE, to_tones(ENGINE, LEVELS))), LEVELS)
    grey = np.linspace(0, 255, 4001)
    np.testing.assert_allclose(to_grey(ENGINE, exact_tones(ENGINE, grey)), grey, atol=1e-4)
    np.testing.assert_allclose(to_grey(ENGINE, to_tones(ENGINE, grey)), grey, atol=0.6 * TONE_STEP)


def test_tones_rise_with_grey_levels_and_are_grey_levels_in_the_middle() -> None:
    tones = exact_tones(ENGINE, np.linspace(0, 255, 4001))
    assert (np.diff(tones) > 0).all()
    assert np.diff(to_tones(ENGINE, LEVELS)).min() > 0.9
    middle = np.array([117.5, 127.5, 137.5])
    np.testing.assert_allclose(exact_tones(ENGINE, middle), middle, atol=0.05)


def test_black_and_white_are_alike() -> None:
    np.testing.assert_allclose(exact_tones(ENGINE, LEVELS) + exact_tones(ENGINE, LEVELS[::-1]), WHITE)


def test_tones_are_numbers_that_every_engine_has() -> None:
    tones = to_tones(ENGINE, LEVELS)
    assert tones.dtype == np.float32
    np.testing.assert_array_equal(tones / TONE_STEP, np.rint(tones / TONE_STEP))
    rounded = round_tones(ENGINE, np.array([0.4, 0.5, 1.5, -0.6]) * TONE_STEP)
    np.testing.assert_array_equal(rounded, np.array([0, 0, 2, -1], np.float32) * np.float32(TONE_STEP))


def test_the_slope_is_the_derivative() -> None:
    grey, step = np.linspace(0, 255, 501), 1e-4
    rise = exact_tones(ENGINE, grey + step) - exact_tones(ENGINE, grey - step)
    np.testing.assert_allclose(log_slope(grey), np.log(rise / (2 * step)), atol=1e-6)
    assert log_slope(np.array([127.5]))[0] == 0.0


def test_no_move_goes_far_beyond_black_and_white() -> None:
    """However far tones are moved: what is dark stays dark, and little is clipped."""
    far = to_grey(ENGINE, np.linspace(-1e6, 1e6, 1001))
    assert far.min() >= -ROOM
    assert far.max() <= WHITE + ROOM
    moved = to_grey(ENGINE, exact_tones(ENGINE, np.array([0.0, 127.5, 255.0])) + np.array([[-20], [20]]))
    assert (np.abs(moved[:, [0, 2]] - [0, 255]) < 2).all()
    assert (np.abs(moved[:, 1] - 127.5) > 19).all()
