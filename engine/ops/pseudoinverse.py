"""What stands in for an inverse: pseudoinverse, least squares and rank."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dtypes
from engine.errors import ShapeError
from engine.handle import is_scalar
from engine.makers import composite, publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import add, multiply, negative, square, subtract
from engine.ops.linalg import matmul
from engine.ops.matrices import DIVERGED, guarded, matrices, not_matrix, smaller, spread
from engine.ops.reduce import sum
from engine.ops.samples import array
from engine.ops.shape import expand_dims, matrix_transpose, squeeze
from engine.ops.solve import right_sides
from engine.ops.spectral import svd
from engine.sizes import agree
from engine.spec import Incompatible, Spec, broadcast


def _threshold(s: Any, rtol: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Singular values up to it count as zero: by the standard max(m, n) * eps of the largest, unless ``rtol`` is given."""
    part = np.asarray(rtol[0], s.dtype)[..., None] if rtol else max(shape[-2:]) * np.finfo(s.dtype).eps
    return (part * s.max(axis=-1, initial=0, keepdims=True)).astype(s.dtype)


def _thin(x: Any, rtol: tuple[Any, ...]) -> tuple[Any, Any, Any, Any]:
    """Reduced singular vectors and values, and the reciprocals of those values that count."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    counts = s > _threshold(s, rtol, x.shape)
    return u, s, vh, np.where(counts, 1 / np.where(counts, s, 1), 0).astype(s.dtype)


def _with(rtol: Any) -> tuple[Any, ...]:
    """A tolerance as the last operand, or none."""
    return () if rtol is None else (rtol if is_scalar(rtol) else as_handle(rtol),)


def _lead(x: Any, rtol: tuple[Any, ...]) -> Any:
    """The batch axes of a function of matrices and their tolerances."""
    return broadcast(x.shape[:-2], *(r.shape for r in rtol if hasattr(r, "shape")))


# ---------------------------------------------------------------------------------------- pseudoinverse


def _pinv_kernel(x: Any, *rtol: Any) -> Any:
    u, _, vh, r = _thin(x, rtol)
    return (vh.swapaxes(-1, -2) * r[..., None, :]) @ u.swapaxes(-1, -2)


def _through_inverse(g: Any, y: Any, x: Any) -> Any:
    """The gradient by x, given that by its pseudoinverse y; Golub and Pereyra 1973, for a rank that stays."""
    yt, gt = matrix_transpose(y), matrix_transpose(g)
    total = negative(matmul(matmul(yt, g), yt))
    left = matmul(matmul(gt, y), yt)
    total = add(total, subtract(left, matmul(x, matmul(y, left))))
    right = matmul(yt, matmul(y, gt))
    return add(total, subtract(right, matmul(matmul(right, y), x)))


_pinv: Op = Op(
    "pinv",
    guarded(_pinv_kernel, DIVERGED),
    lambda x, *rtol: Spec((*_lead(x, rtol), x.shape[-1], x.shape[-2]), x.dtype),
    vjp=lambda g, y, x, *rtol: [_through_inverse(g, y, x), *(None for _ in rtol)],
    batch="spectra",
    accepts=dtypes.FLOATS,
    floating=True,
    casts=slice(1),
    keeps="xy",
    order=74,
    samples=lambda rng, dtype: [
        Sample((spread(rng, dtype, 3, 3),)),
        Sample((spread(rng, dtype, 2, 3, 2),)),
        Sample((np.diag([3, 2, 1])[:2].astype(dtype),), {"rtol": 1e-3}),
        Sample((np.ones((0, 2), dtype),)),
    ],
    errors=not_matrix,
    doc="The pseudoinverse of Moore and Penrose.",
)


@publish(_pinv)
def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """The pseudoinverse of each matrix: [..., m, n] -> [..., n, m] (Array API).

    ``rtol``: singular values up to this part of the largest count as zero; a number, or one for each matrix [...];
    max(m, n) * eps if left out. The gradient (Golub and Pereyra 1973) holds while the rank stays. Raises ShapeError.
    """
    return apply(_pinv, matrices(x, "pinv"), *_with(rtol))


# ---------------------------------------------------------------------------------------- rank


def _rank_kernel(x: Any, *rtol: Any) -> Any:
    s = np.linalg.svdvals(x)
    return np.count_nonzero(s > _threshold(s, rtol, x.shape), axis=-1)


_rank = Op(
    "matrix_rank",
    guarded(_rank_kernel, DIVERGED),
    lambda x, *rtol: Spec(_lead(x, rtol), dtypes.DEFAULT_INT),
    batch="spectra",
    accepts=dtypes.FLOATS,
    floating=True,
    casts=slice(1),
    keeps="",
    order=74,
    samples=lambda rng, dtype: [
        Sample((spread(rng, dtype, 2, 3, 2),)),
        Sample((np.ones((3, 3), dtype),)),
        Sample((np.diag([4, 2, 1]).astype(dtype),), {"rtol": 0.3}),
        Sample((np.ones((2, 0), dtype),)),
    ],
    errors=not_matrix,
    doc="The number of singular values that count.",
)


@publish(_rank)
def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """The rank (int64) of each matrix: [..., m, n] -> [...] (Array API). ``rtol``: as in ``pinv``. Raises ShapeError."""
    return apply(_rank, matrices(x, "matrix_rank"), *_with(rtol))


# ---------------------------------------------------------------------------------------- least squares


class LstsqResult(NamedTuple):
    """The solution, the sums of squared residuals of each right side, the rank (int64) and the singular values."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def _least_kernel(a: Any, b: Any, *rtol: Any) -> tuple[Any, Any, Any]:
    u, s, vh, r = _thin(a, rtol)
    x = vh.swapaxes(-1, -2) @ (r[..., None] * (u.swapaxes(-1, -2) @ b))
    return x, s, np.count_nonzero(r, axis=-1)


