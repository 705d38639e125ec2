"""Random numbers that belong to an image's place in the stream, not to the call that asks for them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.checks import seed_entropy

Seed = int | Sequence[int] | None


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

    def draw(
        self, *, start: int, n: int, width: int, uniforms: int = 1, block: int = 16
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return rows ``start`` to ``start + n`` of the stream.

        Args:
            start: The first row.
            n: Number of rows.
            width: Normals in a row.
            uniforms: Uniforms in a row.
            block: Rows that share one generator; a stream is cut here, wherever a caller cuts it. Streams
                of different widths or blocks have different numbers.

        Returns:
            Uniforms in [0, 1), (n, uniforms), and standard normals, (n, width).
        """
        blocks = range(start // block, -(-(start + n) // block))
        uniform = np.empty((len(blocks), block, uniforms))
        normal = np.empty((len(blocks), block, width), np.float32)
        for row, counter in enumerate(blocks):
            bits = np.random.Philox(key=self._key, counter=np.array([0, 0, 0, counter], np.uint64))
            generator = np.random.Generator(bits)
            generator.random(out=uniform[row])
            generator.standard_normal(dtype=np.float32, out=normal[row])
        skipped = start - blocks.start * block
        rows = slice(skipped, skipped + n)
        return uniform.reshape(-1, uniforms)[rows], normal.reshape(-1, width)[rows]
