"""LU factors with partial pivoting, and systems solved by them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dtypes
from engine.errors import LinAlgError, ShapeError
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.along import take_along
from engine.ops.arithmetic import add, subtract
from engine.ops.compare import equal
from engine.ops.create import eye, iota, tril, triu
from engine.ops.dtype import astype
from engine.ops.factor_loops import LU
from engine.ops.joins import concat
from engine.ops.linalg import matmul
from engine.ops.matrices import matrices, not_matrix, regular, smaller, spread, square
from engine.ops.samples import array
from engine.ops.shape import broadcast_to, expand_dims, matrix_transpose, squeeze
from engine.ops.slices import part
from engine.ops.solve import right_sides, solve_triangular
from engine.sizes import agree, same
from engine.spec import DType, Spec, broadcast

_WIDTH = 32  # columns eliminated one by one before the rest is updated by a matrix product


def _factor_kernel(x: Any) -> tuple[Any, Any, Any]:
    """Right-looking elimination, block by block, of all matrices of a batch at once."""
    *lead, m, n = x.shape
    if not x.size:
        places = np.broadcast_to(np.arange(m), (*lead, m))
        return x, places, places
    a = np.array(x, order="C").reshape(-1, m, n)
    every = np.arange(a.shape[0])
    order = np.tile(np.arange(m), (a.shape[0], 1))
    for start in range(0, min(m, n), _WIDTH):
        stop = min(start + _WIDTH, m, n)
        for j in range(start, stop):
            pick = np.argmax(np.abs(a[:, j:, j]), axis=-1) + j
            for rows in (a, order):
                held = rows[every, j].copy()
                rows[every, j] = rows[every, pick]
                rows[every, pick] = held
            pivot = a[:, j, j, None]
            a[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)  # a column of zeros needs no elimination
            a[:, j + 1 :, j + 1 : stop] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 : stop]
        for j in range(start + 1, stop):
            a[:, j, stop:] -= (a[:, j, None, start:j] @ a[:, start:j, stop:])[:, 0]
        a[:, stop:, stop:] -= a[:, stop:, start:stop] @ a[:, start:stop, stop:]
    back = np.argsort(order, axis=-1)
    return a.reshape(x.shape), order.reshape(*lead, m), back.reshape(*lead, m)


def _rows(x: Any, order: Any) -> Any:
    """The rows of each matrix in an order [..., m] of its own."""
    index = broadcast_to(expand_dims(order, axis=-1), x.shape)
    return apply(take_along, x, index, axis=x.ndim - 2)


def _unit_lower(x: Any) -> Any:
    """Ones on the diagonal, and what is below it."""
    return add(tril(x, k=-1), eye(*x.shape[-2:], dtype=x.dtype))


def _of_square(gl: Any, gu: Any, packed: Any) -> Any:
    """The gradient by the permuted matrix, given those by L and by U; packed: [..., n, n]."""
    lower, upper = _unit_lower(packed), triu(packed)
    inner = add(
        tril(matmul(matrix_transpose(lower), gl), k=-1),
        triu(matmul(gu, matrix_transpose(upper))),
    )
    left = solve_triangular(matrix_transpose(lower), inner, upper=True, unitriangular=True)
    return matrix_transpose(solve_triangular(upper, matrix_transpose(left), upper=True))


def _factor_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any) -> list[Any]:
    g = gs[0]
    packed, _, back = ys
    m, n = x.shape[-2:]
    down, right = x.ndim - 2, x.ndim - 1
    k = smaller(m, n)
    if agree(m, n):
        return [_rows(_of_square(tril(g, k=-1), triu(g), packed), back)]
    if m > n:  # the rows of L behind the first n are those of x times the inverse of U
        corner, rest, of_rest = part(packed, down, 0, k), part(packed, down, k, m - k), part(g, down, k, m - k)
        g_corner = part(g, down, 0, k)
        of_rest = matrix_transpose(solve_triangular(triu(corner), matrix_transpose(of_rest), upper=True))
        to_upper = subtract(triu(g_corner), triu(matmul(matrix_transpose(rest), of_rest)))
        of_corner = _of_square(tril(g_corner, k=-1), to_upper, corner)
        return [_rows(concat([of_corner, of_rest], axis=-2), back)]
    corner, rest, of_rest = part(packed, right, 0, k), part(packed, right, k, n - k), part(g, right, k, n - k)
    g_corner = part(g, right, 0, k)
    turned = matrix_transpose(_unit_lower(corner))
    of_rest = solve_triangular(turned, of_rest, upper=True, unitriangular=True)
    to_lower = tril(subtract(g_corner, matmul(of_rest, matrix_transpose(rest))), k=-1)
    of_corner = _of_square(to_lower, triu(g_corner), corner)
    return [_rows(concat([of_corner, of_rest], axis=-1), back)]


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    turned = [regular(rng, dtype, 3, 3)[[1, 2, 0]], spread(rng, dtype, 4, 2), spread(rng, dtype, 2, 2, 3)]
    return [Sample((x,)) for x in (*turned, np.ones((1, 1), dtype), np.ones((0, 2), dtype))]


_factors = Op(
    "lu_factors",
    _factor_kernel,
    lambda x: [Spec(x.shape, x.dtype), *[Spec(x.shape[:-1], dtypes.int64)] * 2],
    lower=LU,
    vjp=_factor_vjp,
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=73,
    samples=_samples,
    many=True,
    doc="L below the diagonal and U on and above it, the rows of x in the order of the factors, and the order back.",
    hidden=True,
)


class LUFactors(NamedTuple):
    """L below the diagonal and U from it on, in one matrix; and which row of x (int64) became each row of it."""

    LU: Any
    permutation: Any


class LUResult(NamedTuple):
    """A permutation matrix, a lower triangle with ones on its diagonal, and an upper triangle."""

    P: Any
    L: Any
    U: Any


@composite(samples=_samples, errors=not_matrix)
def lu_factor(x: Any, /) -> LUFactors:
    """LU factors of each matrix with partial pivoting, packed for ``lu_solve``: ``x[permutation] = L U``.

    x: [..., m, n] -> [..., m, n] and [..., m]. A singular matrix has them too, but no gradient (LinAlgError; de Hoog,
    Anderssen and Lukas 2011). Raises ShapeError.
    """
    packed, order, _ = apply(_factors, matrices(x, "lu_factor"))
    return LUFactors(packed, order)


@composite(samples=_samples, errors=not_matrix)
def lu(x: Any, /) -> LUResult:
    """P, L and U with ``x = P L U``, by partial pivoting (SciPy, PyTorch). See ``lu_factor``.

    x: [..., m, n] -> [..., m, m], [..., m, k] and [..., k, n] with k = min(m, n). Raises ShapeError.
    """
    x = matrices(x, "lu")
    packed, order, _ = apply(_factors, x)
    m, n = x.shape[-2:]
    k = smaller(m, n)
    line = apply(iota, shape=(m, 1), axis=0, dtype=dtypes.int64)
    turn = astype(equal(line, expand_dims(order, axis=-2)), packed.dtype)
    low = packed if same(k, n) else part(packed, x.ndim - 1, 0, k)
    high = packed if same(k, m) else part(packed, x.ndim - 2, 0, k)
    return LUResult(turn, _unit_lower(low), triu(high))


def _solvable(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def one(*shape: int) -> Any:
        return _factor_kernel(regular(rng, dtype, *shape)[..., ::-1, :])[:2]

    return [
        Sample((one(3, 3), array(rng, dtype, 3))),
        Sample((one(2, 2, 2), array(rng, dtype, 2, 1))),
    ]


@composite(
    samples=_solvable,
    errors=lambda rng, dtype: [
        Sample(((np.eye(3, dtype=dtype), np.arange(3)), np.ones(2, dtype)), {}, ShapeError),
        Sample(((np.zeros((2, 2), dtype), np.arange(2)), np.ones(2, dtype)), {}, LinAlgError),
    ],
)
def lu_solve(factors: Any, b: Any, /) -> Any:
    """The x with ``a @ x = b``, where ``factors`` is ``lu_factor(a)``; b: [n] or [..., n, k]. Raises ShapeError, LinAlgError."""
    packed = square(factors[0], "lu_solve")
    order = as_handle(factors[1])
    b, vector = right_sides(packed, b, "lu_solve")
    b = broadcast_to(b, (*broadcast(order.shape[:-1], b.shape[:-2]), *b.shape[-2:]))
    y = solve_triangular(packed, _rows(b, order), upper=False, unitriangular=True)
    y = solve_triangular(packed, y, upper=True)
    return squeeze(y, axis=-1) if vector else y
