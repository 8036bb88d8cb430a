"""What PyTorch's functions mean where the engine has the parts but not the whole; on values of the engine, in its functions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError
from engine.handle import Handle
from engine.op import as_handle
from engine.ops import public_functions
from engine.sizes import Dim
from tapegraph.torch.cell import of, wrap

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


def without_nan(x: Any) -> Any:
    """x with zeros in place of NaN."""
    return tg.where(tg.isnan(x), 0.0, x) if x.dtype.kind == "f" else x


def spread(name: str, x: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    """Variance or standard deviation, of samples unless told otherwise."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return getattr(tg, name)(x, axis=axes(dim), correction=correction, keepdims=keepdim)


def spread_and_mean(name: str, x: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> tuple[Any, Any]:
    """Variance or standard deviation, and the mean."""
    over = None if isinstance(dim, bool) else axes(dim)
    return spread(name, x, dim, unbiased, keepdim, correction), tg.mean(x, axis=over, keepdims=keepdim)


def on_tensors(function: Any) -> Any:
    """A function of tensors as one of the engine's values; None stays None."""
    return function if function is None else lambda *values: of(function(*map(wrap, values)))


def numbers(given: Any, named: Any) -> tuple[Any, ...]:
    """Numbers given one by one, as one sequence, or by keyword."""
    found = given if named is None else (named,)
    return tuple(found[0]) if len(found) == 1 and isinstance(found[0], list | tuple) else tuple(found)


def along(x: Any, dim: int) -> int:
    """An axis counted from 0; a 0-d value has axis 0 here, as in PyTorch."""
    return normal_axis(dim, max(x.ndim, 1), "dim", x)


_OF_BOOLS = {
    "add": "logical_or",
    "multiply": "logical_and",
    "maximum": "logical_or",
    "minimum": "logical_and",
    "max": "any",
    "min": "all",
}


def either(name: str, x: Any, y: Any) -> Any:
    """An op of two numbers; of two bools it stays among bools, as in PyTorch."""
    if all(v.dtype == dtypes.bool_ if isinstance(v, Handle) else isinstance(v, bool) for v in (x, y)):
        name = _OF_BOOLS[name]
    return getattr(tg, name)(x, y)


def extremes(name: str, x: Any, dim: Any, keepdim: bool) -> Any:
    """The largest or smallest along axes; of bools whether any or all are true."""
    if x.dtype == dtypes.bool_:
        name = _OF_BOOLS[name]
    return getattr(tg, name)(x, axis=dim, keepdims=keepdim)


def extreme(name: str, x: Any, dim: Any, keepdim: bool) -> Any:
    """max or min: of everything, along an axis with positions, or of two tensors."""
    if dim is None:
        return extremes(name, x, None, False)
    dim = of(dim)
    if isinstance(dim, Handle):
        return either(f"{name}imum", x, dim)
    if x.ndim == 0:
        return Pair(x, tg.zeros((), dtype=dtypes.int64))
    places = position(f"arg{name}", x, dim, True)
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


def close(x: Any, y: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    """Element by element whether |x - y| <= atol + rtol * |y|."""
    near = tg.less_equal(tg.abs(tg.subtract(x, y)), tg.add(tg.multiply(tg.abs(y), rtol), atol))
    found = tg.logical_or(near, tg.equal(x, y))
    both = tg.logical_and(tg.isnan(x), tg.isnan(y)) if equal_nan else None
    return found if both is None else tg.logical_or(found, both)


def finite(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """x with numbers in place of NaN and infinities."""
    if x.dtype.kind != "f":
        return tg.positive(x) if x.dtype.kind != "b" else x
    limits = np.finfo(x.dtype)
    x = tg.where(tg.isnan(x), 0.0 if nan is None else nan, x)
    x = tg.where(tg.equal(x, float("inf")), float(limits.max) if posinf is None else posinf, x)
    return tg.where(tg.equal(x, -float("inf")), float(limits.min) if neginf is None else neginf, x)


def powers(x: Any, N: int | None, increasing: bool) -> Any:
    """The Vandermonde matrix of a vector, or of each."""
    x = x if x.ndim else tg.reshape(x, (1,))
    exponents = np.arange(int(x.shape[-1]) if N is None else N)
    return tg.pow(tg.expand_dims(x, axis=-1), as_handle((exponents if increasing else exponents[::-1]).astype(x.dtype)))


def logit_of(x: Any, eps: float | None) -> Any:
    """log(x / (1 - x)), x limited to [eps, 1 - eps] where eps is given."""
    x = x if eps is None else tg.clip(x, eps, 1 - eps)
    return tg.subtract(tg.log(x), tg.log1p(tg.negative(x)))


def bitwise_not_of(x: Any) -> Any:
    """The complement of bits, or of truth for bools."""
    return tg.logical_not(x) if x.dtype == dtypes.bool_ else tg.bitwise_invert(x)


def log_of_running_sum(x: Any, dim: int) -> Any:
    """The logarithm of the running sum of exponentials along an axis, without overflow wherever the largest stands."""
    n = along(x, dim)
    size = x.shape[n]
    if isinstance(size, Dim):
        rows = tg.moveaxis(x, n, 0)
        nothing = tg.full(rows.shape[1:], -float("inf"), dtype=x.dtype)
        return tg.moveaxis(tg.scan(_taken_up, nothing, rows)[1], 0, n)
    reach = 1
    while reach < size:  # each place knows the sum of twice as many before it
        lead = (slice(None),) * n
        nothing = tg.full((*x.shape[:n], reach, *x.shape[n + 1 :]), -float("inf"), dtype=x.dtype)
        x = tg.logaddexp(x, tg.concat([nothing, x[(*lead, slice(None, -reach))]], axis=n))
        reach *= 2
    return x


def _taken_up(total: Any, row: Any) -> tuple[Any, Any]:
    total = tg.logaddexp(total, row)
    return total, total


def covariance(x: Any, correction: int, counts: Any, weights: Any) -> Any:
    """The covariances of the rows of a matrix, each column an observation that counts so often, or weighs so much."""
    x = tg.reshape(x, (1, -1)) if x.ndim < 2 else x
    share = counts if weights is None else weights if counts is None else tg.multiply(counts, weights)
    if share is None:
        apart = tg.subtract(x, tg.mean(x, axis=1, keepdims=True))
        found = tg.divide(tg.matmul(apart, tg.matrix_transpose(apart)), tg.clip(x.shape[1] - correction, 0))
    else:
        share = tg.astype(share, x.dtype)
        whole = tg.sum(share)
        apart = tg.subtract(x, tg.divide(tg.sum(tg.multiply(x, share), axis=1, keepdims=True), whole))
        drop = whole if weights is None else tg.divide(tg.sum(tg.multiply(share, weights)), whole)
        left = tg.subtract(whole, correction if weights is None else tg.multiply(drop, correction))
        found = tg.divide(tg.matmul(tg.multiply(apart, share), tg.matrix_transpose(apart)), tg.clip(left, 0))
    return found if found.shape[0] != 1 else tg.reshape(found, ())


def correlation(x: Any) -> Any:
    """The correlations of the rows of a matrix."""
    found = covariance(x, 1, None, None)
    if found.ndim == 0:
        return tg.divide(found, found)
    spread_ = tg.sqrt(tg.diagonal(found))
    return tg.clip(tg.divide(tg.divide(found, tg.expand_dims(spread_, axis=1)), spread_), -1, 1)


def trapezoids(y: Any, x: Any, dx: float, dim: int, running: bool = False) -> Any:
    """The integral along an axis by the trapezoidal rule; ``running``: up to each place."""
    n = along(y, dim)
    lead = (slice(None),) * n
    middle = tg.multiply(tg.add(y[(*lead, slice(1, None))], y[(*lead, slice(None, -1))]), 0.5)
    steps: Any = dx
    if x is not None:
        steps = tg.diff(x, axis=n - y.ndim if x.ndim > 1 else 0)
        steps = steps if x.ndim > 1 else tg.reshape(steps, (-1, *(1 for _ in y.shape[n + 1 :])))
    areas = tg.multiply(middle, steps)
    return tg.cumulative_sum(areas, axis=n) if running else tg.sum(areas, axis=n)
