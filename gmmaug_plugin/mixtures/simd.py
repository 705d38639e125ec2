"""Vector instructions for compiled code: LLVM does not vectorise numba's loops over rows of 8 to 16 pixels.

Lanes are added in a fixed order, without fused multiply-adds, so that all processors compute the same floats.
numba's cache depends on the content of ``kernel.py`` alone: after a change here, change that file too.
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
_PAIR = UniTuple(float32, 2)


@intrinsic  # type: ignore[untyped-decorator]
def difference_sums(
    typing: Any, patch: Any, start: Any, image: Any, offset: Any, side: Any, stride: Any
) -> Any:
    """Sum of squares and sum of the differences between a patch and a window of an image.

    Args:
        typing: Numba's context, not passed by callers.
        patch: float32 array that holds the patch as ``side`` x ``side`` contiguous values.
        start: int64, index of the patch in its array.
        image: float32 array, flat.
        offset: int64, index of the window's first pixel.
        side: int64, a multiple of 4.
        stride: int64, pixels from one row of the image to the next.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def difference(here: Any, there: Any) -> Any:
            return builder.fsub(builder.load(here, align=4), builder.load(there, align=4))

        return _sums(context, builder, signature, args, difference)

    return _PAIR(patch, int64, image, int64, int64, int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def add_window(
    typing: Any, patch: Any, start: Any, image: Any, offset: Any, side: Any, stride: Any, weight: Any
) -> Any:
    """Add a window of an image times ``weight`` to a patch; return the window's sum of squares and sum.

    Arguments as for :func:`difference_sums`; ``weight`` is float32.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        weights = {}
        for lanes in (8, 4):
            empty = ir.Constant(ir.VectorType(_FLOAT, lanes), ir.Undefined)
            weights[lanes] = _lanes(builder, builder.insert_element(empty, args[6], _INT32(0)), [0] * lanes)

        def added(here: Any, there: Any) -> Any:
            value = builder.load(there, align=4)
            weighted = builder.fmul(value, weights[value.type.count])
            builder.store(builder.fadd(builder.load(here, align=4), weighted), here, align=4)
            return value

        return _sums(context, builder, signature, args, added)

    return _PAIR(patch, int64, image, int64, int64, int64, float32), generate


def _sums(context: Any, builder: Any, signature: Any, args: Any, value: Callable[[Any, Any], Any]) -> Any:
    """Sum of squares and sum of the vectors ``value(place in the patch, place in the window)``.

    The vectors are pieces of 8 and 4 pixels of each row. LLVM unrolls the loops if the side is a constant.
    """
    _, start, _, offset, side, stride = args[:6]
    patch, image = (context.make_array(signature.args[k])(context, builder, args[k]).data for k in (0, 2))
    vectors = {lanes: ir.VectorType(_FLOAT, lanes) for lanes in (8, 4)}
    squares, sums = (
        {n: cgutils.alloca_once_value(builder, ir.Constant(one, [0.0] * n)) for n, one in vectors.items()}
        for _ in range(2)
    )

    def visit(row: Any, column: Any, lanes: int) -> None:
        places = []
        for array, first, width in ((patch, start, side), (image, offset, stride)):
            index = builder.add(builder.add(first, builder.mul(row, width)), column)
            places.append(builder.bitcast(builder.gep(array, [index]), vectors[lanes].as_pointer()))
        vector = value(*places)
        for total, term in ((squares[lanes], builder.fmul(vector, vector)), (sums[lanes], vector)):
            builder.store(builder.fadd(builder.load(total), term), total)

    eights = builder.and_(side, _INT64(-8))
    with cgutils.for_range(builder, side) as rows:
        with cgutils.for_range_slice(builder, _INT64(0), eights, _INT64(8), _INT64) as (column, _):
            visit(rows.index, column, 8)
        with builder.if_then(builder.icmp_signed("!=", eights, side)):
            visit(rows.index, eights, 4)
    found = [_sum_of_lanes(builder, total[8], total[4]) for total in (squares, sums)]
    return context.make_tuple(builder, signature.return_type, found)


def _sum_of_lanes(builder: Any, eight: Any, four: Any) -> Any:
    vector = builder.load(eight)
    total = builder.fadd(_lanes(builder, vector, [0, 1, 2, 3]), _lanes(builder, vector, [4, 5, 6, 7]))
    total = builder.fadd(total, builder.load(four))
    total = builder.fadd(_lanes(builder, total, [0, 1]), _lanes(builder, total, [2, 3]))
    return builder.fadd(builder.extract_element(total, _INT32(0)), builder.extract_element(total, _INT32(1)))


def _lanes(builder: Any, vector: Any, lanes: list[int]) -> Any:
    """A vector of some lanes of another one."""
    return builder.shuffle_vector(
        vector, vector, ir.Constant(ir.VectorType(_INT32, len(lanes)), [_INT32(one) for one in lanes])
    )
