"""Tables of bands find what comparing all with all finds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from gmmaug_plugin.images import load_photos, near_hashes
from gmmaug_plugin.images.duplicates import group_hashes, perceptual_hashes
from gmmaug_plugin.images.near_hashes import MAX_DIFFERENT_BITS, N_BITS, _count_by_table, different_bits

BITS = np.uint64(1) << np.arange(N_BITS, dtype=np.uint64)


def groups_by_all_pairs(hashes: np.ndarray) -> np.ndarray:
    """The same by comparing every upright photo with every other one in all symmetries."""
    one_by_one = hashes[:, np.newaxis, :1] ^ hashes[np.newaxis]
    n_different = np.unpackbits(one_by_one[..., np.newaxis].view(np.uint8), axis=-1).sum(axis=-1)
    return connected_components(n_different.min(axis=2) <= MAX_DIFFERENT_BITS, directed=False)[1]


def changed(hashes: np.ndarray, n_bits: int, rng: np.random.Generator) -> np.ndarray:
    """Hashes of which so many bits, at random, are the other way round."""
    which = rng.permuted(np.tile(BITS, (hashes.size, 1)), axis=1)[:, :n_bits]
    return hashes ^ np.bitwise_xor.reduce(which, axis=1).reshape(hashes.shape)


@pytest.fixture
def tables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few the hashes are."""
    monkeypatch.setattr("gmmaug_plugin.images.near_hashes._FEW", 0)
    monkeypatch.setattr("gmmaug_plugin.images.near_hashes._PIVOTS", 2)


@pytest.mark.usefixtures("tables_only")
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 30),
    n_seeds=st.integers(1, 8),
    most_bits=st.integers(0, 20),
    density=st.sampled_from([0.5, 0.1, 0.0]),
)
@settings(max_examples=60, deadline=None)
def test_the_groups_are_those_of_all_pairs(
    seed: int, n: int, n_seeds: int, most_bits: int, density: float
) -> None:
    rng = np.random.default_rng(seed)
    seeds = ((rng.random((n_seeds, N_BITS)) < density) * BITS).sum(axis=1).astype(np.uint64)
    hashes = np.stack(
        [changed(seeds[[rng.integers(n_seeds)]], most_bits, rng).repeat(8) for _ in range(n)]
        or [np.empty(8, np.uint64)]
    )[:n]
    # Turned photos hash to something else, some of them to what another photo hashes to.
    hashes[:, 1:] = changed(hashes[:, 1:], 12, rng)
    shared = rng.random(n) < 0.2
    hashes[shared, 3] = seeds[0]

    groups = group_hashes(hashes)

    np.testing.assert_array_equal(groups, groups_by_all_pairs(hashes))


@pytest.mark.usefixtures("tables_only")
@pytest.mark.parametrize("n_different", range(7, 11))
def test_eight_different_bits_are_near_wherever_they_are_and_nine_are_not(n_different: int) -> None:
    rng = np.random.default_rng(n_different)
    first = (rng.integers(0, 2, (200, N_BITS)) * BITS.astype(object)).sum(axis=1).astype(np.uint64)
    entries, own = np.unique(np.concatenate([first, changed(first, n_different, rng)]), return_inverse=True)

    numbers = near_hashes.near_hashes(entries, own[:200])[own]

    assert np.all((numbers[:200] == numbers[200:]) == (n_different <= MAX_DIFFERENT_BITS))


@pytest.mark.usefixtures("tables_only")
def test_photos_that_share_a_turned_hash_which_no_upright_one_is_near_are_no_pair() -> None:
    far_apart = np.array([0, 2**20 - 1, 2**50 - 2**30], np.uint64)
    hashes = np.repeat(far_apart[:2, np.newaxis], 8, axis=1)
    hashes[:, 5] = far_apart[2]

    assert group_hashes(hashes).tolist() == [0, 1]


@pytest.mark.usefixtures("tables_only")
def test_many_alike_are_one_group_and_take_no_pairs_of_all() -> None:
    rng = np.random.default_rng(0)
    noise = changed(np.zeros(4000, np.uint64), 3, rng)
    hashes = np.concatenate(
        [np.repeat(noise[:, np.newaxis], 8, axis=1), np.full((3000, 8), 2**62, np.uint64)]
    )

    assert set(group_hashes(hashes)) == {0}


def test_links_that_say_nothing_new_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    links = near_hashes._Links(5)
    monkeypatch.setattr(near_hashes, "_MOST_LINKS", 3)
    for _ in range(4):
        links.add(np.array([0, 4]), np.array([4, 2]))

    assert links._links.shape[1] <= 2
    assert links.numbers().tolist() == [0, 1, 0, 2, 0]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=5))
def test_bits_are_counted_with_every_numpy(values: list[int]) -> None:
    array = np.array(values, np.uint64)
    expected = [value.bit_count() for value in values]

    assert _count_by_table(array).tolist() == expected
    assert different_bits(array, np.zeros(1, np.uint64)).tolist() == expected


def test_of_real_photos_the_same_33_pairs_match(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = perceptual_hashes(load_photos(photos, quiet=True).images)
    pairs = np.min([different_bits(hashes[:, :1], hashes[:, one]) for one in range(8)], axis=0) <= 8
    expected = connected_components(pairs, directed=False)[1]

    assert np.triu(pairs, k=1).sum() == 33
    for few in (near_hashes._FEW, 0):
        monkeypatch.setattr(near_hashes, "_FEW", few)
        np.testing.assert_array_equal(group_hashes(hashes), expected)
