"""The principal images of a photo set: codes to images and back."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.engine import Array, Engine
from gmmaug_plugin.models.symmetry import (
    PART_COPIES,
    PIXELS_PER_VALUE,
    Symmetry,
    fold,
    part_shape,
    unfold,
)

GREY_STEP = 2.0**-13
"""Codes are rounded so that every product with an int8 basis value is a multiple of this many grey
levels. Sums of such products are exact in float32 up to 2048 grey levels, in any order: the same
codes give the same bytes on every machine, engine, thread count and batch size, but where TensorFlow
multiplies in bfloat16 (``tensorflow.precision``). The rounding itself moves a pixel by about 0.02 grey
levels."""


MAX_IMAGE_SIZE = 4096
"""Largest height and width of an image: a file that declares more is refused."""


@dataclass(frozen=True, eq=False)
class Basis:
    """An affine map between codes and images: image = mean + codes x rows.

    Attributes:
        symmetry: The symmetry under which every row is even or odd, see ``models.symmetry``.
        mean: Mean image, float32 (size, size), grey levels 0..255, unchanged by the symmetry.
        rows: The folded rows, one int8 array (q_p, h', w') per part of the symmetry.
        scales: Grey levels per unit of code and unit of row, one float32 array (q_p,) per part.
    """

    symmetry: Symmetry
    mean: NDArray[np.float32]
    rows: tuple[NDArray[np.int8], ...]
    scales: tuple[NDArray[np.float32], ...]

    def __post_init__(self) -> None:
        self.mean.setflags(write=False)
        for rows, scales in zip(self.rows, self.scales, strict=True):
            rows.setflags(write=False)
            scales.setflags(write=False)

    def __getstate__(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.mean.shape[0])

    def peaks(self) -> NDArray[np.float64]:
        """By how many grey levels at most one unit of code changes a pixel, for every dimension."""
        peaks = []
        for copies, rows, scale in zip(PART_COPIES[self.symmetry], self.rows, self.scales, strict=True):
            most = rows.max(axis=(1, 2), initial=0).astype(np.float64)
            least = rows.min(axis=(1, 2), initial=0).astype(np.float64)
            peaks.append(np.tile(np.maximum(most, -least) * scale, copies))
        return np.concatenate(peaks)

    def is_independent(self, least: float) -> bool:
        """Whether no row is nearly a sum of others: images have codes.

        Args:
            least: Of the rows as unit vectors, inner products must have no eigenvalue below this.
        """
        for gram in self._grams:
            lengths = np.sqrt(np.diagonal(gram))
            try:
                np.linalg.cholesky(gram / np.outer(lengths, lengths) - least * np.eye(len(gram)))
            except np.linalg.LinAlgError:
                return False
        return True

    @property
    def n_dimensions(self) -> int:
        """Length of a code: every part's rows, those of a part with two copies twice."""
        return sum(
            copies * len(rows) for copies, rows in zip(PART_COPIES[self.symmetry], self.rows, strict=True)
        )

    def decode(self, engine: Engine, codes: Array) -> Array:
        """Turn codes into images without the mean.

        Args:
            engine: The array operations.
            codes: Float64 codes (n, n_dimensions).

        Returns:
            Float32 (n, size, size) in grey levels, multiples of ``GREY_STEP``.
        """
        height, width = part_shape(self.symmetry, self.image_size)
        parts = []
        for copies, rows, amounts in zip(
            PART_COPIES[self.symmetry], self._float_rows, self._amounts(engine, codes), strict=True
        ):
            flat, matrix = amounts, rows
            if not len(rows):
                matrix = np.zeros((0, copies * height * width), np.float32)
            elif copies > 1:
                flat = engine.reshape(flat, (-1, len(rows)))
            part = engine.matmul(flat, engine.constant(matrix))
            parts.append(engine.reshape(part, (-1, copies, height, width)))
        return unfold(engine, parts, self.symmetry)

    def draw(self, engine: Engine, codes: Array) -> Array:
        """Turn codes into images as bytes.

        Args:
            engine: The array operations.
            codes: Float64 codes (n, n_dimensions).

        Returns:
            Uint8 (n, size, size): :meth:`decode` plus the mean, rounded halves up and clipped to 0..255.
        """
        return engine.draw_images(self._amounts(engine, codes), self._float_rows, self.symmetry, self.mean)

    def _amounts(self, engine: Engine, codes: Array) -> list[Array]:
        """Of every part how much of its rows is in an image, float32 (n, copies x q_p), whole steps."""
        found, begin = [], 0
        for copies, rows, scale in zip(PART_COPIES[self.symmetry], self.rows, self.scales, strict=True):
            end = begin + copies * len(rows)
            steps = np.tile(scale.astype(np.float64) / GREY_STEP, copies)
            amounts = engine.round(codes[:, begin:end] * engine.constant(steps)) * GREY_STEP
            found.append(engine.cast(amounts, "float32"))
            begin = end
        return found

    def encode(self, engine: Engine, centred: Array) -> Array:
        """Turn images minus the mean into codes, by least squares.

        Args:
            engine: The array operations.
            centred: Float32 images minus ``mean``, (n, size, size).

        Returns:
            Float64 codes (n, n_dimensions).
        """
        codes = []
        for part, rows, inverse in zip(
            fold(engine, centred, self.symmetry), self._float_rows, self._inverses, strict=True
        ):
            if not len(rows):
                continue
            copies = int(part.shape[1])
            flat = engine.reshape(part, (-1, rows.shape[1]))
            products = engine.cast(engine.matmul(flat, engine.constant(rows), transpose_b=True), "float64")
            solved = engine.matmul(products, engine.constant(inverse))
            codes.append(engine.reshape(solved, (-1, copies * len(rows))))
        return engine.concat(codes, 1)

    def squared_norm(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared norm in grey levels squared, (n,), of the images that codes (n, q) stand for."""
        total, begin = np.zeros(len(codes)), 0
        for copies, gram in zip(PART_COPIES[self.symmetry], self._grams, strict=True):
            end = begin + copies * len(gram)
            part = codes[:, begin:end].reshape(len(codes), copies, len(gram))
            total += np.einsum("nci,nci->n", part @ gram, part)
            begin = end
        return total

    @cached_property
    def log_volume(self) -> float:
        """Log of the volume in pixel space of a unit cube of codes (the Jacobian of the map)."""
        return float(
            sum(
                0.5 * copies * np.linalg.slogdet(gram)[1]
                for copies, gram in zip(PART_COPIES[self.symmetry], self._grams, strict=True)
            )
        )

    @cached_property
    def _float_rows(self) -> tuple[NDArray[np.float32], ...]:
        n_values = int(np.prod(part_shape(self.symmetry, self.image_size)))
        return tuple(rows.reshape(len(rows), n_values).astype(np.float32) for rows in self.rows)

    @cached_property
    def _grams(self) -> tuple[NDArray[np.float64], ...]:
        """Inner products of the rows as images, per part; different parts are orthogonal."""
        pixels = PIXELS_PER_VALUE[self.symmetry]
        grams = []
        for rows, scale in zip(self._float_rows, self.scales, strict=True):
            scaled = scale.astype(np.float64)
            grams.append(pixels * (rows @ rows.T) * np.outer(scaled, scaled))
        return tuple(grams)

    @cached_property
    def _inverses(self) -> tuple[NDArray[np.float64], ...]:
        """What turns inner products with the rows into least-squares codes, per part."""
        pixels = PIXELS_PER_VALUE[self.symmetry]
        return tuple(
            pixels * scale.astype(np.float64)[:, None] * np.linalg.inv(gram)
            for scale, gram in zip(self.scales, self._grams, strict=True)
        )


def quantize_rows(rows: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round rows (q, h, w) to int8 with one float32 scale each, so that rows ~ int8 x scale."""
    peak = np.abs(rows).max(axis=(1, 2), initial=0.0)
    scales = (np.where(peak > 0, peak, 1.0) / 127.0).astype(np.float32)
    return np.rint(rows / scales[:, None, None]).astype(np.int8), scales


def round_to_step(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Round grey levels to multiples of ``GREY_STEP``, as :meth:`Basis.decode` does."""
    return (np.rint(np.asarray(image, np.float64) / GREY_STEP) * GREY_STEP).astype(np.float32)
