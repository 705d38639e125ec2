"""A fit that is stopped anywhere goes on from its finished parts, and ends in the same bytes."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gmmaug_plugin import fit
from gmmaug_plugin.artifact import ArtifactError
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.fitting import parts as parts_module
from gmmaug_plugin.fitting import trial as trial_module
from gmmaug_plugin.fitting.part_files import read_part, write_part
from gmmaug_plugin.fitting.parts import Parts
from gmmaug_plugin.fitting.selection import CopiesError
from gmmaug_plugin.images.cache import cache_info, clear_cache, unfinished_fits

Flowers = tuple[np.ndarray, np.ndarray]

FITS: dict[str, dict[str, Any]] = {
    "multiscale": {"n_components": [1, 2], "image_size": 32, "max_iter": 2},
    "details of classes, held out": {
        "sharing": "none",
        "criterion": "heldout",
        "n_components": [1, 2],
        "image_size": 32,
        "templates": 3,
    },
    "pca": {"model": "pca", "variance": 6, "n_components": [1, 2], "n_init": 2, "allow_copies": True},
    "pca, held out": {
        "model": "pca",
        "variance": 6,
        "criterion": "heldout",
        "n_components": [1, 2],
        "allow_copies": True,
        "templates": 3,
    },
    "seed": {"recipe": "seed", "n_components": [1, 2, 3], "allow_copies": True, "holdout": 0.0},
}


@pytest.fixture(scope="module")
def flowers() -> Flowers:
    images, labels, _ = make_flowers(60, image_size=32, n_classes=2, random_state=0)
    return images, labels


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test, in which fits keep their parts from the first second on."""
    monkeypatch.setenv("GMMAUG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(parts_module, "KEPT_AFTER", 0.0)
    return tmp_path / "cache"


def as_bytes(folder: Path, flowers: Flowers, **options: Any) -> bytes:
    fit(*flowers, quiet=True, **options).save(folder / "model.safetensors")
    return (folder / "model.safetensors").read_bytes()


class Stop(BaseException):
    """Stands for whatever ends a process."""


def stopping_after(n_parts: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let fits end after so many parts have been written; names of all that are, in order."""
    written: list[str] = []

    def write(path: Path, value: object) -> int:
        if len(written) == n_parts:
            raise Stop
        written.append(path.stem)
        return write_part(path, value)

    monkeypatch.setattr(parts_module, "write_part", write)
    return written


@pytest.mark.parametrize("name", FITS)
def test_a_stopped_fit_goes_on_and_ends_in_the_same_bytes(
    name: str, flowers: Flowers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = FITS[name]
    every = stopping_after(10**6, monkeypatch)
    whole = as_bytes(tmp_path, flowers, **options)
    assert len(every) == len(set(every)), "every part has a name of its own"
    assert cache_info().n_unfinished == 0, "what has ended well keeps nothing"
    for n_before in (len(every) // 2, len(every) - 1)[: 2 if len(every) < 30 else 1]:
        stopping_after(n_before, monkeypatch)
        with pytest.raises(Stop):
            fit(*flowers, quiet=True, **options)
        (left,) = unfinished_fits().iterdir()
        kept = {path.stem for path in left.iterdir()}
        assert len(kept) == n_before
        again = stopping_after(10**6, monkeypatch)
        assert as_bytes(tmp_path, flowers, resume=True, **options) == whole
        assert kept.isdisjoint(again), "nothing that was finished is done again"
        assert kept | set(again) == set(every)
        assert cache_info().n_unfinished == 0


@pytest.fixture
def stopped(flowers: Flowers, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a fit of a PCA mixture left that was stopped before its last part."""
    every = stopping_after(10**6, monkeypatch)
    fit(*flowers, quiet=True, **FITS["pca"])
    stopping_after(len(every) - 1, monkeypatch)
    with pytest.raises(Stop):
        fit(*flowers, quiet=True, **FITS["pca"])
    (folder,) = unfinished_fits().iterdir()
    return folder


@pytest.mark.parametrize(
    "damage",
    [
        lambda contents: b"",
        lambda contents: contents[: len(contents) // 2],
        lambda contents: contents[:-1] + bytes([contents[-1] ^ 1]),
        lambda contents: b"\x80\x04]\x94." + contents,
    ],
    ids=["empty", "truncated", "a bit flipped", "something else"],
)
def test_damaged_parts_are_done_again(
    damage: Callable[[bytes], bytes],
    stopped: Path,
    flowers: Flowers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path in stopped.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    n_damaged = len(list(stopped.iterdir()))
    again = stopping_after(10**6, monkeypatch)
    resumed = as_bytes(tmp_path, flowers, resume=True, **FITS["pca"])
    assert len(again) == n_damaged + 1
    assert resumed == as_bytes(tmp_path, flowers, **FITS["pca"])


def test_parts_are_for_the_same_photos_in_the_same_order_with_the_same_options(
    stopped: Path, flowers: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = flowers
    order = np.random.default_rng(0).permutation(len(images))
    one_pixel = images.copy()
    one_pixel[0, 0, 0] ^= 1
    others: list[tuple[Flowers, dict[str, Any]]] = [
        ((images[order], labels[order]), {}),
        ((images, 1 - labels), {}),
        ((one_pixel, labels), {}),
        (flowers, {"random_state": 1}),
        (flowers, {"max_iter": 99}),
    ]
    for photos, changed in others:
        before = len(again) if (again := stopping_after(10**6, monkeypatch)) else 0
        fit(*photos, quiet=True, resume=True, **{**FITS["pca"], **changed})
        assert len(again) - before > len(list(stopped.iterdir())), "all parts are done anew"


def test_without_resume_nothing_kept_is_taken(
    stopped: Path, flowers: Flowers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = stopping_after(10**6, monkeypatch)
    as_bytes(tmp_path, flowers, **FITS["pca"])
    assert set(every) > {"tried.subspace", "refit.subspace"}
    assert not stopped.exists()


def test_a_short_fit_writes_nothing(
    flowers: Flowers, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_module, "KEPT_AFTER", 3600.0)
    written = stopping_after(0, monkeypatch)
    fit(*flowers, quiet=True, **FITS["pca"])
    assert written == []
    assert not own_cache.exists()


def test_resuming_needs_the_cache(flowers: Flowers) -> None:
    with pytest.raises(ValueError, match=r"resume needs the cache.*Received: resume=True, cache=False"):
        fit(*flowers, quiet=True, cache=False, resume=True, **FITS["pca"])


def test_a_fit_that_is_refused_keeps_nothing(flowers: Flowers, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be refused again."""
    written = stopping_after(10**6, monkeypatch)

    def refuse(*_: object) -> None:
        raise CopiesError("Refused", received="nothing")

    monkeypatch.setattr(trial_module, "_check_synthesis", refuse)
    with pytest.raises(CopiesError):
        fit(*flowers, quiet=True, **FITS["pca"])
    assert written
    assert not unfinished_fits().exists()


def test_a_full_disk_costs_the_parts_not_the_fit(
    flowers: Flowers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = as_bytes(tmp_path, flowers, **FITS["pca"])

    def write(path: Path, value: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parts_module, "write_part", write)
    with pytest.warns(UserWarning, match="Finished parts of the fit are not kept: No space left on device"):
        full = as_bytes(tmp_path, flowers, **FITS["pca"])
    assert full == without


def test_a_cache_that_cannot_be_written_costs_the_parts_not_the_fit(
    flowers: Flowers, own_cache: Path, tmp_path: Path
) -> None:
    without = as_bytes(tmp_path, flowers, cache=False, **FITS["pca"])
    own_cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="Finished parts of the fit are not kept"):
        assert as_bytes(tmp_path, flowers, **FITS["pca"]) == without


def test_parts_together_stay_within_the_limit_of_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMMAUG_CACHE_LIMIT", "0.00001")
    parts = Parts(tmp_path / "fit")
    for number in range(5):
        parts.do(f"part-{number}", lambda: np.zeros(3000, np.uint8))
    assert parts.n_kept == 3
    assert sum(path.stat().st_size for path in (tmp_path / "fit").iterdir()) <= 10_000


def test_the_cache_tells_of_unfinished_fits_and_clears_them(stopped: Path) -> None:
    size = sum(path.stat().st_size for path in stopped.iterdir())
    assert (cache_info().n_unfinished, cache_info().size) == (1, size)
    assert clear_cache().n_unfinished == 1
    assert (cache_info().n_unfinished, cache_info().size) == (0, 0)


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from([np.float32, np.float64, np.float16, np.int32, np.int8, np.uint8]).flatmap(
        lambda dtype: arrays(
            dtype,
            array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
            elements=None
            if np.issubdtype(dtype, np.integer)
            else {"allow_nan": False, "allow_infinity": False},
        )
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | st.text("ab"), inner, max_size=3)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, down to types and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, Pair):
        return same(one.left, other.left) and same(one.right, other.right)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


@given(value=values)
def test_whatever_is_written_is_read(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("part") / "one.safetensors"
    write_part(path, value)
    assert same(read_part(path, (Pair,)), value)


def test_only_what_was_asked_for_is_read(tmp_path: Path) -> None:
    write_part(tmp_path / "pair", Pair(1, 2))
    with pytest.raises(ArtifactError, match=r"must be made of \[\]. Received: KeyError\('Pair'\)"):
        read_part(tmp_path / "pair", ())
    with pytest.raises(TypeError, match="Received: <class 'set'>"):
        write_part(tmp_path / "other", {1, 2})
    assert Parts(tmp_path, resume=True).do("pair", lambda: "made anew") == "made anew"
