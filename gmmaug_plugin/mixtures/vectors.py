"""Vector instructions for compiled code: LLVM does not vectorise numba's loops over rows of 8 to 16 pixels.

Lanes are added in a fixed order and nothing is contracted, so that every processor gives the same floats.
numba keeps compiled code by the content of ``kernel.py``: change that file with this one.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic
from numba.types import UniTuple, float32, int64

_FLOAT = ir.FloatType()
_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)


def _zeros(builder: Any, lanes: int) -> Any:
    vector = ir.VectorType(_FLOAT, lanes)
    return cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * lanes))


def _load(builder: Any, pointer: Any, index: Any, lanes: int) -> Any:
    address = builder.bitcast(builder.gep(pointer, [index]), ir.VectorType(_FLOAT, lanes).as_pointer())
    return builder.load(address, align=4)


def _store(builder: Any, value: Any, pointer: Any, index: Any, lanes: int) -> None:
    address = builder.bitcast(builder.gep(pointer, [index]), ir.VectorType(_FLOAT, lanes).as_pointer())
    builder.store(value, address, align=4)


def _add_to(builder: Any, total: Any, value: Any) -> None:
    builder.store(builder.fadd(builder.load(total), value), total)


def _half(builder: Any, vector: Any, first: int, lanes: int) -> Any:
    mask = ir.Constant(ir.VectorType(_INT32, lanes), list(range(first, first + lanes)))
    return builder.shuffle_vector(vector, vector, mask)


def _sum(builder: Any, eight: Any, four: Any) -> Any:
    """The sum of the lanes of two accumulators."""
    vector = builder.load(eight)
    total = builder.fadd(_half(builder, vector, 0, 4), _half(builder, vector, 4, 4))
    total = builder.fadd(total, builder.load(four))
    total = builder.fadd(_half(builder, total, 0, 2), _half(builder, total, 2, 2))
    return builder.fadd(builder.extract_element(total, _INT32(0)), builder.extract_element(total, _INT32(1)))


def _over_patch(builder: Any, side: Any, stride: Any, visit: Callable[[Any, Any, int], None]) -> None:
    """Call ``visit(patch index, image index, lanes)`` for pieces of 8 and 4 pixels of a patch.

    ``side`` is a multiple of 4; where it is a constant LLVM unrolls both loops.
    """
    eights = builder.and_(side, _INT64(-8))
    with cgutils.for_range(builder, side) as rows:
        here = builder.mul(rows.index, side)
        there = builder.mul(rows.index, stride)
        with cgutils.for_range_slice(builder, _INT64(0), eights, _INT64(8), _INT64) as (column, _):
            visit(builder.add(here, column), builder.add(there, column), 8)
        with builder.if_then(builder.icmp_signed("!=", eights, side)):
            visit(builder.add(here, eights), builder.add(there, eights), 4)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])


@intrinsic  # type: ignore[untyped-decorator]
def difference_sums(
    typing: Any, patch: Any, start: Any, image: Any, offset: Any, side: Any, stride: Any
) -> Any:
    """Sum of squares and sum of the differences between a patch and a window of an image.

    Args:
        typing: Numba's context, not passed by callers.
        patch: float32 array; the patch is ``side`` x ``side`` contiguous values.
        start: int64, where the patch starts in its array.
        image: float32 array, flat.
        offset: int64, the window's first pixel.
        side: int64, a multiple of 4.
        stride: int64, pixels from one row of the image to the next.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        here = _pointer(context, builder, signature.args[0], args[0], args[1])
        there = _pointer(context, builder, signature.args[2], args[2], args[3])
        squares = {lanes: _zeros(builder, lanes) for lanes in (8, 4)}
        sums = {lanes: _zeros(builder, lanes) for lanes in (8, 4)}

        def visit(index: Any, where: Any, lanes: int) -> None:
            difference = builder.fsub(_load(builder, here, index, lanes), _load(builder, there, where, lanes))
            _add_to(builder, squares[lanes], builder.fmul(difference, difference))
            _add_to(builder, sums[lanes], difference)

        _over_patch(builder, args[4], args[5], visit)
        found = [_sum(builder, squares[8], squares[4]), _sum(builder, sums[8], sums[4])]
        return context.make_tuple(builder, signature.return_type, found)

    pair = UniTuple(float32, 2)
    return pair(patch, int64, image, int64, int64, int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def add_window(
    typing: Any, patch: Any, start: Any, image: Any, offset: Any, side: Any, stride: Any, weight: Any
) -> Any:
    """Add a window of an image times ``weight`` to a patch; the window's sum of squares and sum.

    Arguments as for :func:`difference_sums`; ``weight`` is float32.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        here = _pointer(context, builder, signature.args[0], args[0], args[1])
        there = _pointer(context, builder, signature.args[2], args[2], args[3])
        squares = {lanes: _zeros(builder, lanes) for lanes in (8, 4)}
        sums = {lanes: _zeros(builder, lanes) for lanes in (8, 4)}
        weights = {}
        for lanes in (8, 4):
            vector = ir.Constant(ir.VectorType(_FLOAT, lanes), ir.Undefined)
            first = builder.insert_element(vector, args[6], _INT32(0))
            zeros = ir.Constant(ir.VectorType(_INT32, lanes), [0] * lanes)
            weights[lanes] = builder.shuffle_vector(first, vector, zeros)

        def visit(index: Any, where: Any, lanes: int) -> None:
            value = _load(builder, there, where, lanes)
            total = builder.fadd(_load(builder, here, index, lanes), builder.fmul(value, weights[lanes]))
            _store(builder, total, here, index, lanes)
            _add_to(builder, squares[lanes], builder.fmul(value, value))
            _add_to(builder, sums[lanes], value)

        _over_patch(builder, args[4], args[5], visit)
        found = [_sum(builder, squares[8], squares[4]), _sum(builder, sums[8], sums[4])]
        return context.make_tuple(builder, signature.return_type, found)

    pair = UniTuple(float32, 2)
    arguments = (patch, int64, image, int64, int64, int64, float32)
    return pair(*arguments), generate
