"""Images multiplied in bfloat16: where it is faster, within a grey level, and never when forbidden."""

from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import PART_COPIES, SYMMETRIES, Symmetry, part_shape
from gmmaug_plugin.tensorflow import precision
from gmmaug_plugin.tensorflow.engine import TensorFlowEngine
from gmmaug_plugin.tensorflow.precision import FEWEST_ROWS, in_bfloat16

SIZE = 32


def large_basis(symmetry: Symmetry) -> Basis:
    """As many dimensions as a part has values: images of contrast as photos have it."""
    rng = np.random.default_rng(0)
    shape = part_shape(symmetry, SIZE)
    rows = tuple(
        rng.integers(-127, 128, (FEWEST_ROWS, *shape)).astype(np.int8) for _ in PART_COPIES[symmetry]
    )
    scales = tuple(np.full(FEWEST_ROWS, 1 / 1400, np.float32) for _ in rows)
    return Basis(symmetry, np.full((SIZE, SIZE), 128, np.float32), rows, scales)


@pytest.fixture
def fast_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that says it multiplies bfloat16; any other does so too, only slower."""
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags\t\t: fpu avx512_bf16 amx_bf16\n")
    monkeypatch.setattr(precision, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("GMMAUG_BFLOAT16", raising=False)
    precision._processor_is_faster.cache_clear()
    yield
    precision._processor_is_faster.cache_clear()


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.usefixtures("fast_processor")
def test_bfloat16_moves_pixels_by_a_grey_level_at_most(symmetry: Symmetry, monkeypatch) -> None:
    basis = large_basis(symmetry)
    codes = np.random.default_rng(1).normal(0, 60, (40, basis.n_dimensions))
    exact = basis.draw(NumpyEngine(), codes)
    assert 25 < exact.std() < 80
    rounded = basis.draw(TensorFlowEngine(), codes).numpy()
    difference = np.abs(exact.astype(int) - rounded)
    assert difference.max() == 1
    assert difference.mean() < 0.15
    monkeypatch.setenv("GMMAUG_BFLOAT16", "0")
    np.testing.assert_array_equal(basis.draw(TensorFlowEngine(), codes).numpy(), exact)


@pytest.mark.usefixtures("fast_processor")
def test_the_switch_decides_and_auto_looks_at_size_and_processor(tmp_path: Path, monkeypatch) -> None:
    assert in_bfloat16(FEWEST_ROWS)
    assert not in_bfloat16(FEWEST_ROWS - 1)
    monkeypatch.setenv("GMMAUG_BFLOAT16", "1")
    assert in_bfloat16(1)
    monkeypatch.setenv("GMMAUG_BFLOAT16", "0")
    assert not in_bfloat16(4096)
    monkeypatch.setenv("GMMAUG_BFLOAT16", "auto")
    precision._processor_is_faster.cache_clear()
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2\n")
    assert not in_bfloat16(4096)
    precision._processor_is_faster.cache_clear()
    (tmp_path / "cpuinfo").unlink()
    assert not in_bfloat16(4096)


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GMMAUG_BFLOAT16", "yes")
    with pytest.raises(ValueError, match=r"must be 0, 1 or auto\. Received: 'yes'"):
        in_bfloat16(10)
