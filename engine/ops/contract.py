"""Products of vectors and tensors, summed over chosen axes or over none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, AxisError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.arithmetic import multiply, subtract
from engine.ops.joins import concat, promoted
from engine.ops.linalg import matmul
from engine.ops.reduce import sum
from engine.ops.samples import array
from engine.ops.shape import expand_dims, permute_dims, reshape
from engine.ops.slices import part
from engine.ops.statistics import vector_norm
from engine.sizes import agree, product, show_shape
from engine.spec import DType


def _pair(x1: Any, x2: Any, op: str) -> list[Any]:
    return promoted([as_handle(x1), as_handle(x2)], op)


def _tensors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, y = array(rng, dtype, 2, 3, 4), array(rng, dtype, 3, 4, 5)
    return [
        Sample((x, y)),
        Sample((x, y[:, 0]), {"axes": ((1,), (0,))}),
        Sample((x, y), {"axes": ((2, 1), (1, 0))}),
        Sample((x[0, 0], y[:, 0, 0]), {"axes": 0}),
    ]


def _wrong_tensors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, x), {"axes": 1}, ShapeError),
        Sample((x, x), {"axes": 3}, ArgumentError),
        Sample((x, x), {"axes": ((0, 1), (0,))}, ArgumentError),
        Sample((x, x), {"axes": ((0, 2), (0, 1))}, AxisError),
    ]


@composite(samples=_tensors, errors=_wrong_tensors, accepts=dtypes.NUMERIC)
def tensordot(x1: Any, x2: Any, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Any:
    """Products of elements summed over some axes of ``x1`` and as many of ``x2`` (Array API).

    axes: how many, the last of x1 with the first of x2; or a pair of lists, of axes of x1 and of axes of x2. The result
    has the other axes of x1, then those of x2. Raises ShapeError where sizes differ.
    """
    a, b = _pair(x1, x2, "tensordot")
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ArgumentError(
                f"{axes} axes of arrays that have {a.ndim} and {b.ndim}", op="tensordot", operands=(a, b)
            )
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    first, second = ([n] if isinstance(n, int) else list(n) for n in axes)
    if len(first) != len(second):
        raise ArgumentError(f"{len(first)} axes of x1 for {len(second)} of x2", op="tensordot", operands=(a, b))
    first = [normal_axis(i, a.ndim, "tensordot", a) for i in first]
    second = [normal_axis(i, b.ndim, "tensordot", b) for i in second]
    if len(set(first)) != len(first) or len(set(second)) != len(second):
        raise ArgumentError(f"axes {axes} name an axis twice", op="tensordot", operands=(a, b))
    for i, j in zip(first, second, strict=True):
        if not agree(a.shape[i], b.shape[j]):
            raise ShapeError(
                f"axis {i} of x1 ({a.shape[i]}) must be as long as axis {j} of x2 ({b.shape[j]})",
                op="tensordot",
                operands=(a, b),
            )
    left, right = [i for i in range(a.ndim) if i not in first], [j for j in range(b.ndim) if j not in second]
    shape = (*(a.shape[i] for i in left), *(b.shape[j] for j in right))
    if not first:
        return multiply(reshape(a, (*a.shape, *(1 for _ in right))), b)
    inner = product(a.shape[i] for i in first)
    rows = reshape(permute_dims(a, (*left, *first)), (product(a.shape[i] for i in left), inner))
    columns = reshape(permute_dims(b, (*second, *right)), (inner, product(b.shape[j] for j in right)))
    return reshape(matmul(rows, columns), shape)


# ---------------------------------------------------------------------------------------- vectors


def _vectors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((array(rng, dtype, 3), array(rng, dtype, 4)))]


@composite(
    samples=_vectors,
    errors=lambda rng, dtype: [Sample((np.ones((2, 2), dtype), np.ones(2, dtype)), {}, ShapeError)],
    accepts=dtypes.NUMERIC,
)
def outer(x1: Any, x2: Any, /) -> Any:
    """The products of each element of one vector with each of another: [n], [m] -> [n, m] (Array API)."""
    a, b = as_handle(x1), as_handle(x2)
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError("takes two vectors", op="outer", operands=(a, b), fix="flatten them: reshape(x, (-1,))")
    return multiply(expand_dims(a, axis=1), b)


def _lines(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((array(rng, dtype, 5), array(rng, dtype, 5))),
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 3))),
        Sample((array(rng, dtype, 3, 1), array(rng, dtype, 2, 3, 4)), {"axis": -2}),
    ]


def _wrong_lines(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [Sample((x, x[:, :2]), {}, ShapeError), Sample((x, x[0]), {"axis": -2}, AxisError)]


def _common_axis(a: Any, b: Any, axis: int, op: str) -> int:
    """An axis counted from the end that both arrays have."""
    for x in (a, b):
        normal_axis(axis, x.ndim, op, x)
    if axis >= 0 and a.ndim != b.ndim:
        raise AxisError(
            f"axis {axis} counts from the start of arrays of {a.ndim} and {b.ndim} dimensions",
            op=op,
            operands=(a, b),
            fix="count from the end: axis=-1",
        )
    return axis if axis < 0 else axis - a.ndim


@composite(samples=_lines, errors=_wrong_lines, accepts=dtypes.NUMERIC)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Scalar products along an axis of both, the others broadcast (Array API). Raises ShapeError where its sizes differ."""
    a, b = _pair(x1, x2, "vecdot")
    place = _common_axis(a, b, axis, "vecdot")
    if not agree(a.shape[place], b.shape[place]):
        raise ShapeError("the vectors differ in length", op="vecdot", operands=(a, b))
    if a.ndim == b.ndim == 1:
        return matmul(a, b)
    return sum(multiply(a, b), axis=place, dtype=a.dtype)


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 5), array(rng, dtype, 5))),
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 4, 2, 3))),
        Sample((array(rng, dtype), array(rng, dtype, 3))),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((2, 3), dtype), np.ones((3, 2), dtype)), {}, ShapeError)],
    accepts=dtypes.NUMERIC,
)
def inner(x1: Any, x2: Any, /) -> Any:
    """Scalar products of the last axes: each of x1 with each of x2; a number multiplies (NumPy)."""
    a, b = _pair(x1, x2, "inner")
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    if not agree(a.shape[-1], b.shape[-1]):
        raise ShapeError("the last axes differ in length", op="inner", operands=(a, b))
    return tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 1,)))


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 5), array(rng, dtype, 5))),
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 3, 4))),
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 2, 3, 4))),
        Sample((array(rng, dtype, 3), array(rng, dtype))),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((2, 3), dtype), np.ones((2, 3), dtype)), {}, ShapeError)],
    accepts=dtypes.NUMERIC,
)
def dot(x1: Any, x2: Any, /) -> Any:
    """The last axis of x1 with the last but one of x2 (the only one of a vector); a number multiplies (NumPy).

    Of two vectors the scalar product (PyTorch), of two matrices the matrix product.
    """
    a, b = _pair(x1, x2, "dot")
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    place = max(b.ndim - 2, 0)
    if not agree(a.shape[-1], b.shape[place]):
        raise ShapeError(f"the last axis of x1 must be as long as axis {place} of x2", op="dot", operands=(a, b))
    return tensordot(a, b, axes=((a.ndim - 1,), (place,)))


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 3, 2))),
        Sample((array(rng, dtype, 3), array(rng, dtype, 2, 2))),
    ],
    accepts=dtypes.NUMERIC,
)
def kron(x1: Any, x2: Any, /) -> Any:
    """Blocks of ``x2`` multiplied by each element of ``x1``: sizes multiply, axes count from the end (NumPy, PyTorch)."""
    a, b = as_handle(x1), as_handle(x2)
    rank = max(a.ndim, b.ndim)
    big, small = ((1,) * (rank - x.ndim) + tuple(x.shape) for x in (a, b))
    rows = reshape(a, tuple(n for size in big for n in (size, 1)))
    columns = reshape(b, tuple(n for size in small for n in (1, size)))
    return reshape(multiply(rows, columns), tuple(n * m for n, m in zip(big, small, strict=True)))


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 3), array(rng, dtype, 3))),
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 3))),
        Sample((array(rng, dtype, 3, 2), array(rng, dtype, 3, 1)), {"axis": 0}),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((3, 2), dtype), np.ones((3, 2), dtype)), {}, ShapeError)],
    accepts=dtypes.NUMERIC,
)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Vector products along an axis of size 3 of both, the others broadcast (Array API)."""
    a, b = _pair(x1, x2, "cross")
    place = _common_axis(a, b, axis, "cross")
    if not (agree(a.shape[place], 3) and agree(b.shape[place], 3)):
        raise ShapeError(
            f"takes vectors of 3 elements, not of {show_shape((a.shape[place], b.shape[place]))}",
            op="cross",
            operands=(a, b),
        )
    u, v = ([part(x, x.ndim + place, i, 1) for i in range(3)] for x in (a, b))
    turns = [(1, 2), (2, 0), (0, 1)]
    parts = [subtract(multiply(u[i], v[j]), multiply(u[j], v[i])) for i, j in turns]
    return concat(parts, axis=place)


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 2, 3), array(rng, dtype, 4, 3))),
        Sample((array(rng, dtype, 2, 2, 3), array(rng, dtype, 4, 3)), {"p": 1.0}),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((3, 2), dtype), np.ones((3, 3), dtype)), {}, ShapeError)],
)
def cdist(x1: Any, x2: Any, /, p: float = 2.0) -> Any:
    """The p-norm of the difference of each row of x1 and each row of x2: [..., n, k], [..., m, k] -> [..., n, m] (PyTorch)."""
    a, b = _pair(x1, x2, "cdist")
    if a.ndim < 2 or b.ndim < 2 or not agree(a.shape[-1], b.shape[-1]):
        raise ShapeError("takes two arrays of rows of one length", op="cdist", operands=(a, b))
    return vector_norm(subtract(expand_dims(a, axis=-2), expand_dims(b, axis=-3)), axis=-1, ord=p)
