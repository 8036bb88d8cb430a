"""Factors of a matrix that elimination and reflection give: Cholesky and QR."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, GradientError, LinAlgError
from engine.makers import publish
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import add, multiply, negative, subtract
from engine.ops.create import tril
from engine.ops.factor_loops import CHOLESKY
from engine.ops.joins import concat
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    DIVERGED,
    INDEFINITE,
    definite,
    guarded,
    matrices,
    not_matrix,
    not_square,
    smaller,
    spread,
    square,
    square_spec,
)
from engine.ops.shape import matrix_transpose
from engine.ops.slices import part
from engine.ops.solve import solve_triangular
from engine.sizes import agree
from engine.spec import DType, Spec

# ---------------------------------------------------------------------------------------- Cholesky


def symmetric(x: Any) -> Any:
    """The symmetric part of NumPy matrices; of symmetric ones every bit."""
    return (x + x.swapaxes(-1, -2)) / 2


def _cholesky_vjp(g: Any, y: Any, x: Any) -> Any:
    p = matmul(matrix_transpose(y), tril(g))
    p = multiply(add(tril(p), tril(p, k=-1)), 0.5)
    up = matrix_transpose(y)
    half = matrix_transpose(solve_triangular(up, p, upper=True))
    whole = solve_triangular(up, half, upper=True)
    return multiply(add(whole, matrix_transpose(whole)), 0.5)


_cholesky: Op = Op(
    "cholesky",
    guarded(lambda x: np.linalg.cholesky(symmetric(x)), INDEFINITE),
    square_spec,
    lower=CHOLESKY,
    vjp=(_cholesky_vjp,),
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=72,
    samples=lambda rng, dtype: [
        Sample((definite(rng, dtype, 3, 3),)),
        Sample((definite(rng, dtype, 2, 2, 2),), {"upper": True}),
        Sample((definite(rng, dtype, 1, 1),)),
        Sample((np.ones((0, 0), dtype),)),
    ],
    errors=lambda rng, dtype: [
        *not_square(rng, dtype),
        Sample((np.array([[1, 2], [2, 1]], dtype),), {}, LinAlgError),
    ],
    doc="The Cholesky factor of a symmetric positive definite matrix.",
)


@publish(_cholesky)
def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The triangle L with ``x = L Lᵀ``, or U with ``x = Uᵀ U``, of each symmetric matrix [..., n, n] (Array API).

    Of a matrix that is not symmetric it is that of (x + xᵀ) / 2, so that gradients are symmetric (Murray 2016). Raises
    ShapeError where matrices are not square, LinAlgError where one is not positive definite.
    """
    y = apply(_cholesky, square(x, "cholesky"))
    return matrix_transpose(y) if upper else y


# ---------------------------------------------------------------------------------------- QR


class QRResult(NamedTuple):
    """Orthonormal columns, and an upper triangle."""

    Q: Any
    R: Any


def _qr_spec(x: Any, mode: str) -> list[Spec]:
    *lead, m, n = x.shape
    k = m if mode == "complete" else smaller(m, n)
    return [Spec((*lead, m, k), x.dtype), Spec((*lead, k, n), x.dtype)]


def _of_tall(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """The gradient where columns are no more than rows; r: [..., n, n]."""
    m = None if gr is None else matmul(r, matrix_transpose(gr))
    if gq is not None:
        inner = matmul(matrix_transpose(gq), q)
        m = negative(inner) if m is None else subtract(m, inner)
    whole = matmul(q, add(tril(m), matrix_transpose(tril(m, k=-1))))
    whole = whole if gq is None else add(whole, gq)
    return matrix_transpose(solve_triangular(r, matrix_transpose(whole), upper=True))


def _qr_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any, mode: str) -> list[Any]:
    (gq, gr), (q, r) = gs, ys
    m, n = x.shape[-2:]
    if agree(m, n) or m > n:
        if mode == "complete" and not agree(m, n):
            raise GradientError(
                "the columns that complete a basis are not determined, so they have no gradient",
                op="qr",
                operands=(x,),
                fix='use mode="reduced"',
            )
        return [_of_tall(gq, gr, q, r)]
    # With more columns than rows, those behind the first m are Q times the rest of R.
    first, rest = part(r, x.ndim - 1, 0, m), part(x, x.ndim - 1, m, n - m)
    g_first = None
    to_rest = None
    if gr is not None:
        g_first, g_rest = part(gr, x.ndim - 1, 0, m), part(gr, x.ndim - 1, m, n - m)
        to_rest = matmul(q, g_rest)
        onto = matmul(rest, matrix_transpose(g_rest))
        gq = onto if gq is None else add(gq, onto)
    to_first = _of_tall(gq, g_first, q, first)
    return [concat([to_first, multiply(rest, 0.0) if to_rest is None else to_rest], axis=-1)]


def _qr_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((spread(rng, dtype, 3, 3),)),
        Sample((spread(rng, dtype, 4, 2),)),
        Sample((spread(rng, dtype, 2, 2, 3),)),
        Sample((spread(rng, dtype, 2, 3),), {"mode": "complete"}),
        Sample((np.ones((0, 2), dtype),)),
    ]


_qr = Op(
    "qr",
    guarded(lambda x, mode: tuple(np.linalg.qr(x, mode)), DIVERGED),
    _qr_spec,
    vjp=_qr_vjp,
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="xy",
    order=73,
    samples=_qr_samples,
    errors=lambda rng, dtype: [
        *not_matrix(rng, dtype),
        Sample((np.ones((2, 2), dtype),), {"mode": "raw"}, ArgumentError),
    ],
    many=True,
    doc="The factors Q and R of a matrix.",
)


@publish(_qr)
def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    """Q with orthonormal columns and R, an upper triangle, with ``x = Q R``; x: [..., m, n] (Array API).

    ``mode``: "reduced", k = min(m, n) columns of Q and rows of R, or "complete", m of them. The signs are those of
    LAPACK's reflections. Gradients need the first k columns to be independent, and for m > n the reduced mode
    (GradientError); Walter, Lehmann and Lamour 2012. Raises ShapeError, ArgumentError.
    """
    x = matrices(x, "qr")
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"there is no mode {mode!r}", op="qr", operands=(x,), fix='use "reduced" or "complete"')
    return QRResult(*apply(_qr, x, mode=mode))
