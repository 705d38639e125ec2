"""Codes of photos in blocks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.photo_blocks import PhotoBlocks
from gmmaug_plugin.fitting.pieces import Pieces
from gmmaug_plugin.fitting.starts import Codes
from gmmaug_plugin.fitting.workers import in_turn
from gmmaug_plugin.images.storage import Images, empty_array, release
from gmmaug_plugin.models.basis import Basis
from gmmaug_plugin.models.engine import NumpyEngine
from gmmaug_plugin.models.symmetry import Symmetry, symmetric_copies

_NUMPY = NumpyEngine()
LARGE_CODES = 2**30
"""Bytes of codes in double precision from which they are kept in files."""

_CHUNK = 256
"""Photos that are encoded at a time, with all their copies."""


class CodeBlocks:
    """Codes of photos and all their symmetric copies.

    Attributes:
        pieces: The codes, (n_b x copies, q) each.
        sizes: Photos in every block.
    """

    def __init__(self, pieces: Pieces[Codes], sizes: Sequence[int]) -> None:
        self.pieces, self.sizes = pieces, tuple(sizes)

    @classmethod
    def of(cls, photos: PhotoBlocks, basis: Basis, symmetry: Symmetry) -> "CodeBlocks":
        """Encode photos where they are.

        Where all codes together would take much memory they are kept in single precision, in files.
        """
        n_rows = photos.n_photos * len(symmetric_copies(np.empty((1, 2, 2), np.uint8), symmetry))
        encode = _encode_large if n_rows * basis.n_dimensions * 8 > LARGE_CODES else _encode
        return cls(photos.keep(encode, basis, symmetry), photos.sizes)

    @classmethod
    def whole(cls, codes: Codes, n_photos: int) -> "CodeBlocks":
        """One block, from the codes of :func:`class_codes`."""
        return cls(in_turn.spread([codes]), [n_photos])

    @property
    def n_photos(self) -> int:
        """Number of photos."""
        return sum(self.sizes)

    def gather(self) -> Codes:
        """All codes, here."""
        return np.concatenate(self.pieces.map(_themselves)).astype(np.float64, copy=False)

    def some(self, n: int, *, seed: int) -> Codes:
        """Codes of at most ``n`` photos, chosen at random, and of all their copies, in the photos' order."""
        if self.n_photos <= n:
            return self.gather()
        chosen = np.sort(np.random.default_rng(seed).permutation(self.n_photos)[:n])
        begins = np.cumsum([0, *self.sizes[:-1]])
        own = [chosen[(chosen >= a) & (chosen < a + n)] - a for a, n in zip(begins, self.sizes, strict=True)]
        return np.concatenate(self.pieces.map(_of_photos, each=list(zip(own, self.sizes, strict=True))))

    def photo_means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over every photo's copies, (n_photos,), of values in the order of the codes."""
        n_copies = len(values) // self.n_photos
        blocks = np.split(values, n_copies * np.cumsum(self.sizes)[:-1])
        return np.concatenate([photo_means(one, n) for one, n in zip(blocks, self.sizes, strict=True)])


def class_codes(basis: Basis, images: Images, symmetry: Symmetry) -> Codes:
    """Codes of photos and all their symmetric copies, float64 (n x copies, q)."""
    codes = []
    for begin in range(0, len(images), _CHUNK):
        copies = symmetric_copies(images[begin : begin + _CHUNK], symmetry)
        codes.append(basis.encode(_NUMPY, copies.astype(np.float32) - basis.mean))
    return np.concatenate(codes)


def photo_means(values: NDArray[np.float64], n_photos: int) -> NDArray[np.float64]:
    """Mean over every photo's copies, (n_photos,), of values in the order of :func:`class_codes`."""
    return np.concatenate([values[rows].mean(axis=1) for rows in _rows_of_photos(len(values), n_photos)])


def _rows_of_photos(n_rows: int, n_photos: int) -> list[NDArray[np.intp]]:
    """Where the copies of photos lie in :func:`class_codes`, (m, copies), chunk by chunk."""
    n_copies = n_rows // n_photos
    begins = range(0, n_photos, _CHUNK)
    ends = [min(begin + _CHUNK, n_photos) for begin in begins]
    return [
        np.arange(n_copies * begin, n_copies * end).reshape(n_copies, -1).T
        for begin, end in zip(begins, ends, strict=True)
    ]


def _encode(images: Images, basis: Basis, symmetry: Symmetry) -> Codes:
    return class_codes(basis, images, symmetry)


def _encode_large(images: Images, basis: Basis, symmetry: Symmetry) -> Codes:
    codes = class_codes(basis, images, symmetry).astype(np.float32)
    kept = empty_array(codes.shape, np.float32, large=0)
    kept[:] = codes
    release(kept)
    return kept


def _themselves(codes: Codes) -> Codes:
    return codes


def _of_photos(codes: Codes, chosen: tuple[NDArray[np.intp], int]) -> Codes:
    photos, n_photos = chosen
    rows = np.concatenate(_rows_of_photos(len(codes), n_photos))
    return codes[rows[photos].ravel()].astype(np.float64)
