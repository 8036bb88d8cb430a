"""Products of many matrices: powers, the exponential, and chains in the cheapest order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite, publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.create import eye, zeros_like
from engine.ops.joins import concat, promoted
from engine.ops.linalg import matmul
from engine.ops.matrices import DIVERGED, guarded, not_square, regular, square, square_spec
from engine.ops.samples import array
from engine.ops.shape import broadcast_to, expand_dims, matrix_transpose, squeeze
from engine.ops.slices import part
from engine.ops.solve import inv
from engine.sizes import Size, agree, show_shape

# ---------------------------------------------------------------------------------------- powers


@composite(
    samples=lambda rng, dtype: [
        Sample((regular(rng, dtype, 2, 2, 2), 5)),
        Sample((regular(rng, dtype, 3, 3), -2)),
        Sample((regular(rng, dtype, 2, 2, 2), 0)),
        Sample((regular(rng, dtype, 2, 2), 1)),
    ],
    errors=lambda rng, dtype: [
        Sample((np.ones((2, 3), dtype), 2), {}, ShapeError),
        Sample((np.ones((2, 2), dtype), 0.5), {}, ArgumentError),
    ],
)
def matrix_power(x: Any, n: int, /) -> Any:
    """The product of ``n`` copies of each square matrix, of its inverse where n < 0 (Array API).

    x: [..., n, n]. Raises ShapeError, ArgumentError where n is no int, LinAlgError where a matrix to invert is singular.
    """
    x = square(x, "matrix_power")
    if not hasattr(n, "__index__"):
        raise ArgumentError(f"the power must be an int, not {n!r}", op="matrix_power", operands=(x,))
    left = abs(n.__index__())
    if left == 0:
        return broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)
    power = inv(x) if n < 0 else x
    result = None
    while left:
        if left & 1:
            result = power if result is None else matmul(result, power)
        left >>= 1
        power = matmul(power, power) if left else power
    return result


# ---------------------------------------------------------------------------------------- exponential

# Higham 2005, "The scaling and squaring method for the matrix exponential revisited": the coefficients of the Padé
# numerators, and norms up to which they are exact to the last bit of float32 (degree 7) and float64 (degree 13).
_PADE = {
    np.dtype(np.float32): (
        3.925724783138660,
        [math.factorial(14 - i) // (math.factorial(7 - i) * math.factorial(i)) for i in range(8)],
    ),
    np.dtype(np.float64): (
        5.371920351148152,
        [math.factorial(26 - i) // (math.factorial(13 - i) * math.factorial(i)) for i in range(14)],
    ),
}


def _expm_kernel(x: Any) -> Any:
    bound, numbers = _PADE[x.dtype]
    coefficients = [c / numbers[0] for c in numbers]
    size = np.abs(x).sum(axis=-2).max(axis=-1, initial=0)
    halvings = np.where(np.isfinite(size), np.ceil(np.log2(size / bound)), 0).clip(0, None).astype(np.int64)
    x = np.ldexp(x, -halvings[..., None, None])
    squared = x @ x
    unit = np.eye(x.shape[-1], dtype=x.dtype)
    even = odd = np.zeros_like(x)
    for even_factor, odd_factor in zip(coefficients[-2::-2], coefficients[::-2], strict=True):
        even = even @ squared + unit * x.dtype.type(even_factor)
        odd = odd @ squared + unit * x.dtype.type(odd_factor)
    odd = x @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for step in range(halvings.max(initial=0)):
        y = np.where((halvings > step)[..., None, None], y @ y, y)
    return y


def _expm_vjp(g: Any, y: Any, x: Any) -> Any:
    """The derivative in a direction stands in the corner of the exponential of a block matrix (Mathias 1996)."""
    n, last = x.shape[-1], x.ndim - 1
    turned = matrix_transpose(x)
    top = concat([turned, g], axis=-1)
    bottom = concat([zeros_like(turned), turned], axis=-1)
    whole = apply(_expm, concat([top, bottom], axis=-2))
    return part(part(whole, last, n, n), last - 1, 0, n)


_expm: Op = Op(
    "expm",
    guarded(_expm_kernel, DIVERGED),
    square_spec,
    vjp=(_expm_vjp,),
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    order=76,
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 2, 2),)),
        Sample((np.stack([regular(rng, dtype, 2, 2), array(rng, dtype, 2, 2) * 3]),)),
        Sample((np.ones((0, 0), dtype),)),
    ],
    errors=not_square,
    doc="The exponential of a square matrix.",
)


@publish(_expm)
def expm(x: Any, /) -> Any:
    """The sum of ``x**k / k!`` of each square matrix [..., n, n], by scaling and squaring (SciPy, JAX; Higham 2005).

    The gradient is the adjoint Fréchet derivative (Mathias 1996). Raises ShapeError.
    """
    return apply(_expm, square(x, "expm"))


# ---------------------------------------------------------------------------------------- chains


def _cheapest(sizes: Sequence[Size]) -> dict[tuple[int, int], int]:
    """Where to split each run of matrices; matrix i is [sizes[i], sizes[i + 1]] (Godbole 1973)."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            options = [
                (cost[first, k] + cost[k + 1, last] + int(sizes[first]) * int(sizes[k + 1]) * int(sizes[last + 1]), k)
                for k in range(first, last)
            ]
            cost[first, last], split[first, last] = min(options)
    return split


