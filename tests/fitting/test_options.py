import pytest

from gmmaug_plugin.fitting.options import FitOptions, read_options
from gmmaug_plugin.mixtures.options import PCAOptions


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_image": 5}, TypeError, "Did you mean n_images"),
        ({"criterion": "bic"}, ValueError, 'option of model="pca"'),
        ({"model": "best"}, ValueError, "model must be one of"),
        ({"image_size": 8}, ValueError, "from 16 to 512. Received: 8"),
        ({"n_images": 0}, ValueError, "n_images must be a whole number"),
        ({"seed": -1}, ValueError, "seed must be a whole number"),
        ({"holdout": 0.9}, ValueError, "holdout must be"),
        ({"symmetry": "d4"}, ValueError, "symmetry must be one of"),
        ({"model": "pca", "color": True}, ValueError, "draws grayscale images only"),
    ],
)
def test_wrong_options_are_refused_with_what_is_allowed(given: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        read_options(given)


def test_a_recipe_chooses_its_own_mixture() -> None:
    options, mixture = read_options({"recipe": "seed", "n_images": None})
    assert (options.model, mixture) == ("pca", PCAOptions(recipe="seed"))


def test_auto_draws_as_many_images_as_photos_within_bounds() -> None:
    assert [FitOptions().images_of(n) for n in (3, 250, 5000)] == [100, 250, 1000]
    assert FitOptions(n_images=7).images_of(250) == 7
