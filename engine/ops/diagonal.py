"""Diagonals: read, put into a matrix, and summed."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, AxisError, ShapeError
from engine.lowering import Assemble, Layout, View, contiguous
from engine.makers import composite
from engine.op import Op, Sample, Trait, apply, as_handle
from engine.ops.create import full
from engine.ops.reduce import sum
from engine.ops.samples import array
from engine.ops.shape import MOVES, moveaxis, permute_dims
from engine.sizes import Shape, Size, larger, same
from engine.spec import DType, Spec

# Ops here read the last two axes.


def _length(rows: Size, columns: Size, offset: int) -> Size:
    """How many elements a diagonal has."""
    down, right = rows + min(offset, 0), columns - max(offset, 0)
    if same(down, right):
        shorter: Size = down
    elif isinstance(down, int) and isinstance(right, int):
        shorter = min(down, right)
    else:
        shorter = down + right - larger(down, right)
    return max(shorter, 0) if isinstance(shorter, int) else shorter if offset == 0 else larger(shorter, 0)


def _layout(layout: Layout, shape: Shape, offset: int) -> Layout:
    rows, columns = layout.strides[-2:]
    start: Size = rows * -offset if offset < 0 else columns * offset
    if same(_length(shape[-2], shape[-1], offset), 0):
        start = 0
    return Layout(layout.offset + start, (*layout.strides[:-2], rows + columns))


def _set_kernel(x: Any, v: Any, offset: int) -> Any:
    out = np.array(x, order="C")
    n = v.shape[-1]
    turn = np.arange(n)
    out[..., turn + max(-offset, 0), turn + max(offset, 0)] = v
    return out


def _matrices(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    shapes = [((3, 3), 0), ((2, 3, 5), 1), ((4, 2), -2), ((2, 3), 5)]
    return [Sample((array(rng, dtype, *shape),), {"offset": offset}) for shape, offset in shapes]


def _with_values(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    samples = _matrices(rng, dtype)
    lengths = [np.diagonal(s.args[0], s.attrs["offset"], -2, -1).shape for s in samples]
    return [Sample((*s.args, array(rng, dtype, *n)), s.attrs) for s, n in zip(samples, lengths, strict=True)]


diagonal_of: Op = Op(
    "diagonal_of",
    lambda x, offset: np.diagonal(x, offset, -2, -1),
    lambda x, offset: Spec((*x.shape[:-2], _length(x.shape[-2], x.shape[-1], offset)), x.dtype),
    batch="shift",
    lower=View(lambda layout, old, new, attrs: _layout(layout, old, attrs["offset"])),
    order=6,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, offset: apply(diagonal_set, full(x.shape, 0, dtype=g.dtype), g, offset=offset),),
    samples=_matrices,
    doc="A diagonal of the last two axes.",
    **MOVES,
    hidden=True,
)
diagonal_set: Op = Op(
    "diagonal_set",
    _set_kernel,
    lambda x, v, offset: Spec(x.shape, x.dtype),
    batch="shift",
    lower=Assemble(
        lambda specs, out, attrs: [
            (0, contiguous(out.shape)),
            (1, _layout(contiguous(out.shape), out.shape, attrs["offset"])),
        ]
    ),
    order=30,
    vjp=(
        lambda g, y, x, v, offset: apply(diagonal_set, g, full(v.shape, 0, dtype=g.dtype), offset=offset),
        lambda g, y, x, v, offset: apply(diagonal_of, g, offset=offset),
    ),
    samples=_with_values,
    doc="x with a diagonal of its last two axes replaced by v.",
    **MOVES,
    hidden=True,
)


def _planes(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = array(rng, dtype, 2, 3, 4)
    return [Sample((x,)), Sample((x,), {"offset": -1}), Sample((x,), {"offset": 1, "axis1": 0, "axis2": 2})]


def _flat(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones(3, dtype),), {}, ShapeError),
        Sample((np.ones((2, 3), dtype),), {"axis1": 2}, AxisError),
        Sample((np.ones((2, 3), dtype),), {"axis1": 1}, ArgumentError),
    ]


def _plane(x: Any, axis1: int, axis2: int, op: str) -> Any:
    """``x`` with two of its axes moved to the end."""
    x = as_handle(x)
    if x.ndim < 2:
        raise ShapeError("needs at least two dimensions", op=op, operands=(x,))
    first, second = (normal_axis(a, x.ndim, op, x) for a in (axis1, axis2))
    if first == second:
        raise ArgumentError(f"axes {axis1} and {axis2} are the same", op=op, operands=(x,))
    return permute_dims(x, (*(i for i in range(x.ndim) if i not in (first, second)), first, second))


@composite(samples=_planes, errors=_flat, accepts=dtypes.EVERY)
def diagonal(x: Any, /, *, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Any:
    """A diagonal of each matrix in two axes, as a new last axis; above the main one for ``offset`` > 0 (Array API)."""
    return apply(diagonal_of, _plane(x, axis1, axis2, "diagonal"), offset=int(offset))


@composite(samples=lambda rng, dtype: _planes(rng, dtype)[:2], errors=_flat, accepts=dtypes.NUMERIC)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None, axis1: int = -2, axis2: int = -1) -> Any:
    """The sum of a diagonal of each matrix in two axes; small integers are summed in int64 (Array API)."""
    return sum(apply(diagonal_of, _plane(x, axis1, axis2, "trace"), offset=int(offset)), axis=-1, dtype=dtype)


def _vectors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = array(rng, dtype, 2, 3)
    return [Sample((x,)), Sample((x,), {"offset": -1}), Sample((x,), {"offset": 1, "axis1": 0, "axis2": 2})]


@composite(
    samples=_vectors,
    errors=lambda rng, dtype: [
        Sample((np.ones((), dtype),), {}, ShapeError),
        Sample((np.ones(3, dtype),), {"axis1": 2}, AxisError),
        Sample((np.ones(3, dtype),), {"axis1": 1}, ArgumentError),
    ],
    accepts=dtypes.EVERY,
)
def diag_embed(x: Any, /, *, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Any:
    """Matrices with the last axis of ``x`` on a diagonal and zeros elsewhere, in two new axes of the result (PyTorch)."""
    x = as_handle(x)
    if x.ndim == 0:
        raise ShapeError("needs at least one axis", op="diag_embed", operands=(x,))
    rank = x.ndim + 1
    first, second = (normal_axis(a, rank, "diag_embed", x) for a in (axis1, axis2))
    if first == second:
        raise ArgumentError(f"axes {axis1} and {axis2} are the same", op="diag_embed", operands=(x,))
    n = x.shape[-1] + abs(int(offset))
    y = apply(diagonal_set, full((*x.shape[:-1], n, n), 0, dtype=x.dtype), x, offset=int(offset))
    return moveaxis(y, (-2, -1), (first, second))


@composite(
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 3),), {"k": 1}),
        Sample((array(rng, dtype, 3, 4),)),
    ],
    errors=lambda rng, dtype: [Sample((np.ones((2, 2, 2), dtype),), {}, ShapeError)],
    accepts=dtypes.EVERY,
)
def diag(x: Any, /, *, k: int = 0) -> Any:
    """A matrix with a vector on diagonal ``k``, or diagonal ``k`` of a matrix (NumPy)."""
    x = as_handle(x)
    if x.ndim not in (1, 2):
        raise ShapeError("takes a vector or a matrix", op="diag", operands=(x,), fix="use diagonal or diag_embed")
    return diag_embed(x, offset=k) if x.ndim == 1 else diagonal(x, offset=k)
