"""Files damaged in every way that disks, networks and attackers damage them; each by a number."""

from collections.abc import Sequence

import numpy as np

CUT_EVERY = 10
"""Bytes from one cut of a file to the next."""

_EXTREMES = (b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\0" * 4, b"\x80\0\0\0", b"\xff\xff", b"\0\0", b"\0\1")


class Damage:
    """Damaged versions of files: first each cut at every tenth byte, then as many others as wanted.

    Args:
        contents: The files.
        seed: Of the random ones.
    """

    def __init__(self, contents: Sequence[bytes], seed: int) -> None:
        self._contents = contents
        self._seed = seed
        n_cuts = [-(-len(content) // CUT_EVERY) for content in contents]
        self._ends = np.cumsum(n_cuts)

    @property
    def n_cuts(self) -> int:
        """How many versions are merely cut."""
        return int(self._ends[-1])

    def version(self, number: int) -> bytes:
        """The damaged file of a number, the same whenever it is asked for."""
        if number < self.n_cuts:
            index = int(np.searchsorted(self._ends, number, side="right"))
            before = self._ends[index - 1] if index else 0
            return self._contents[index][: (number - before) * CUT_EVERY]
        rng = np.random.default_rng([self._seed, number])
        content = bytearray(self._pick(rng))
        for _ in range(rng.integers(1, 4)):
            content = self._damaged(content, rng)
        return bytes(content)

    def _pick(self, rng: np.random.Generator) -> bytes:
        return self._contents[rng.integers(len(self._contents))]

    def _damaged(self, content: bytearray, rng: np.random.Generator) -> bytearray:
        if not content:
            return bytearray(self._pick(rng))
        # Headers are short and decide most: half of the damage is done there.
        reach = len(content) if rng.random() < 0.5 else min(len(content), 128)
        begin = int(rng.integers(reach))
        end = min(len(content), begin + int(2 ** rng.uniform(0, 9)))
        kind = rng.integers(7)
        if kind == 0:
            for place in rng.integers(0, reach, rng.integers(1, 20)):
                content[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            content[begin:end] = bytes(end - begin)
        elif kind == 2:
            content[begin:end] = rng.bytes(end - begin)
        elif kind == 3:
            del content[begin:end]
        elif kind == 4:
            content[begin:begin] = content[begin:end]
        elif kind == 5:
            extreme = _EXTREMES[rng.integers(len(_EXTREMES))]
            content[begin : begin + len(extreme)] = extreme
        else:
            other = self._pick(rng)
            content = content[:begin] + other[rng.integers(len(other) + 1) :]
        return content
