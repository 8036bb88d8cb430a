"""Norms of matrices, and condition numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axes
from engine.errors import ArgumentError, LinAlgError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.arithmetic import abs as abs_
from engine.ops.arithmetic import divide, multiply
from engine.ops.dtype import astype
from engine.ops.matrices import matrices, not_matrix, regular, spread, square
from engine.ops.reduce import max, min, sum
from engine.ops.shape import expand_dims, moveaxis
from engine.ops.slices import part
from engine.ops.solve import inv
from engine.ops.spectral import svdvals
from engine.ops.statistics import vector_norm
from engine.spec import DType

_INF = float("inf")
_ORDERS = "'fro', 'nuc', 1, -1, 2, -2, inf or -inf"


def _floating(x: Any) -> Any:
    return x if x.dtype.kind == "f" else astype(x, dtypes.DEFAULT_FLOAT)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = spread(rng, dtype, 2, 2, 3)
    orders = ("nuc", 1, -1, 2, -2, _INF, -_INF)
    return [
        Sample((x,)),
        Sample((x[0],), {"keepdims": True}),
        *(Sample((x[i % 2],), {"ord": ord, "keepdims": i == 3}) for i, ord in enumerate(orders)),
    ]


def _wrong(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [*not_matrix(rng, dtype), Sample((np.ones((2, 2), dtype),), {"ord": 3}, ArgumentError)]


@composite(samples=_samples, errors=_wrong)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """A norm of each matrix: [..., m, n] -> [...], or [..., 1, 1] with ``keepdims`` (Array API).

    ``ord``: "fro" root of the sum of squares, "nuc" sum of singular values, 2 and -2 the largest and smallest of them,
    1 and -1 the largest and smallest sum of absolute values of a column, inf and -inf those of a row.
    Raises ShapeError, ArgumentError for another order.
    """
    x = _floating(matrices(x, "matrix_norm"))
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    extreme = max if ord in (1, 2, _INF) else min
    if ord in (1, -1):
        return extreme(sum(abs_(x), axis=-2, keepdims=True), axis=(-2, -1), keepdims=keepdims)
    if ord in (_INF, -_INF):
        return extreme(sum(abs_(x), axis=-1, keepdims=True), axis=(-2, -1), keepdims=keepdims)
    if ord != "nuc" and ord not in (2, -2):
        raise ArgumentError(
            f"there is no norm {ord!r} of matrices", op="matrix_norm", operands=(x,), fix=f"use {_ORDERS}"
        )
    s = svdvals(x)
    found = sum(s, axis=-1) if ord == "nuc" else extreme(s, axis=-1)
    return expand_dims(found, axis=(-2, -1)) if keepdims else found


def _any_rank(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = spread(rng, dtype, 2, 2, 3)
    return [
        Sample((x,)),
        Sample((x[0, 0],), {"ord": 3}),
        Sample((x,), {"ord": 1, "axis": 1}),
        Sample((x,), {"ord": 1, "axis": (2, 0), "keepdims": True}),
        Sample((x[0],), {"ord": "nuc"}),
    ]


@composite(
    samples=_any_rank,
    errors=lambda rng, dtype: [
        Sample((np.ones((2, 2, 2), dtype),), {"ord": 1}, ShapeError),
        Sample((np.ones((2, 2), dtype),), {"ord": "fro", "axis": 0}, ArgumentError),
        Sample((np.ones((2, 2, 2), dtype),), {"axis": (0, 1, 2), "ord": 2}, ArgumentError),
    ],
)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors along one axis, or of matrices in two; without ``axis`` of the whole array (NumPy).

    ``ord``: as in ``vector_norm`` or ``matrix_norm``; None is the root of the sum of squares, of any number of axes.
    Raises ShapeError where an order is given for an array that is neither vector nor matrix, ArgumentError, AxisError.
    """
    x = as_handle(x)
    axes = normal_axes(axis, x.ndim, "norm", x)
    if ord is None:
        return vector_norm(x, axis=axes, keepdims=keepdims)
    if axis is None and x.ndim not in (1, 2):
        raise ShapeError("an order belongs to a vector or a matrix", op="norm", operands=(x,), fix="name the axes")
    if len(axes) == 1 and not isinstance(ord, str):
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise ArgumentError(f"there is no norm {ord!r} over {len(axes)} axes", op="norm", operands=(x,))
    rows, columns = axes if axis is None else axis
    found = matrix_norm(moveaxis(x, (rows, columns), (-2, -1)), ord=ord)
    return expand_dims(found, axis=axes) if keepdims else found


def _conditions(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = spread(rng, dtype, 3, 3)
    return [
        Sample((x,)),
        Sample((spread(rng, dtype, 2, 3, 2),), {"p": -2}),
        Sample((regular(rng, dtype, 2, 2),), {"p": 1}),
        Sample((x,), {"p": "fro"}),
    ]


@composite(
    samples=_conditions,
    errors=lambda rng, dtype: [
        Sample((np.ones((2, 3), dtype),), {"p": 1}, ShapeError),
        Sample((np.ones(3, dtype),), {}, ShapeError),
        Sample((np.ones((2, 2), dtype),), {"p": 1}, LinAlgError),
    ],
)
def condition_number(x: Any, /, p: Any = None) -> Any:
    """How much a matrix magnifies relative errors: [..., m, n] -> [...]; ``tg.linalg.cond`` (NumPy, PyTorch).

    ``p``: None or 2 for the largest singular value over the smallest (inf where that is 0), -2 for the inverse of this;
    any other order of ``matrix_norm`` for that norm of the matrix times that of its inverse. Raises ShapeError, and for
    those other orders LinAlgError where a matrix is singular.
    """
    if p in (None, 2, -2):
        s = svdvals(_floating(matrices(x, "condition_number")))
        last = s.ndim - 1
        large, small = (part(s, last, at, 1) for at in (0, s.shape[-1] - 1))
        found = divide(small, large) if p == -2 else divide(large, small)
        return sum(found, axis=-1)
    x = _floating(square(x, "condition_number"))
    return multiply(matrix_norm(x, ord=p), matrix_norm(inv(x), ord=p))