@composite(
    samples=lambda rng, dtype: [
        Sample(([array(rng, dtype, 2, 3), array(rng, dtype, 3, 4), array(rng, dtype, 4, 1), array(rng, dtype, 1, 3)],)),
        Sample(([array(rng, dtype, 3), array(rng, dtype, 3, 4), array(rng, dtype, 4)],)),
        Sample(([array(rng, dtype, 3), array(rng, dtype, 3, 2)],)),
    ],
    errors=lambda rng, dtype: [
        Sample(([np.ones((2, 3), dtype)],), {}, ArgumentError),
        Sample(([np.ones((2, 3), dtype), np.ones((2, 3), dtype)],), {}, ShapeError),
        Sample(([np.ones((2, 3), dtype), np.ones(3, dtype), np.ones((3, 2), dtype)],), {}, ShapeError),
    ],
    accepts=dtypes.NUMERIC,
)
def multi_dot(arrays: Sequence[Any], /) -> Any:
    """The product of two or more matrices, in the order that takes the fewest multiplications (NumPy, PyTorch).

    The first may be a vector, a row, and the last too, a column. Where a named size keeps the counts unknown, products
    are taken from the end that has the vector. Raises ShapeError, ArgumentError.
    """
    xs = promoted([as_handle(a) for a in arrays], "multi_dot") if len(arrays) > 1 else []
    if len(xs) < 2:
        raise ArgumentError("needs at least two matrices", op="multi_dot")
    row, column = xs[0].ndim == 1, xs[-1].ndim == 1
    wide = [expand_dims(xs[0], axis=0) if row else xs[0], *xs[1:-1], expand_dims(xs[-1], axis=1) if column else xs[-1]]
    if any(x.ndim != 2 for x in wide) or not all(agree(a.shape[1], b.shape[0]) for a, b in pairwise(wide)):
        raise ShapeError(
            f"matrices of shapes {', '.join(show_shape(x.shape) for x in xs)} do not form a chain",
            op="multi_dot",
            operands=xs,
            fix="columns of each must be as many as rows of the next; only the first and the last may be vectors",
        )
    sizes = [x.shape[0] for x in wide] + [wide[-1].shape[1]]
    known = all(isinstance(n, int) for n in sizes)
    split = _cheapest(sizes) if known else {}

    def product(first: int, last: int) -> Any:
        if first == last:
            return wide[first]
        k = split.get((first, last), first if column else last - 1)
        return matmul(product(first, k), product(k + 1, last))

    y = product(0, len(wide) - 1)
    return squeeze(y, axis=tuple(axis for axis, gone in ((0, row), (1, column)) if gone)) if row or column else y
