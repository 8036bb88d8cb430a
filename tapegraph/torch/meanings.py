"""What PyTorch's functions mean where the engine has the parts but not the whole; on values of the engine, in its functions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, UnsupportedError
from engine.handle import Handle
from engine.op import as_handle
from engine.ops import public_functions
from tapegraph.torch.cell import copy_of, of  # noqa: F401 - copy_of is named in the table

tg: Any = type("Functions", (), {name: staticmethod(f) for name, f in public_functions().items()})


class Pair(NamedTuple):
    """Values and where they stood; what PyTorch calls a return type."""

    values: Any
    indices: Any


def of_three(x: Any) -> int:
    """The first axis of size 3."""
    return next((i for i, n in enumerate(x.shape) if n == 3), -1)


def floats(x: Any) -> Any:
    """``x`` with integers and bools cast to the default float."""
    return x if x.dtype.kind == "f" else tg.astype(x, dtypes.DEFAULT_FLOAT)


def scaled(x: Any, factor: Any) -> Any:
    """factor * x, and x itself for the factor 1."""
    return x if type(factor) is int and factor == 1 else tg.multiply(x, factor)


def counted(x: Any) -> Any:
    """bools as int64, for sums."""
    return tg.astype(x, dtypes.int64) if x.dtype == dtypes.bool_ else x


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in ``dtype``, where one is given."""
    return x if dtype is None else tg.astype(x, dtype)


