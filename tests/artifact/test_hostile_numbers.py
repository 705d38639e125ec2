"""Numbers that are finite one by one and make no finite images or densities together."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin import load_model
from gmmaug_plugin.models.multiscale.tones import FARTHEST_TONE
from reliability.fuzzing.parts import Parts
from tests.artifact.hostile import parts_of, refused, refused_or_sound, write

Tensors = dict[str, np.ndarray]


def nearly_parallel(tensors: Tensors) -> None:
    """Factor rows so long and so alike that float64 cannot tell the covariance from a singular one."""
    rows = tensors["factors"]
    rows[:] = np.float32(1e4)
    tensors["variances"][:] = 1e-38


def repeat_a_row(tensors: Tensors) -> None:
    tensors["basis.mixed"][1] = tensors["basis.mixed"][0]


def many_rows(tensors: Tensors) -> None:
    q = tensors["factors"].shape[1]
    tensors["factors"] = np.ones((2 * q + 1, q), np.float32)
    tensors["factor_offsets"][1:] = 2 * q + 1


def set_all(name: str, value: float) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        tensors[name][:] = value

    return change


CHANGES = [
    ("pca", nearly_parallel, "finite inverses|within 1e"),
    ("pca", repeat_a_row, "rows of the basis must be independent"),
    ("pca", many_rows, "as many factor rows as dimensions"),
    ("pca", set_all("means", 3e38), "within 1e"),
    ("pca", set_all("variances", 0.0), "variances must be positive"),
    ("pca", set_all("variances", -1.0), "variances must be positive"),
    ("multiscale", set_all("variances", -1.0), "variances must be positive"),
    ("pca", set_all("variances", 3e38), "within 1e"),
    ("pca", set_all("factors", 3e38), "finite inverses|within 1e"),
    ("pca", set_all("basis_scale.mixed", 3e38), "within 1e"),
    ("pca", set_all("mean", -3e38), "within 1e"),
    ("pca, templates", set_all("template_scales", 1e30), "within 1e"),
    ("multiscale", set_all("means", 3e38), "within 1e"),
    ("multiscale", set_all("variances", 3e38), "within 1e"),
    ("multiscale", set_all("details.16.first.means", 3e38), "must make finite densities"),
]


@pytest.mark.parametrize(("kind", "change", "message"), CHANGES)
def test_numbers_that_float32_or_float64_cannot_work_with_are_refused(
    tmp_path: Path, kind: str, change: Callable[[Tensors], None], message: str
) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of(kind)
    change(parts.tensors)
    path.write_bytes(parts.to_bytes())
    refused(path, message)


@pytest.mark.parametrize("variance", [5e-324, 1e-31, 1e31, 1.7e308])
def test_noise_that_scores_could_not_be_told_of_is_refused(tmp_path: Path, variance: float) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of("pca")
    parts.document["noise_variance"] = variance
    path.write_bytes(parts.to_bytes())
    refused(path, "noise_variance must be a positive number")


def steep(parts: Parts) -> None:
    """Details a thousand times as far from zero as their contexts, in every phase of every level."""
    for name, roots in parts.tensors.items():
        if name.endswith("roots"):
            width = 11 if roots.shape[1] == 66 else 23
            rows, columns = np.tril_indices(width)
            roots[:] = np.where(rows == columns, 1.0, 0.0)
            roots[:, (rows >= width - 3) & (columns < width - 3)] = 1e3


def test_details_that_grow_from_level_to_level_end_somewhere(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of("multiscale")
    steep(parts)
    path.write_bytes(parts.to_bytes())
    assert refused_or_sound(path) is not None


def test_the_end_of_tones_is_far_beyond_white() -> None:
    """Grey levels of 254.99… and of white are one byte long before."""
    from gmmaug_plugin.models.engine import NumpyEngine
    from gmmaug_plugin.models.multiscale.tones import round_tones, to_grey, to_tones

    engine = NumpyEngine()
    ends = to_tones(engine, np.array([0.0, 255.0], np.float32))
    assert np.abs(ends).max() < FARTHEST_TONE / 50
    far = np.array([-1e300, -FARTHEST_TONE, 5.0, FARTHEST_TONE, 1e300])
    np.testing.assert_array_equal(
        round_tones(engine, far), np.array([-1, -1, 5 / FARTHEST_TONE, 1, 1]) * FARTHEST_TONE
    )
    assert np.isfinite(to_grey(engine, round_tones(engine, far))).all()


def test_a_table_of_classes_and_components_that_no_memory_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    write("pca", path)
    monkeypatch.setattr("gmmaug_plugin.artifact.shared.MAX_TABLE", 5)
    refused(path, "'weights' must have 1 to 2 rows")
    monkeypatch.setattr("gmmaug_plugin.artifact.shared.MAX_TABLE", 6)
    assert load_model(path).n_components == 3
