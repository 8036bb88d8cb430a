"""What PyTorch's functions of linear algebra mean; on values of the engine, in its functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError
from engine.sizes import agree, same
from tapegraph.torch.meanings import axes, floats, tg


def symmetric(x: Any, triangle: str) -> Any:
    """The symmetric matrices whose lower ("L") or upper ("U") triangle stands in x; gradients as if x were symmetric."""
    if triangle not in ("L", "U"):
        raise ArgumentError(f"UPLO must be 'L' or 'U', not {triangle!r}", op="eigh")
    lower = tg.tril(x) if triangle == "L" else tg.matrix_transpose(tg.triu(x))
    whole = tg.add(lower, tg.matrix_transpose(tg.tril(lower, k=-1)))
    return tg.add(x, tg.stop_gradient(tg.subtract(whole, x)))


def norm_of(x: Any, order: Any, dim: Any, keepdim: bool) -> Any:
    """torch.linalg.norm: of everything, of vectors along an axis, or of matrices in two."""
    x, dim = floats(x), axes(dim)
    if order is None or (dim is None and x.ndim == 0):
        return tg.vector_norm(x, axis=dim, keepdims=keepdim, ord=2 if order is None else order)
    return tg.norm(x, order, dim, keepdim)


def matrix_norm_of(x: Any, order: Any, dim: Any, keepdim: bool) -> Any:
    """A norm of the matrices in two axes."""
    return tg.norm(floats(x), order, tuple(n % x.ndim for n in dim), keepdim)


def shaped_norm(x: Any, p: Any, dim: Any, keepdim: bool) -> Any:
    """torch.norm: a vector norm over the given axes, by default over everything; "nuc" is one of matrices."""
    x = floats(x)
    if p == "nuc":
        return matrix_norm_of(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
    return tg.vector_norm(x, axis=axes(dim), keepdims=keepdim, ord=2 if p in ("fro", None) else p)


def solved(a: Any, b: Any, left: bool) -> Any:
    """x with a @ x = b (or x @ a = b); b may be a stack of vectors, where its shape is that of a without the last axis."""
    vectors = b.ndim == 1 or (b.ndim == a.ndim - 1 and all(agree(m, n) for m, n in zip(b.shape, a.shape)))
    if vectors:
        return tg.squeeze(tg.solve(a, tg.expand_dims(b, axis=-1)), -1)
    return tg.solve(a, b) if left else tg.matrix_transpose(tg.solve(tg.matrix_transpose(a), tg.matrix_transpose(b)))


def rank_limit(s: Any, shape: Any, atol: Any, rtol: Any) -> Any:
    """Up to where singular values count as zero: the larger of atol and rtol times the largest of them."""
    if rtol is None:
        rtol = 0.0 if atol is not None else max(shape[-2:]) * float(np.finfo(s.dtype).eps)
    largest = tg.max(s, axis=-1)
    relative = tg.multiply(largest, rtol)
    return (
        relative
        if atol is None
        else tg.maximum(relative, tg.broadcast_to(tg.asarray(atol, dtype=s.dtype), largest.shape))
    )


def rank_of(x: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """How many singular values are above the limit."""
    x = symmetric(x, "L") if hermitian else x
    if any(same(n, 0) for n in x.shape[-2:]):
        return tg.zeros(x.shape[:-2], dtype=dtypes.int64)
    s = tg.svdvals(x)
    return tg.count_nonzero(tg.greater(s, tg.expand_dims(rank_limit(s, x.shape, atol, rtol), axis=-1)), axis=-1)


def pseudoinverse(x: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """The pseudoinverse, small singular values taken for zero."""
    x = symmetric(x, "L") if hermitian else x
    if atol is None or any(same(n, 0) for n in x.shape[-2:]):
        return tg.pinv(x, rtol=rtol)
    s = tg.stop_gradient(tg.svdvals(x))
    limit = rank_limit(s, x.shape, atol, rtol)
    largest = tg.max(s, axis=-1)
    return tg.pinv(x, rtol=tg.divide(limit, tg.where(tg.equal(largest, 0), 1.0, largest)))


def least_squares(a: Any, b: Any, rtol: Any, driver: str | None) -> Any:
    """torch.linalg.lstsq on a CPU: which of residuals, rank and singular values are given depends on the driver ("gelsy")."""
    found = tg.lstsq(a, b, rtol=rtol)
    m, n = a.shape[-2:]
    nothing = tg.zeros((0,), dtype=a.dtype)
    exact = driver in (None, "gelsy") or not (isinstance(m, int) and isinstance(n, int) and m > n)
    residuals = nothing if exact else found.residuals
    rank = tg.zeros((0,), dtype=dtypes.int64) if driver == "gels" else found.rank
    return found._replace(
        residuals=residuals,
        rank=rank,
        singular_values=found.singular_values if driver in ("gelsd", "gelss") else nothing,
    )


def economic_svd(x: Any, some: bool, compute_uv: bool) -> tuple[Any, Any, Any]:
    """torch.svd: left vectors, values, and right vectors as columns; zeros for vectors that are not asked for."""
    if not compute_uv:
        m, n = x.shape[-2:]
        squares = (tg.zeros((*x.shape[:-2], size, size), dtype=x.dtype) for size in (m, n))
        return next(squares), tg.svdvals(x), next(squares)
    u, s, vh = tg.svd(x, full_matrices=not some)
    return u, s, tg.matrix_transpose(vh)
