"""Elements repeated one by one, and the differences between neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_axis, values_of
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.handle import Handle
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.arithmetic import subtract
from engine.ops.index import take
from engine.ops.joins import concat
from engine.ops.samples import array, calls
from engine.ops.shape import EVERY, broadcast_to, expand_dims, reshape
from engine.ops.slices import part
from engine.sizes import Dim, larger, same
from engine.spec import DType


def _repeat_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    simple = calls(((2, 3), 2), ((2, 3), 3, {"axis": 1}), ((2, 3), 0, {"axis": 0}))(rng, dtype)
    return [*simple, Sample((array(rng, dtype, 2, 3), (2, 0, 1)), {"axis": 1})]


def _repeat_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = array(rng, dtype, 2, 3)
    return [Sample((x, -1), {}, ArgumentError), Sample((x, (1, 2)), {"axis": 1}, ShapeError)]


@composite(accepts=EVERY, samples=_repeat_samples, errors=_repeat_errors)
def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element a number of times in a row along an axis, or of the flattened array (Array API).

    ``repeats``: an int, or integers for each element of the axis, in a sequence or an array. Raises UnsupportedError
    for an array in static mode, where the size of the result would depend on it.
    """
    x = as_handle(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    place = normal_axis(axis, x.ndim, "repeat", x)
    if isinstance(repeats, Handle | np.ndarray | Sequence):
        return _repeat_each(x, repeats, place)
    if not (isinstance(repeats, Dim) or hasattr(repeats, "__index__")) or _negative(repeats):
        raise ArgumentError(f"repeats must be a non-negative int, not {repeats!r}", op="repeat", operands=(x,))
    times = repeats if isinstance(repeats, Dim) else int(repeats)
    wide = broadcast_to(expand_dims(x, axis=place + 1), (*x.shape[: place + 1], times, *x.shape[place + 1 :]))
    return reshape(wide, (*x.shape[:place], x.shape[place] * times, *x.shape[place + 1 :]))


def _negative(repeats: Any) -> bool:
    return not isinstance(repeats, Dim) and int(repeats) < 0


def _repeat_each(x: Any, repeats: Any, axis: int) -> Any:
    if isinstance(repeats, Sequence):
        counts = np.asarray(repeats, np.int64 if not len(repeats) else None)
    else:
        repeats = as_handle(repeats)
        counts = values_of(repeats, "repeat", "give repeats as an int or as a tuple of ints")
    if counts.dtype.kind not in "iu":
        raise DTypeError(f"repeats must be integers, not {counts.dtype.name}", op="repeat", operands=(x, counts))
    if counts.size and counts.min() < 0:
        raise ArgumentError(f"repeats must not be negative, got {counts.min()}", op="repeat", operands=(x, counts))
    n = int(x.shape[axis])
    if counts.ndim > 1 or (counts.size != 1 and counts.size != n):
        raise ShapeError(
            f"needs one number for all, or one for each of {n} elements", op="repeat", operands=(x, counts)
        )
    places = np.repeat(np.arange(n), counts.astype(np.int64) if counts.ndim else int(counts))
    return take(x, dispatch.current().asarray(places, dtypes.int64), axis=axis)


def _diff_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, edge = array(rng, dtype, 3, 4), array(rng, dtype, 3, 1)
    return [
        Sample((x,)),
        Sample((x,), {"axis": 0, "n": 2}),
        Sample((x,), {"prepend": edge, "append": x}),
        Sample((x[:0],)),
    ]


@composite(
    accepts=dtypes.NUMERIC,
    samples=_diff_samples,
    errors=lambda rng, dtype: [Sample((array(rng, dtype, 3),), {"n": -1}, ArgumentError)],
)
def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The differences x[i+1] - x[i] between neighbours along an axis, taken ``n`` times (Array API).

    ``prepend``, ``append``: arrays to put before and behind x first, of its shape but for that axis (or 0-d). The axis of
    the result is shorter by n, and not less than 0. With n = 0 the result is x itself, as in NumPy and PyTorch.
    """
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "diff", x)
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"n must be a non-negative int, not {n!r}", op="diff", operands=(x,))
    edges = [_edge(e, x, place) for e in (prepend, append)] if n else [None, None]
    if any(e is not None for e in edges):
        x = concat([e for e in (edges[0], x, edges[1]) if e is not None], axis=place)
    for _ in range(n):
        shorter = larger(x.shape[place] - 1, 0)
        if same(x.shape[place], 0):
            break
        x = subtract(part(x, place, 1, shorter), part(x, place, 0, shorter))
    return x


def _edge(edge: Any, x: Any, axis: int) -> Any:
    if edge is None:
        return None
    edge = as_handle(edge)
    return edge if edge.ndim else broadcast_to(edge, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
