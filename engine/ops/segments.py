"""Sums and extremes of the elements of one group, counts, and histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.along import max_along, min_along, mul_along
from engine.ops.arithmetic import add, divide, maximum, multiply, subtract
from engine.ops.compare import equal, greater_equal, less_equal, logical_and, where
from engine.ops.create import full, iota, number
from engine.ops.dtype import astype, stop_gradient
from engine.ops.gather import add_at, in_range
from engine.ops.masked import refuse_static
from engine.ops.reduce import max as max_
from engine.ops.reduce import min as min_
from engine.ops.reduce import sum
from engine.ops.scatter import integers
from engine.ops.searching import place_in
from engine.ops.shape import broadcast_to, reshape
from engine.sizes import Size, agree
from engine.spec import DType

# ---------------------------------------------------------------------------------------- groups of slices


def _calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(1, 3, (5, 2)).astype(dtype)
    return [Sample((x, np.array([1, 0, 1, 2, 0]), 3)), Sample((x[:, 0], np.array([0, 0, 3, 3, 3]), 4))]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, groups = np.ones((3, 2), dtype), np.array([0, 1, 2])
    return [
        Sample((x, groups, 2), {}, IndexRangeError),
        Sample((x, groups[:2], 2), {}, ShapeError),
        Sample((x, groups * 0.5, 3), {}, DTypeError),
        Sample((x, groups, -1), {}, ArgumentError),
    ]


def _groups(op: str, x: Any, segment_ids: Any, num_segments: Any) -> tuple[Any, Any, Size]:
    """The data, a group for each of its slices, and how many groups there are."""
    x, groups = as_handle(x), integers(segment_ids, op, as_handle(x))
    if x.ndim == 0 or groups.ndim != 1 or not agree(x.shape[0], groups.shape[0]):
        raise ShapeError("needs one group for each slice along axis 0", op=op, operands=(x, groups))
    count = _length(op, groups, num_segments, "num_segments")
    return x, apply(in_range, groups, size=count), count


def _length(op: str, x: Any, given: Any, name: str) -> Size:
    """A number of groups: the one given, or (in eager mode) one more than the largest group."""
    if given is None:
        refuse_static(op, (x,), f"say how long it is: {name}=")
        return int(np.asarray(x).max(initial=-1)) + 1
    if isinstance(given, int) and given < 0:
        raise ArgumentError(f"{name} must not be negative, got {given}", op=op, operands=(x,))
    size: Size = given
    return size


def _combined(op: str, write: Op, start: Any, x: Any, segment_ids: Any, num_segments: Any) -> Any:
    x, groups, count = _groups(op, x, segment_ids, num_segments)
    rows = broadcast_to(reshape(groups, (groups.shape[0], *(1 for _ in x.shape[1:]))), x.shape)
    return apply(write, full((count, *x.shape[1:]), start(x.dtype), dtype=x.dtype), x, rows, axis=0)


@composite(samples=_calls, errors=_errors, accepts=dtypes.NUMERIC)
def segment_sum(x: Any, segment_ids: Any, num_segments: int | None = None, /) -> Any:
    """The sum of the slices (along axis 0) of each group: y[s] = sum of x[i] with segment_ids[i] = s (JAX).

    segment_ids: integers [n] in any order, in [0, num_segments); an empty group gives 0. ``num_segments`` may be left out
    in eager mode: one more than the largest group. Raises IndexRangeError for a group outside.
    """
    x, groups, count = _groups("segment_sum", x, segment_ids, num_segments)
    return apply(add_at, full((count, *x.shape[1:]), 0, dtype=x.dtype), x, groups, axis=0)


@composite(samples=_calls, errors=_errors)
def segment_mean(x: Any, segment_ids: Any, num_segments: int | None = None, /) -> Any:
    """The mean of the slices (along axis 0) of each group, 0 of an empty one; see ``segment_sum``."""
    x, groups, count = _groups("segment_mean", x, segment_ids, num_segments)
    total = apply(add_at, full((count, *x.shape[1:]), 0, dtype=x.dtype), x, groups, axis=0)
    held = apply(add_at, full((count,), 0, dtype=x.dtype), full(groups.shape, 1, dtype=x.dtype), groups, axis=0)
    return divide(total, maximum(reshape(held, (count, *(1 for _ in x.shape[1:]))), 1))


@composite(samples=_calls, errors=_errors, accepts=dtypes.NUMERIC)
def segment_prod(x: Any, segment_ids: Any, num_segments: int | None = None, /) -> Any:
    """The product of the slices (along axis 0) of each group, 1 of an empty one; see ``segment_sum``."""
    return _combined("segment_prod", mul_along, lambda dtype: 1, x, segment_ids, num_segments)


def _lowest(dtype: DType) -> Any:
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _highest(dtype: DType) -> Any:
    return np.inf if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _full_groups(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return _calls(rng, dtype)[:1]


@composite(samples=_full_groups, errors=_errors, accepts=dtypes.NUMERIC)
def segment_max(x: Any, segment_ids: Any, num_segments: int | None = None, /) -> Any:
    """The largest of the slices (along axis 0) of each group, the lowest number of an empty one; see ``segment_sum``."""
    return _combined("segment_max", max_along, _lowest, x, segment_ids, num_segments)


@composite(samples=_full_groups, errors=_errors, accepts=dtypes.NUMERIC)
def segment_min(x: Any, segment_ids: Any, num_segments: int | None = None, /) -> Any:
    """The smallest of the slices (along axis 0) of each group, the highest number of an empty one; see ``segment_sum``."""
    return _combined("segment_min", min_along, _highest, x, segment_ids, num_segments)


# ---------------------------------------------------------------------------------------- counts


def _counts(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.integers(0, 4, 9).astype(dtype)
    return [Sample((x,), {"length": 4}), Sample((x, rng.uniform(1, 2, 9)), {"length": 6})]


def _wrong_counts(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.array([0, 3, 1], dtype)
    return [
        Sample((x,), {"length": 3}, IndexRangeError),
        Sample((x, np.ones(2)), {"length": 4}, ShapeError),
        Sample((x[:, None],), {"length": 4}, ShapeError),
    ]


@composite(samples=_counts, errors=_wrong_counts, accepts=dtypes.INTEGERS)
def bincount(x: Any, weights: Any = None, /, *, minlength: int = 0, length: int | None = None) -> Any:
    """How often each integer from 0 on occurs (int64), or the sum of its ``weights`` (NumPy, PyTorch).

    x: non-negative integers [n]; weights: [n]. ``length``: of the result; where it is None, which static mode does not
    allow, one more than the largest integer, and at least ``minlength``. Raises IndexRangeError for integers beyond.
    """
    x = integers(x, "bincount")
    if x.ndim != 1:
        raise ShapeError("takes one axis", op="bincount", operands=(x,), fix="flatten it: reshape(x, (-1,))")
    count = _length("bincount", x, length, "length")
    if length is None:
        count = max(int(count), minlength)
    groups = apply(in_range, x, size=count)
    if weights is None:
        values = full(x.shape, 1, dtype=dtypes.int64)
    else:
        values = as_handle(weights)
        if values.ndim != 1 or not agree(values.shape[0], x.shape[0]):
            raise ShapeError("needs one weight for each element", op="bincount", operands=(x, values))
    return apply(add_at, full((count,), 0, dtype=values.dtype), values, groups, axis=0)


def _edges(x: Any, bins: Any, range: Any) -> Any:
    """The edges of bins, in the dtype of x."""
    if not isinstance(bins, int):
        edges = as_handle(bins)
        if edges.ndim != 1 or agree(edges.shape[0], 0) or agree(edges.shape[0], 1):
            raise ShapeError("bins must be a number or two edges at least", op="histogram", operands=(x, edges))
        return astype(edges, x.dtype)
    if bins < 1:
        raise ArgumentError(f"needs at least one bin, not {bins}", op="histogram", operands=(x,))
    if range is None:
        low, high = (stop_gradient(edge(x)) for edge in (min_, max_)) if not agree(x.size, 0) else (0.0, 1.0)
    else:
        low, high = range
        if not low <= high:
            raise ArgumentError(f"the range {range} ends before it begins", op="histogram", operands=(x,))
    low, high = (astype(as_handle(edge), x.dtype) for edge in (low, high))
    flat = equal(low, high)
    low, high = where(flat, subtract(low, 0.5), low), where(flat, add(high, 0.5), high)
    turn = apply(iota, shape=(bins + 1,), axis=0, dtype=dtypes.int64)
    line = add(low, multiply(astype(turn, x.dtype), divide(subtract(high, low), float(bins))))
    return where(equal(turn, bins), high, line)


def _drawn(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0, 4, 20).astype(dtype)
    return [
        Sample((x,), {"bins": 4}),
        Sample((x.reshape(4, 5),), {"bins": 3, "range": (1, 3), "weights": np.ones((4, 5), dtype), "density": True}),
    ]


@composite(samples=_drawn, accepts=dtypes.FLOATS, smooth=False)
def histogram(
    x: Any, /, bins: Any = 10, *, range: Any = None, weights: Any = None, density: bool = False
) -> tuple[Any, Any]:
    """How many elements fall into each bin (int64, or the sum of their ``weights``), and the edges of the bins (NumPy).

    bins: a number of equal ones over ``range`` (from the smallest element to the largest where it is None), or their
    edges in ascending order. A bin holds its lower edge, the last one both. ``density``: divided by total and width.
    """
    x = as_handle(x)
    if x.dtype.kind != "f":
        x = astype(x, dtypes.DEFAULT_FLOAT)
    edges = _edges(x, bins, range)
    flat, count = reshape(x, (-1,)), edges.shape[0] - 1
    last = edges[-1]
    place = subtract(apply(place_in, edges, flat, side="right"), 1)
    place = where(equal(flat, last), as_handle(number(count - 1, dtypes.int64)), place)
    inside = logical_and(greater_equal(flat, edges[0]), less_equal(flat, last))
    if weights is None:
        values = full(flat.shape, 1, dtype=dtypes.int64)
    else:
        values = as_handle(weights)
        if not agree(values.size, x.size):
            raise ShapeError("needs one weight for each element", op="histogram", operands=(x, values))
        values = reshape(values, (-1,))
    values, place = where(inside, values, 0), where(inside, place, 0)
    found = apply(add_at, full((count,), 0, dtype=values.dtype), values, place, axis=0)
    if density:
        found = astype(found, edges.dtype)
        found = divide(found, multiply(sum(found), subtract(edges[1:], edges[:-1])))
    return found, edges
