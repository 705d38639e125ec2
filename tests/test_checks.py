import numpy as np
import pytest

from gmmaug_plugin.checks import image_stack, one_of, real_number, seed_entropy, whole_number


@pytest.mark.parametrize("value", [True, 2.0, "3", 1, 6, None])
def test_whole_numbers_within_bounds_only(value: object) -> None:
    with pytest.raises(ValueError, match=rf"^n must be a whole number, from 2 to 5\. Received: {value!r}$"):
        whole_number("n", value, 2, 5)
    assert whole_number("n", np.int64(5), 2, 5) == 5


@pytest.mark.parametrize("value", [False, "0.1", -0.1, 0.6, float("nan")])
def test_numbers_within_bounds_only(value: object) -> None:
    with pytest.raises(ValueError, match=rf"^share must be a number from 0 to 0\.5\. Received: {value!r}$"):
        real_number("share", value, 0, 0.5)
    assert real_number("share", np.float32(0.5), 0, 0.5) == 0.5


def test_allowed_values_are_named() -> None:
    one_of("codec", "png", ["png", "jpeg"])
    with pytest.raises(ValueError, match=r"codec must be one of \['png', 'jpeg'\]\. Received: 'gif'"):
        one_of("codec", "gif", ["png", "jpeg"])


def test_different_seeds_have_different_entropy() -> None:
    seeds = [0, 1, [1], [1, 0], [0, 1]]
    states = [np.random.SeedSequence(seed_entropy(seed)).generate_state(1)[0] for seed in seeds]
    assert len(set(states)) == len(seeds)


@pytest.mark.parametrize("shape", [(8, 8), (0, 8, 8), (2, 0, 8), (2, 8, 8, 1), (2, 8, 8, 4)])
def test_stacks_of_images_have_three_dimensions_or_three_channels(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images must be .* Received: shape"):
        image_stack("images", np.zeros(shape, np.uint8))
    image_stack("images", np.zeros((1, 8, 9), np.uint8))
    image_stack("images", np.zeros((1, 8, 9, 3), np.uint8))


def test_images_are_bytes() -> None:
    with pytest.raises(TypeError, match=r"images must be a uint8 array\. Received: float32"):
        image_stack("images", np.zeros((1, 8, 8), np.float32))