def _least_spec(a: Any, b: Any, *rtol: Any) -> list[Spec]:
    *lead, m, n = a.shape
    if not agree(m, b.shape[-2]):
        raise Incompatible(f"{m} rows, right sides of {b.shape[-2]}")
    ranks = _lead(a, rtol)
    return [
        Spec((*broadcast(ranks, b.shape[:-2]), n, b.shape[-1]), a.dtype),
        Spec((*lead, smaller(m, n)), a.dtype),
        Spec(ranks, dtypes.DEFAULT_INT),
    ]


def _least_vjp(gs: list[Any], ys: tuple[Any, ...], a: Any, b: Any, *rtol: Any) -> list[Any]:
    to_a = to_b = None
    if gs[0] is not None:
        y = apply(_pinv, a, *rtol)
        to_b = matmul(matrix_transpose(y), gs[0])
        to_a = _through_inverse(matmul(gs[0], matrix_transpose(b)), y, a)
    if gs[1] is not None:
        u, _, vh = svd(a, full_matrices=False)
        turned = matmul(multiply(u, expand_dims(gs[1], axis=-2)), vh)
        to_a = turned if to_a is None else add(to_a, turned)
    return [to_a, to_b, *(None for _ in rtol)]


_least_squares: Op = Op(
    "least_squares",
    guarded(_least_kernel, DIVERGED),
    _least_spec,
    vjp=_least_vjp,
    batch="spectra",
    accepts=dtypes.FLOATS,
    floating=True,
    casts=slice(2),
    order=75,
    samples=lambda rng, dtype: [Sample((spread(rng, dtype, 3, 2), array(rng, dtype, 3, 2)))],
    many=True,
    doc="The shortest vectors of least squared residuals, the singular values and the rank.",
    hidden=True,
)


@composite(
    samples=lambda rng, dtype: [
        Sample((spread(rng, dtype, 4, 2), array(rng, dtype, 4))),
        Sample((spread(rng, dtype, 2, 2, 3), array(rng, dtype, 2, 2))),
        Sample((spread(rng, dtype, 4, 3), array(rng, dtype, 4, 1)), {"rtol": 1e-3}),
    ],
    errors=lambda rng, dtype: [
        Sample((np.ones((3, 2), dtype), np.ones(2, dtype)), {}, ShapeError),
        Sample((np.ones(3, dtype), np.ones(3, dtype)), {}, ShapeError),
    ],
)
def lstsq(x1: Any, x2: Any, /, *, rtol: Any = None) -> LstsqResult:
    """The shortest x that makes ``|x1 @ x - x2|`` least, by singular values (NumPy, PyTorch).

    x1: [..., m, n]; x2: [m] or [..., m, k]. The residuals are given whatever the rank: [...] or [..., k]. ``rtol`` and
    the gradient: as in ``pinv``. Raises ShapeError.
    """
    a = matrices(x1, "lstsq")
    b, vector = right_sides(a, x2, "lstsq")
    x, s, rank = apply(_least_squares, a, b, *_with(rtol))
    residuals = sum(square(subtract(matmul(a, x), b)), axis=-2)
    if vector:
        x, residuals = squeeze(x, axis=-1), squeeze(residuals, axis=-1)
    return LstsqResult(x, residuals, rank, s)
