import numpy as np
import pytest

from gmmaug_plugin.evaluation import manifolds
from gmmaug_plugin.evaluation.manifolds import coverage, measure_manifolds


def test_points_on_a_line_by_hand() -> None:
    """Members 0, 1, 3 with k = 1 have the radii 1, 1, 2: together they reach from -1 to 5."""
    members = np.array([[0.0], [1.0], [3.0]])
    points = np.array([[-1.1], [-1.0], [4.9], [5.1]])
    assert coverage(points, members, k=1) == 0.5
    assert coverage(points, members, k=2) == 1.0


def test_a_member_is_not_its_own_neighbour() -> None:
    assert coverage(np.array([[0.5]]), np.array([[0.0], [10.0]]), k=1) == 1.0


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points, members = rng.normal(size=(50, 4)), rng.normal(size=(40, 4))
    whole = coverage(points, members)
    monkeypatch.setattr(manifolds, "_ROWS", 7)
    assert 0 < whole < 1
    assert coverage(points, members) == whole


def test_precision_falls_for_strangers_and_recall_for_missing_kinds() -> None:
    rng = np.random.default_rng(0)
    kinds = np.array([[0.0, 0.0], [30.0, 0.0]])
    photos, reference = (kinds[np.arange(100) % 2] + rng.normal(size=(100, 2)) for _ in range(2))
    strangers = np.where(
        np.arange(100)[:, None] < 50, photos, np.array([15.0, 99.0]) + rng.normal(size=(100, 2))
    )
    one_kind = kinds[0] + rng.normal(size=(100, 2))
    for images, precision, recall in (
        (photos, True, True),
        (strangers, False, True),
        (one_kind, True, False),
    ):
        found = measure_manifolds(images, photos, reference)
        assert [one.name for one in found] == ["precision", "recall"]
        assert [one.good for one in found] == [precision, recall]
    assert found[1].value == pytest.approx(50, abs=5)


@pytest.mark.parametrize("k", [0, 3])
def test_the_neighbour_must_exist(k: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 2. Received: {k}"):
        coverage(np.zeros((2, 1)), np.zeros((3, 1)), k=k)
