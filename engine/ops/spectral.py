"""Factors of a matrix in its own axes: eigenvalues of symmetric matrices, and singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dtypes
from engine.makers import publish
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import add, divide, multiply, subtract
from engine.ops.compare import equal, where
from engine.ops.decompositions import symmetric
from engine.ops.diagonal import diagonal_set
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    DIVERGED,
    check_square,
    guarded,
    matrices,
    not_matrix,
    not_square,
    smaller,
    spread,
    square,
)
from engine.ops.shape import expand_dims, matrix_transpose
from engine.ops.slices import part
from engine.sizes import agree, same
from engine.spec import DType, Spec

# The vectors that belong to equal values are determined only as a space. Rules here divide by differences of values and
# take the quotient for zero where they are equal: right for functions that do not depend on the choice of vectors.


def _transposed_minus(p: Any) -> Any:
    return subtract(p, matrix_transpose(p))


def _reciprocal(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    zero = equal(x, 0)
    return where(zero, 0.0, divide(1.0, where(zero, 1.0, x)))


def _differences(s: Any) -> Any:
    """s_j - s_i as matrices."""
    return subtract(expand_dims(s, axis=-2), expand_dims(s, axis=-1))


def _with_diagonal(x: Any, values: Any) -> Any:
    return apply(diagonal_set, x, values, offset=0)


# ---------------------------------------------------------------------------------------- symmetric matrices


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors as columns in the same order."""

    eigenvalues: Any
    eigenvectors: Any


def _symmetric_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        q, _ = np.linalg.qr(rng.uniform(-1, 1, shape))
        values = np.arange(shape[-1]) - 1 + rng.uniform(0, 0.4, shape[:-1])
        return ((q * values[..., None, :]) @ q.swapaxes(-1, -2)).astype(dtype)

    return [Sample((make(*shape),)) for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0))]


def _eigh_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any) -> list[Any]:
    (gw, gv), (w, v) = gs, ys
    if gv is None:
        return [matmul(multiply(v, expand_dims(gw, axis=-2)), matrix_transpose(v))]
    turn = multiply(_transposed_minus(matmul(matrix_transpose(v), gv)), 0.5)
    inner = multiply(turn, _reciprocal(_differences(w)))
    if gw is not None:
        inner = _with_diagonal(inner, gw)
    return [matmul(matmul(v, inner), matrix_transpose(v))]


def _values_spec(x: Any) -> Spec:
    check_square(x.shape)
    return Spec(x.shape[:-1], x.dtype)


_eigh = Op(
    "eigh",
    guarded(lambda x: tuple(np.linalg.eigh(symmetric(x))), DIVERGED),
    lambda x: [_values_spec(x), Spec(x.shape, x.dtype)],
    vjp=_eigh_vjp,
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=73,
    samples=_symmetric_samples,
    errors=not_square,
    many=True,
    doc="Eigenvalues and eigenvectors of a symmetric matrix.",
)


@publish(_eigh)
def eigh(x: Any, /) -> EighResult:
    """Eigenvalues in ascending order and orthonormal eigenvectors, as columns, of each symmetric matrix (Array API).

    x: [..., n, n] -> [..., n] and [..., n, n]. Of a matrix that is not symmetric they are those of (x + xᵀ) / 2. The
    gradient (Giles 2008) counts eigenvectors of equal eigenvalues as interchangeable. Raises ShapeError, and
    LinAlgError where the iteration does not converge.
    """
    return EighResult(*apply(_eigh, square(x, "eigh")))


def _eigvalsh_vjp(g: Any, y: Any, x: Any) -> Any:
    _, v = apply(_eigh, x)
    return matmul(multiply(v, expand_dims(g, axis=-2)), matrix_transpose(v))


_eigvalsh = Op(
    "eigvalsh",
    guarded(lambda x: np.linalg.eigvalsh(symmetric(x)), DIVERGED),
    _values_spec,
    vjp=(_eigvalsh_vjp,),
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    order=74,
    samples=_symmetric_samples,
    errors=not_square,
    doc="Eigenvalues of a symmetric matrix.",
)


@publish(_eigvalsh)
def eigvalsh(x: Any, /) -> Any:
    """Eigenvalues, in ascending order, of each symmetric matrix: [..., n, n] -> [..., n] (Array API). See ``eigh``."""
    return apply(_eigvalsh, square(x, "eigvalsh"))


# ---------------------------------------------------------------------------------------- singular values


