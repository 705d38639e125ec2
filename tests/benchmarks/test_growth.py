import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import growth
from benchmarks.growth import numbers_of_photos, slope

ROOT = Path(__file__).resolve().parents[2]


@given(st.floats(-2, 3), st.floats(0.1, 10))
def test_the_slope_of_a_power_is_its_exponent(exponent: float, factor: float) -> None:
    n = [1000, 2000, 5000, 100_000]
    assert slope(n, [factor * one**exponent for one in n]) == pytest.approx(exponent, abs=1e-6)


def test_one_number_of_photos_has_no_slope() -> None:
    assert slope([10, 10], [1.0, 2.0]) is None
    assert slope([], []) is None


def test_numbers_of_photos_run_from_least_to_most() -> None:
    assert numbers_of_photos(1000, 100_000) == [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000]
    assert numbers_of_photos(30, 70) == [30, 50, 70]


def test_more_photos_keep_the_first_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "BLOCK", 2)
    growth.draw_into(tmp_path / "three.npy", 3, 16)
    growth.draw_into(tmp_path / "five.npy", 5, 16)
    growth.write_prefix(tmp_path / "five.npy", tmp_path / "prefix.npy", 3)
    three, five, prefix = (np.load(tmp_path / f"{name}.npy") for name in ("three", "five", "prefix"))
    np.testing.assert_array_equal(prefix, three)
    assert len(np.unique(five.reshape(5, -1), axis=0)) == 5


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux only")
def test_fits_are_measured_apart_and_drawn(tmp_path: Path) -> None:
    options = ["--least", "20", "--most", "24", "--image-size", "32", "--kinds", "pca"]
    files = ["--json", str(tmp_path / "growth.json"), "--svg", str(tmp_path / "growth.svg")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", *options, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "growth.json").read_text())
    assert [one["n"] for one in found["fits"]] == [20, 24]
    for one in found["fits"]:
        assert one["seconds"] > 0
        assert 0 < one["at_first_mb"] <= one["anonymous_mb"] <= one["resident_mb"]
    assert set(found["slopes"]["pca"]) == {"seconds", "anonymous_mb"}
    assert "slope" in (tmp_path / "growth.svg").read_text()
