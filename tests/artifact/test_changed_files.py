"""Files that were changed by chance: the checksum tells, or every check behind it must hold.

``reliability.fuzz`` does the same a million times over.
"""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reliability.fuzzing.mutating import CHANGES, Change, flip_bytes
from reliability.fuzzing.values import number_for
from tests.artifact.hostile import MODELS, loaded, parts_of, refused, refused_or_sound, same_contents, write
from tests.extent import ALL

MANY = 20 if ALL else 1
some = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
kinds = st.sampled_from(sorted(MODELS))
seeds = st.integers(0, 2**32 - 1)


@settings(some, max_examples=100 * MANY)
@given(kind=kinds, seed=seeds, change=st.sampled_from(CHANGES))
def test_signed_files_are_refused_or_make_sound_models(
    tmp_path: Path, kind: str, seed: int, change: Change
) -> None:
    path = tmp_path / "model.safetensors"
    parts, rng = parts_of(kind), random.Random(seed)
    with np.errstate(all="ignore"):
        change(parts, rng)
    path.write_bytes(parts.to_bytes())
    refused_or_sound(path)


@settings(some, max_examples=100 * MANY)
@given(kind=kinds, seed=seeds, change=st.sampled_from(CHANGES))
def test_files_without_their_checksum_are_refused_or_hold_the_same(
    tmp_path: Path, kind: str, seed: int, change: Change
) -> None:
    path = tmp_path / "model.safetensors"
    parts, rng = parts_of(kind), random.Random(seed)
    parts.signed = False
    with np.errstate(all="ignore"):
        change(parts, rng)
    path.write_bytes(parts.to_bytes())
    model = loaded(path)
    assert model is None or same_contents(model, MODELS[kind])


@settings(some, max_examples=100 * MANY)
@given(kind=kinds, seed=seeds)
def test_changed_bytes_are_refused_or_change_nothing(tmp_path: Path, kind: str, seed: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(flip_bytes(write(kind, path), random.Random(seed)))
    model = loaded(path)
    assert model is None or same_contents(model, MODELS[kind])


@settings(some, max_examples=40 * MANY)
@given(kind=kinds, cut=st.floats(0, 1, exclude_max=True), added=st.integers(1, 9))
def test_shortened_and_lengthened_files_are_refused(
    tmp_path: Path, kind: str, cut: float, added: int
) -> None:
    path = tmp_path / "model.safetensors"
    whole = write(kind, path)
    for contents in (whole[: int(cut * len(whole))], whole + bytes(added)):
        path.write_bytes(contents)
        refused(path, "Not a whole safetensors file")


@settings(some, max_examples=40 * MANY)
@given(kind=kinds, data=st.data())
def test_two_tensors_under_each_others_name(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path = tmp_path / "model.safetensors"
    parts = parts_of(kind)
    one, other = data.draw(st.permutations(sorted(parts.tensors)))[:2]
    tensors = parts.tensors
    assume(not np.array_equal(tensors[one], tensors[other]))
    tensors[one], tensors[other] = tensors[other], tensors[one]
    parts.signed = data.draw(st.booleans())
    path.write_bytes(parts.to_bytes())
    if parts.signed:
        refused_or_sound(path)
    else:
        refused(path)


@settings(some, max_examples=60 * MANY)
@given(kind=kinds, seed=seeds, data=st.data())
def test_any_number_in_any_tensor(tmp_path: Path, kind: str, seed: int, data: st.DataObject) -> None:
    """NaN, infinity, zero, negative variances, the smallest and the greatest numbers."""
    path = tmp_path / "model.safetensors"
    parts = parts_of(kind)
    name = data.draw(st.sampled_from(sorted(n for n, array in parts.tensors.items() if array.size)))
    array = parts.tensors[name].reshape(-1)
    with np.errstate(all="ignore"):
        value = number_for(random.Random(seed), array.dtype)
    where = data.draw(st.one_of(st.just(slice(None)), st.integers(0, len(array) - 1)))
    array[where] = value
    path.write_bytes(parts.to_bytes())
    if np.isfinite(value):
        refused_or_sound(path)
    else:
        refused(path, "must be finite")


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("factor", [0.0, -1.0, 1 - 1e-5, 1 + 1e-5, 2.0])
def test_weights_that_do_not_sum_to_one(tmp_path: Path, kind: str, factor: float) -> None:
    path = tmp_path / "model.safetensors"
    for name in sorted(parts_of(kind).tensors):
        if name.endswith("weights"):
            parts = parts_of(kind)
            parts.tensors[name] *= factor
            path.write_bytes(parts.to_bytes())
            refused(path, "sum to one")