def total(x: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    """A sum; no axes mean all of them, as None does."""
    axis = tuple(dim) if isinstance(dim, list | tuple) else dim
    return tg.sum(cast(counted(x), dtype), axis=None if axis == () else axis, keepdims=keepdim)


def axes(dim: Any) -> Any:
    """Axes as the engine takes them."""
    return tuple(dim) if isinstance(dim, list) else dim


def spread(name: str, x: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    """Variance or standard deviation, of samples unless told otherwise."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return getattr(tg, name)(x, axis=axes(dim), correction=correction, keepdims=keepdim)


def numbers(given: Any, named: Any) -> tuple[Any, ...]:
    """Numbers given one by one, as one sequence, or by keyword."""
    found = given if named is None else (named,)
    return tuple(found[0]) if len(found) == 1 and isinstance(found[0], list | tuple) else tuple(found)


def along(x: Any, dim: int) -> int:
    """An axis counted from 0; a 0-d value has axis 0 here, as in PyTorch."""
    return normal_axis(dim, max(x.ndim, 1), "dim", x)


def extreme(name: str, x: Any, dim: Any, keepdim: bool) -> Any:
    """max or min: of everything, along an axis with positions, or of two tensors."""
    if dim is None:
        return getattr(tg, name)(x)
    dim = of(dim)
    if isinstance(dim, Handle):
        return tg.maximum(x, dim) if name == "max" else tg.minimum(x, dim)
    if x.ndim == 0:
        return Pair(x, tg.zeros((), dtype=dtypes.int64))
    places = getattr(tg, f"arg{name}")(x, axis=dim, keepdims=True)
    values = tg.take_along_axis(x, places, axis=dim)
    return Pair(values, places) if keepdim else Pair(tg.squeeze(values, dim), tg.squeeze(places, dim))


def position(name: str, x: Any, dim: Any, keepdim: bool) -> Any:
    """argmax or argmin."""
    return getattr(tg, name)(tg.astype(x, dtypes.int8) if x.dtype == dtypes.bool_ else x, axis=dim, keepdims=keepdim)


def quotient(x: Any, y: Any, rounding_mode: str | None) -> Any:
    """Division, rounded towards zero or down where asked."""
    if rounding_mode is None:
        return tg.divide(x, y)
    if rounding_mode == "floor":
        return tg.floor_divide(x, y)
    found = tg.trunc(tg.divide(x, y))
    whole = all(not isinstance(v, float) and (not isinstance(v, Handle) or v.dtype.kind in "iu") for v in (x, y))
    return tg.astype(found, dtypes.int64) if whole else found


def clamped(x: Any, low: Any, high: Any) -> Any:
    """x limited on one side or both."""
    if low is None and high is None:
        raise ArgumentError("at least one of min or max must not be None", op="clamp")
    return tg.clip(x, low, high)


def filled(x: Any, mask: Any, value: Any) -> Any:
    """x with ``value`` where the mask is true."""
    if isinstance(value, Handle) and value.dtype != x.dtype:
        value = tg.astype(value, x.dtype)
    return tg.where(mask, value if isinstance(value, Handle) else dispatch.current().asarray(value, x.dtype), x)


def shaped_norm(x: Any, p: Any, dim: Any, keepdim: bool) -> Any:
    """A vector norm over the given axes, by default over everything."""
    if p in ("fro", None):
        p = 2
    if p == "nuc":
        raise UnsupportedError("the nuclear norm is torch.linalg.matrix_norm's", op="norm", fix="call that")
    return tg.vector_norm(floats(x), axis=axes(dim), keepdims=keepdim, ord=p)


def close(x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    """Element by element whether |x - y| <= atol + rtol * |y|."""
    near = tg.less_equal(tg.abs(tg.subtract(x, y)), tg.add(tg.multiply(tg.abs(y), rtol), atol))
    found = tg.logical_or(near, tg.equal(x, y))
    both = tg.logical_and(tg.isnan(x), tg.isnan(y)) if equal_nan else None
    return found if both is None else tg.logical_or(found, both)


def finite(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """x with numbers in place of NaN and infinities."""
    limits = np.finfo(x.dtype)
    x = tg.where(tg.isnan(x), 0.0 if nan is None else nan, x)
    x = tg.where(tg.equal(x, float("inf")), float(limits.max) if posinf is None else posinf, x)
    return tg.where(tg.equal(x, -float("inf")), float(limits.min) if neginf is None else neginf, x)


def powers(x: Any, N: int | None, increasing: bool) -> Any:
    """The Vandermonde matrix of a vector."""
    exponents = np.arange(int(x.shape[0]) if N is None else N)
    return tg.pow(tg.expand_dims(x, axis=-1), as_handle((exponents if increasing else exponents[::-1]).astype(x.dtype)))


def logit_of(x: Any, eps: float | None) -> Any:
    """log(x / (1 - x)), x limited to [eps, 1 - eps] where eps is given."""
    x = x if eps is None else tg.clip(x, eps, 1 - eps)
    return tg.subtract(tg.log(x), tg.log1p(tg.negative(x)))


def bitwise_not_of(x: Any) -> Any:
    """The complement of bits, or of truth for bools."""
    return tg.logical_not(x) if x.dtype == dtypes.bool_ else tg.bitwise_invert(x)


def log_of_running_sum(x: Any, dim: int) -> Any:
    """The logarithm of the running sum of exponentials along an axis."""
    top = tg.stop_gradient(tg.max(x, axis=dim, keepdims=True))
    return tg.add(tg.log(tg.cumulative_sum(tg.exp(tg.subtract(x, top)), axis=along(x, dim))), top)


def covariance(x: Any, correction: int) -> Any:
    """The covariances of the rows of a matrix, each column an observation."""
    x = tg.reshape(x, (1, -1)) if x.ndim < 2 else x
    apart = tg.subtract(x, tg.mean(x, axis=1, keepdims=True))
    found = tg.divide(tg.matmul(apart, tg.matrix_transpose(apart)), int(x.shape[1]) - correction)
    return found if found.shape[0] != 1 else tg.reshape(found, ())


def correlation(x: Any) -> Any:
    """The correlations of the rows of a matrix."""
    found = covariance(x, 1)
    spread_ = tg.sqrt(tg.diagonal(found))
    return tg.divide(tg.divide(found, tg.expand_dims(spread_, axis=1)), spread_)


def trapezoids(y: Any, x: Any, dx: float, dim: int) -> Any:
    """The integral along an axis by the trapezoidal rule."""
    lead = (slice(None),) * along(y, dim)
    middle = tg.multiply(tg.add(y[(*lead, slice(1, None))], y[(*lead, slice(None, -1))]), 0.5)
    return tg.sum(tg.multiply(middle, dx if x is None else tg.diff(x)), axis=along(y, dim))