class SVDResult(NamedTuple):
    """Left vectors as columns, singular values in descending order, right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


def _svd_spec(x: Any, full: bool) -> list[Spec]:
    *lead, m, n = x.shape
    k = smaller(m, n)
    shapes = [(*lead, m, m if full else k), (*lead, k), (*lead, n if full else k, n)]
    return [Spec(shape, x.dtype) for shape in shapes]


def _svd_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any, full: bool) -> list[Any]:
    (gu, g, gvh), (u, s, vh) = gs, ys
    m, n = x.shape[-2:]
    k = s.shape[-1]
    if full and not agree(m, n):
        # The vectors that complete a basis may be any: what reaches them says nothing of x.
        gu = None if gu is None else part(gu, x.ndim - 1, 0, k)
        gvh = None if gvh is None else part(gvh, x.ndim - 2, 0, k)
        u, vh = part(u, x.ndim - 1, 0, k), part(vh, x.ndim - 2, 0, k)
    if gu is None and gvh is None:
        return [matmul(multiply(u, expand_dims(g, axis=-2)), vh)]
    # The difference quotients of Townsend 2016 in partial fractions: only 1 / (s_j - s_i) grows where values meet, and
    # it meets the sum of both turns, which is zero for a function that does not depend on the choice of vectors.
    of_u = None if gu is None else matmul(matrix_transpose(u), gu)
    of_v = None if gvh is None else matmul(vh, matrix_transpose(gvh))
    turn_u = None if of_u is None else _transposed_minus(of_u)
    turn_v = None if of_v is None else _transposed_minus(of_v)
    both = turn_v if turn_u is None else turn_u if turn_v is None else add(turn_u, turn_v)
    apart = turn_u if turn_v is None else multiply(turn_v, -1.0) if turn_u is None else subtract(turn_u, turn_v)
    sums = add(expand_dims(s, axis=-2), expand_dims(s, axis=-1))
    inner = add(multiply(both, _reciprocal(_differences(s))), multiply(apart, _reciprocal(sums)))
    inner = multiply(inner, 0.5)
    if g is not None:
        inner = _with_diagonal(inner, g)
    total = matmul(matmul(u, inner), vh)
    shrink = expand_dims(_reciprocal(s), axis=-2)
    if gu is not None and not same(m, k):
        outside = subtract(gu, matmul(u, of_u))
        total = add(total, matmul(multiply(outside, shrink), vh))
    if gvh is not None and not same(n, k):
        outside = subtract(matrix_transpose(gvh), matmul(matrix_transpose(vh), of_v))
        total = add(total, matmul(u, matrix_transpose(multiply(outside, shrink))))
    return [total]


def _svd_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((spread(rng, dtype, 3, 3),)),
        Sample((spread(rng, dtype, 4, 2),), {"full_matrices": False}),
        Sample((spread(rng, dtype, 2, 2, 3),), {"full_matrices": False}),
        Sample((spread(rng, dtype, 1, 1),)),
        Sample((np.ones((0, 2), dtype),)),
    ]


_svd = Op(
    "svd",
    guarded(lambda x, full: tuple(np.linalg.svd(x, full_matrices=full)), DIVERGED),
    _svd_spec,
    vjp=_svd_vjp,
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=73,
    samples=_svd_samples,
    errors=not_matrix,
    many=True,
    doc="Singular vectors and values of a matrix.",
)


@publish(_svd)
def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """U, S and Vh with ``x = (U * S) @ Vh`` for k = min(m, n) vectors; S descends; x: [..., m, n] (Array API).

    ``full_matrices``: U [..., m, m] and Vh [..., n, n], else U [..., m, k] and Vh [..., k, n]. Gradients of the vectors
    beyond the k first, which complete a basis and may be any, are ignored, as in PyTorch. The gradient (Townsend 2016, Giles 2008) counts vectors of equal
    singular values as interchangeable. Raises ShapeError, and LinAlgError where the iteration does not converge.
    """
    return SVDResult(*apply(_svd, matrices(x, "svd"), full=bool(full_matrices)))


def _svdvals_vjp(g: Any, y: Any, x: Any) -> Any:
    u, _, vh = apply(_svd, x, full=False)
    return matmul(multiply(u, expand_dims(g, axis=-2)), vh)


_svdvals = Op(
    "svdvals",
    guarded(np.linalg.svdvals, DIVERGED),
    lambda x: Spec((*x.shape[:-2], smaller(*x.shape[-2:])), x.dtype),
    vjp=(_svdvals_vjp,),
    batch="leading",
    accepts=dtypes.FLOATS,
    floating=True,
    order=74,
    samples=lambda rng, dtype: [Sample(s.args) for s in _svd_samples(rng, dtype)],
    errors=not_matrix,
    doc="Singular values of a matrix.",
)


@publish(_svdvals)
def svdvals(x: Any, /) -> Any:
    """Singular values in descending order: [..., m, n] -> [..., min(m, n)] (Array API). Raises ShapeError, LinAlgError."""
    return apply(_svdvals, matrices(x, "svdvals"))
