"""Which of many hashes are near each other, without comparing each with each.

Hashes of 63 bits that differ in at most 8 differ in at most 2 of the bits of one of three bands of 21: three
in every band would make 9. So a hash is compared only with those that it finds under its own value, or under
one of the 231 values next to it, in one of three tables: multi-index hashing (M. Norouzi, A. Punjani and
D. J. Fleet, *Fast Search in Hamming Space with Multi-Index Hashing*, CVPR 2012). Nothing is missed.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

N_BITS = 63
MAX_DIFFERENT_BITS = 8

Hashes = NDArray[np.uint64]
Positions = NDArray[np.intp]

_BANDS = 3
_BAND_BITS = N_BITS // _BANDS
_BAND_REACH = MAX_DIFFERENT_BITS // _BANDS
_FEW = 2**27
"""So many comparisons, each with each, take less time than tables do."""

_AT_ONCE = 2**20
_ASKED_AT_ONCE = 2**12
_MOST_LINKS = 2**22
_PIVOTS = 64


def different_bits(first: Hashes, second: Hashes) -> NDArray[np.uint8]:
    """In how many bits hashes differ.

    Args:
        first: uint64, any shape.
        second: uint64, of a shape that broadcasts with it.

    Returns:
        uint8, the common shape.

    Example:
        >>> different_bits(np.array([5, 6], np.uint64), np.array([7], np.uint64)).tolist()
        [1, 1]
    """
    return _count_ones(first ^ second)


def near_hashes(entries: Hashes, asked: Positions) -> NDArray[np.int32]:
    """Number hashes: those asked, what is near them, and what is near that if it is asked, have one number.

    Near is what differs in at most 8 bits. Two hashes that are near each other, but neither of them asked,
    may have different numbers.

    Args:
        entries: uint64 (m,), different hashes of 63 bits; the 64th is 0.
        asked: (k,), which of them are asked.

    Returns:
        int32 (m,), numbers from 0.

    Example:
        >>> near_hashes(np.array([0, 255, 2**63 - 1], np.uint64), np.array([0])).tolist()
        [0, 0, 1]
    """
    links = _Links(len(entries))
    if len(asked) * len(entries) <= _FEW:
        _compare_all(entries, asked, links)
        return links.numbers()
    # Some at random find the greatest group, if there is one: its members need not be compared any more.
    some = np.random.default_rng(0).permutation(len(asked))[:_PIVOTS]
    _compare_all(entries, asked[some], links)
    for bits in _bands(entries):
        _compare_band(entries, asked, bits, links)
    return links.numbers()


class _Links:
    """What is linked to what, in little memory: links that say no more than others do are dropped."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._links = np.empty((2, 0), np.intp)
        self._new: list[Positions] = []
        self._n_new = 0

    def add(self, first: Positions, second: Positions) -> None:
        self._new.append(np.stack([first, second]))
        self._n_new += len(first)
        if self._n_new > _MOST_LINKS:
            self.numbers()

    def numbers(self) -> NDArray[np.int32]:
        """A number for everything; the same for what is linked."""
        first, second = np.concatenate([self._links, *self._new], axis=1)
        graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(self._n, self._n))
        numbers: NDArray[np.int32] = connected_components(graph.tocsr(), directed=False)[1].astype(np.int32)
        speakers = np.unique(numbers, return_index=True)[1][numbers]
        others = np.flatnonzero(speakers != np.arange(self._n))
        self._links = np.stack([speakers[others], others])
        self._new, self._n_new = [], 0
        return numbers


def _compare_all(entries: Hashes, asked: Positions, links: _Links) -> None:
    at_once = max(1, _AT_ONCE // max(len(entries), 1))
    for begin in range(0, len(asked), at_once):
        rows = asked[begin : begin + at_once]
        near = different_bits(entries[rows, np.newaxis], entries) <= MAX_DIFFERENT_BITS
        first, second = np.nonzero(near)
        links.add(rows[first], second)


def _bands(entries: Hashes) -> Iterator[list[int]]:
    """Three bands of bits, each with as many that tell much, those of which half are set, as the others."""
    shares = [float(((entries >> np.uint64(bit)) & np.uint64(1)).mean()) for bit in range(64)]
    # The bit that no hash uses tells least, so it comes last and is left out.
    unused = min(range(64), key=lambda bit: (shares[bit] > 0, -bit))
    told = sorted((bit for bit in range(64) if bit != unused), key=lambda bit: abs(shares[bit] - 0.5))
    return (told[band::_BANDS] for band in range(_BANDS))


def _compare_band(entries: Hashes, asked: Positions, bits: list[int], links: _Links) -> None:
    """Compare what agrees in a band but for two bits, and is not in the greatest group both."""
    numbers = links.numbers()
    greatest = numbers == np.bincount(numbers).argmax()
    values = _values(entries, bits)
    # Within the entries of one value, those of the greatest group come last: so they can be left out.
    keys = 2 * values + greatest
    order = np.argsort(keys, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=2 ** (len(bits) + 1)))])
    in_order = entries[order]
    changes = _changes(len(bits))
    for begin in range(0, len(asked), _ASKED_AT_ONCE):
        rows = asked[begin : begin + _ASKED_AT_ONCE]
        wanted = 2 * (values[rows, np.newaxis] ^ changes)
        first = starts[wanted]
        counts = starts[wanted + np.where(greatest[rows], 1, 2)[:, np.newaxis]] - first
        found = np.flatnonzero(counts)
        askers = rows[found // len(changes)]
        for one, place in _spread(askers, first.ravel()[found], counts.ravel()[found]):
            near = different_bits(entries[one], in_order[place]) <= MAX_DIFFERENT_BITS
            links.add(one[near], order[place[near]])


def _spread(
    askers: Positions, first: NDArray[np.int64], counts: NDArray[np.int64]
) -> Iterator[tuple[Positions, Positions]]:
    """Every asker as often as its count, beside the places from its first on; about so many at once."""
    ends = np.cumsum(counts)
    n_parts = int(ends[-1]) // _AT_ONCE + 1 if len(ends) else 0
    cuts = np.searchsorted(ends, _AT_ONCE * np.arange(1, n_parts))
    for part in np.split(np.arange(len(counts)), cuts):
        if not len(part):
            continue
        own = counts[part]
        before = np.cumsum(own) - own
        yield np.repeat(askers[part], own), np.arange(own.sum()) + np.repeat(first[part] - before, own)


def _values(entries: Hashes, bits: list[int]) -> NDArray[np.int64]:
    values = np.zeros(len(entries), np.int64)
    for place, bit in enumerate(bits):
        values |= ((entries >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) << place
    return values


def _changes(n_bits: int) -> NDArray[np.int64]:
    """All changes of at most two bits, the one that changes nothing first."""
    ways = (
        sum(1 << bit for bit in which)
        for n_changed in range(_BAND_REACH + 1)
        for which in combinations(range(n_bits), n_changed)
    )
    return np.array(list(ways), np.int64)


def _count_ones(values: Hashes) -> NDArray[np.uint8]:
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(values)
    return _count_by_table(values)


_ONES = np.array([bin(value).count("1") for value in range(2**16)], np.uint8)


def _count_by_table(values: Hashes) -> NDArray[np.uint8]:
    """What numpy itself counts from version 2 on."""
    total = np.zeros(values.shape, np.uint8)
    for shift in range(0, 64, 16):
        total += _ONES[(values >> np.uint64(shift)) & np.uint64(0xFFFF)]
    return total
