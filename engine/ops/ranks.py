"""Quantiles, medians and modes: statistics that a line in order tells."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axes
from engine.errors import ArgumentError, AxisError, ShapeError
from engine.handle import Handle
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.along import take_along
from engine.ops.arithmetic import add, maximum, multiply, subtract
from engine.ops.compare import equal, isnan, less_equal, where
from engine.ops.create import iota, number
from engine.ops.dtype import astype
from engine.ops.joins import concat
from engine.ops.peaks import peak_of
from engine.ops.reduce import any as any_
from engine.ops.reduce import argmax, sum
from engine.ops.rounding import ceil, floor, round
from engine.ops.shape import broadcast_to, moveaxis, permute_dims, reshape
from engine.ops.slices import part
from engine.ops.sorting import apart, at_end, from_end, line, order_of, sorted_
from engine.requirements import require
from engine.sizes import product
from engine.spec import DType

_METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def _calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = apart(rng, dtype, 2, 3, 5)
    return [
        Sample((x, 0.3)),
        Sample((x, np.array([0.1, 0.85])), {"axis": (0, 2)}),
        Sample((x, 0.5), {"axis": 1, "keepdims": True}),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, 1.5), {}, ArgumentError),
        Sample((x, 0.5), {"method": "median"}, ArgumentError),
        Sample((x, 0.5), {"axis": 2}, AxisError),
        Sample((x[:0], 0.5), {}, ShapeError),
    ]


@composite(samples=_calls, errors=_errors)
def quantile(x: Any, q: Any, /, *, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Any:
    """The numbers below which a share ``q`` of the elements over the given axes, or all, lies (NumPy, PyTorch).

    q: a number or an array of them in [0, 1]; its axes come first in the result. ``method`` between two elements:
    "linear", "lower", "higher", "nearest" (to even) or "midpoint". NaN where there is one. Raises ShapeError for no elements.
    """
    return _quantile("quantile", x, q, axis, keepdims, method, False)


@composite(samples=lambda rng, dtype: _calls(rng, dtype)[:2], errors=_errors)
def nanquantile(x: Any, q: Any, /, *, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Any:
    """``quantile`` of the elements that are not NaN; NaN where there are none (NumPy, PyTorch)."""
    return _quantile("nanquantile", x, q, axis, keepdims, method, True)


def _median_calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample(s.args[:1], s.attrs) for s in _calls(rng, dtype)]


def _median_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample(s.args[:1], s.attrs, s.error) for s in _errors(rng, dtype)[2:]]


@composite(samples=_median_calls, errors=_median_errors)
def median(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle element over the given axes, or all; the mean of the middle two where there are two (NumPy).

    NaN where there is one. Raises ShapeError for no elements. (``torch.median`` is ``kthvalue(x, (n + 1) // 2)``.)
    """
    return _quantile("median", x, 0.5, axis, keepdims, "linear", False)


@composite(samples=lambda rng, dtype: _median_calls(rng, dtype)[:2], errors=_median_errors)
def nanmedian(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """``median`` of the elements that are not NaN; NaN where there are none (NumPy)."""
    return _quantile("nanmedian", x, 0.5, axis, keepdims, "linear", True)


def _shares(q: Any, op: str) -> Any:
    given = q if isinstance(q, Handle) else np.asarray(q, np.float64)
    if isinstance(given, np.ndarray) and not ((given >= 0) & (given <= 1)).all():
        raise ArgumentError(f"q must lie in [0, 1], not {q!r}", op=op)
    return astype(as_handle(given), dtypes.float64)


def _quantile(op: str, x: Any, q: Any, axis: Any, keepdims: bool, method: str, skip: bool) -> Any:
    x = as_handle(x)
    if x.dtype.kind != "f":
        x = astype(x, dtypes.DEFAULT_FLOAT)
    if method not in _METHODS:
        raise ArgumentError(f"does not know the method {method!r}", op=op, fix=f"use one of {', '.join(_METHODS)}")
    axes = normal_axes(axis, x.ndim, op, x)
    shares = _shares(q, op)
    kept = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    n = product(x.shape[a] for a in axes)
    require(n, 1, lambda: ShapeError("no elements", op=op, operands=(x,)))
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    rows = apply(sorted_, reshape(permute_dims(x, (*rest, *axes)), (*kept, n)), descending=False)
    if skip:
        count = sum(astype(equal(rows, rows), dtypes.float64), axis=-1, keepdims=True)
    else:
        count = broadcast_to(astype(as_handle(number(n, dtypes.float64)), dtypes.float64), (*kept, 1))
    flat = reshape(shares, (1,) * len(kept) + (product(shares.shape),))
    place = multiply(flat, maximum(subtract(count, 1.0), 0.0))  # [*kept, number of shares]
    y = _between(rows, place, method)
    if not skip:
        y = where(any_(isnan(rows), axis=-1, keepdims=True), float("nan"), y)
    y = reshape(moveaxis(y, -1, 0), (*shares.shape, *kept))
    if keepdims:
        y = reshape(y, (*shares.shape, *(1 if i in axes else n for i, n in enumerate(x.shape))))
    return y


def _between(rows: Any, place: Any, method: str) -> Any:
    """The elements at fractional places of each row."""
    last = rows.ndim - 1

    def at(k: Any) -> Any:
        return apply(take_along, rows, astype(k, dtypes.int64), axis=last)

    if method == "nearest":
        return at(round(place))
    if method in ("lower", "higher"):
        return at(floor(place) if method == "lower" else ceil(place))
    below, above = at(floor(place)), at(ceil(place))
    share = subtract(place, floor(place)) if method == "linear" else where(equal(floor(place), place), 0.0, 0.5)
    share = astype(broadcast_to(share, below.shape), rows.dtype)
    gap = where(equal(below, above), 0.0, subtract(above, below))  # of two infinities too
    return where(less_equal(share, 0.0), below, add(below, multiply(gap, share)))


def _modes(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.integers(0, 3, (3, 8)).astype(dtype)
    return [Sample((x,)), Sample((x,), {"axis": 0, "keepdims": True})]


def _no_line(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype),), {"axis": 2}, AxisError), Sample((np.ones((), dtype),), {}, AxisError)]


@composite(samples=_modes, errors=_no_line, accepts=dtypes.NUMERIC, smooth=False)
def most_frequent(x: Any, /, *, axis: int = -1, keepdims: bool = False) -> tuple[Any, Any]:
    """The most frequent element along an axis, the smallest of several, and its last position (int64) (``torch.mode``)."""
    x, place = line(x, axis, "most_frequent")
    lines = at_end(x, place)
    last, n = x.ndim - 1, lines.shape[-1]
    order = apply(order_of, lines, descending=False)
    rows = apply(take_along, lines, order, axis=last)
    turn = apply(iota, shape=rows.shape, axis=last, dtype=dtypes.int64)
    changes = concat(
        [part(rows, last, 0, 1) != part(rows, last, 0, 1), part(rows, last, 1, n - 1) != part(rows, last, 0, n - 1)],
        axis=last,
    )
    start = where(changes, turn, 0)
    begun = apply(take_along, start, apply(peak_of, start, axis=last, largest=True), axis=last)
    end = argmax(turn - begun, axis=-1, keepdims=True)
    value, position = apply(take_along, rows, end, axis=last), apply(take_along, order, end, axis=last)
    if keepdims:
        return from_end(value, place), from_end(position, place)
    return reshape(value, value.shape[:-1]), reshape(position, value.shape[:-1])
