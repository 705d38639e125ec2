"""Random numbers that belong to an image's place in the stream, not to the call that asks for them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import seed_entropy

Seed = int | Sequence[int] | None

_BLOCK = 16
"""Images that share one generator; a stream is cut here, wherever a caller cuts it."""


class NoiseStream:
    """An endless stream of noise, one row per image, that may be entered anywhere.

    Block b of the stream comes from a Philox generator with the stream's key and counter b
    (J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so the same seed
    gives row i the same numbers however the rows are asked for.

    Args:
        seed: A non-negative int or a sequence of them; None takes fresh entropy.

    Example:
        >>> stream = NoiseStream(0)
        >>> uniform, normal = stream.draw(start=5, n=2, width=3)
        >>> bool((normal == stream.draw(start=0, n=7, width=3)[1][5:]).all())
        True
    """

    def __init__(self, seed: Seed = None) -> None:
        self._key = np.random.SeedSequence(seed_entropy(seed)).generate_state(2, np.uint64)

    def draw(self, *, start: int, n: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return rows ``start`` to ``start + n``: uniforms (n,) in [0, 1) and normals (n, width)."""
        blocks = range(start // _BLOCK, -(-(start + n) // _BLOCK))
        uniform = np.empty((len(blocks), _BLOCK))
        normal = np.empty((len(blocks), _BLOCK, width), np.float32)
        for row, block in enumerate(blocks):
            bits = np.random.Philox(key=self._key, counter=np.array([0, 0, 0, block], np.uint64))
            generator = np.random.Generator(bits)
            generator.random(out=uniform[row])
            generator.standard_normal(dtype=np.float32, out=normal[row])
        skipped = start - blocks.start * _BLOCK
        rows = slice(skipped, skipped + n)
        return uniform.reshape(-1)[rows], normal.reshape(-1, width)[rows]
