"""Work: what an application of an op cannot do without, in floating point operations and in bytes read and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.lowering import Product, Scalar, View
from engine.op import Op, Trait

Shape = Sequence[int]

# Multiplications, each with an addition, of the shapes of the operands and of the result.
_ADDS: dict[str, Callable[[Sequence[Shape], Shape], int]] = {
    "linear": lambda shapes, result: math.prod(result) * shapes[1][-1],
    "conv": lambda shapes, result: math.prod(result) * math.prod(shapes[1][1:]),
    # Each element of the input (of the gradient) meets the window once for each channel on the other side.
    "conv_transpose": lambda shapes, result: math.prod(shapes[0]) * math.prod(shapes[1][1:]),
    "conv_weight": lambda shapes, result: math.prod(shapes[1]) * math.prod(result[1:]),
}
DEAR = 12  # elementary operations that an exponential, a logarithm and their like take, roughly


class Work(NamedTuple):
    """``flops``: an element of an elementwise op counts as one, whatever the op. ``effort``: the same with dear functions
    counted as what they take, by which the time of a fused kernel is divided. ``bytes``: operands and results."""

    flops: int
    effort: int
    bytes: int


def multiply_adds(op: Op, shapes: Sequence[Shape], result: Shape) -> int:
    """Multiplications, each with an addition, in a product of matrices or a convolution; 0 for other ops.

    ``shapes``: of the operands.
    """
    adds = _ADDS.get(op.name)
    if adds is not None:
        return adds(shapes, result)
    return math.prod(result) * shapes[0][-1] if isinstance(op.lower, Product) else 0


def multiplies(op: Op) -> bool:
    """Whether an op is a product of matrices or a convolution."""
    return op.name in _ADDS or isinstance(op.lower, Product)


def work(op: Op, shapes: Sequence[Shape], itemsizes: Sequence[int], results: Sequence[Shape], itemsize: int) -> Work:
    """The work of an op on operands of these shapes and bytes for an element."""
    if isinstance(op.lower, View) or Trait.VIEW in op.traits:
        return Work(0, 0, 0)
    made = sum(math.prod(r) for r in results)
    moved = sum(math.prod(s) * n for s, n in zip(shapes, itemsizes, strict=True)) + made * itemsize
    products = multiply_adds(op, shapes, results[0]) if results else 0
    if products:
        return Work(2 * products, 2 * products, moved)
    met = max((math.prod(s) for s in shapes), default=0)
    count = made if Trait.ELEMENTWISE in op.traits else max(made, met)
    dear = isinstance(op.lower, Scalar) and op.lower.expensive
    return Work(count, count * (DEAR if dear else 1), moved)
