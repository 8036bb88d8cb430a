"""Reading and replacing parts of an array by integers, slices and integer arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, UnsupportedError
from engine.handle import Handle
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.gather import gather, index_set
from engine.ops.shape import broadcast_to, permute_dims, reshape
from engine.ops.slices import slice_, slice_set
from engine.sizes import Dim, Size, larger, same
from engine.spec import DType, broadcast

# ---------------------------------------------------------------------------------------- x[...] and x[...] = v


class _Selection:
    """An index taken apart: a regular part of each axis, the axes that integers drop, and the integer arrays."""

    def __init__(self, x: Any, index: Any) -> None:
        entries = list(index) if isinstance(index, tuple) else [index]
        entries = [as_handle(e) if isinstance(e, list | np.ndarray) else e for e in entries]
        for e in entries:
            if isinstance(e, Handle) and e.dtype == dtypes.bool_:
                raise UnsupportedError(
                    "a boolean mask gives a result whose size depends on the data",
                    op="getitem",
                    operands=(x, e),
                    fix="use where(mask, x, other), or multiply by the mask",
                )
        used = sum(1 for e in entries if e is not None and e is not Ellipsis)
        if used > x.ndim:
            raise IndexRangeError(f"{used} indices for {x.ndim} axes", op="getitem", operands=(x,))
        if sum(e is Ellipsis for e in entries) > 1:
            raise ArgumentError("an index may have one ellipsis", op="getitem", operands=(x,))
        if Ellipsis not in [e for e in entries if e is Ellipsis]:
            entries.append(Ellipsis)
        at = next(i for i, e in enumerate(entries) if e is Ellipsis)
        entries[at : at + 1] = [slice(None)] * (x.ndim - used)
        self.starts: list[Size] = []
        self.sizes: list[Size] = []
        self.steps: list[int] = []
        self.shape: list[Size] = []  # after the regular part: integers dropped, None inserted
        self.arrays: list[tuple[int, Any]] = []  # (axis of ``shape``, integer array)
        axis = 0
        start: Size
        size: Size
        for e in entries:
            if e is None:
                self.shape.append(1)
                continue
            n = x.shape[axis]
            if isinstance(e, Handle):
                if e.dtype not in dtypes.INTEGERS:
                    raise DTypeError(f"an index must be of integers, not {e.dtype.name}", op="getitem", operands=(x, e))
                self.arrays.append((len(self.shape), e))
                start, size, step = 0, n, 1
                self.shape.append(n)
            elif isinstance(e, slice):
                start, size, step = _range(e, n, x)
                self.shape.append(size)
            elif isinstance(e, int | np.integer | Dim) and not isinstance(e, bool):
                start, size, step = _place(e, n, x), 1, 1
            else:
                raise ArgumentError(f"cannot index with {e!r}", op="getitem", operands=(x,))
            self.starts.append(start)
            self.sizes.append(size)
            self.steps.append(step)
            axis += 1
        self.whole = all(
            s == 1 and same(a, 0) and same(n, m)
            for s, a, n, m in zip(self.steps, self.starts, self.sizes, x.shape, strict=True)
        )


def _place(i: Any, n: Size, x: Any) -> Size:
    if isinstance(i, Dim):
        return i
    place = int(i)
    if isinstance(n, Dim):
        return place if place >= 0 else n + place  # checked when the call brings the size
    if not -n <= place < n:
        raise IndexRangeError(
            f"an index is out of range: {place}, where the axis has size {n}",
            op="getitem",
            operands=(x,),
            fix=f"indices must lie in [{-n}, {n})",
        )
    return place % n


def _range(s: slice, n: Size, x: Any) -> tuple[Size, Size, int]:
    """Start, number and step of the elements a slice takes, by Python's rule."""
    step = 1 if s.step is None else int(s.step)
    if step == 0:
        raise ArgumentError("a slice cannot have step 0", op="getitem", operands=(x,))
    if s.start is None and (s.stop is None or same(s.stop, n)) and abs(step) == 1 and (step == 1 or s.stop is None):
        return (0, n, 1) if step == 1 else (n - 1, n, -1)
    if isinstance(n, Dim) and step > 0:
        start = 0 if s.start is None else s.start if _forward(s.start) else larger(n + s.start, 0)
        stop = n if s.stop is None else s.stop if isinstance(s.stop, Dim) else _limit(int(s.stop), n)
        return start, larger(stop - start + (step - 1), 0) // step, step
    n = int(n)
    start, stop, step = slice(s.start, s.stop, step).indices(n)
    return start, len(range(start, stop, step)), step


def _forward(bound: Any) -> bool:
    return isinstance(bound, Dim) or int(bound) >= 0


def _limit(stop: int, n: Size) -> Size:
    """Where a slice ends: ``stop`` places from the start, but not beyond the axis, or that many from the end."""
    return n + stop if stop < 0 else n - larger(n - stop, 0)


def _joined(chosen: _Selection) -> tuple[list[Any], bool, list[int]]:
    """The integer arrays broadcast to one shape, whether their axes are adjacent, and those axes."""
    shape = broadcast(*(a.shape for _, a in chosen.arrays))
    axes = [axis for axis, _ in chosen.arrays]
    adjacent = axes == list(range(axes[0], axes[0] + len(axes)))
    return [broadcast_to(a, shape) for _, a in chosen.arrays], adjacent, axes


def getitem(x: Any, index: Any) -> Any:
    """``x[index]`` with integers, slices, None, Ellipsis and integer arrays, by NumPy's rules.

    Raises IndexRangeError outside the array, UnsupportedError for boolean masks.
    """
    x = as_handle(x)
    chosen = _Selection(x, index)
    y = x
    if not chosen.whole:
        y = apply(slice_, y, starts=tuple(chosen.starts), sizes=tuple(chosen.sizes), steps=tuple(chosen.steps))
    if len(chosen.shape) != y.ndim or not all(same(a, b) for a, b in zip(chosen.shape, y.shape, strict=True)):
        y = reshape(y, tuple(chosen.shape))
    if not chosen.arrays:
        return y
    arrays, adjacent, axes = _joined(chosen)
    if not adjacent:  # NumPy's rule: the dimensions of the index then come first
        rest = [a for a in range(y.ndim) if a not in axes]
        y = permute_dims(y, (*axes, *rest))
        axes = list(range(len(axes)))
    return apply(gather, y, *arrays, axis=axes[0])


def setitem(x: Any, index: Any, value: Any) -> Any:
    """``x`` with ``x[index]`` replaced by ``value``, which broadcasts; what ``x[index] = value`` rebinds x to.

    Of repeated positions in integer arrays the last one counts.
    """
    x = as_handle(x)
    value = value if isinstance(value, Handle) else as_handle(value)
    value = astype(value, x.dtype) if value.dtype != x.dtype else value
    chosen = _Selection(x, index)
    if not chosen.arrays:
        value = reshape(broadcast_to(value, tuple(chosen.shape)), tuple(chosen.sizes))
        return apply(
            slice_set,
            x,
            value,
            starts=tuple(chosen.starts),
            sizes=tuple(chosen.sizes),
            steps=tuple(chosen.steps),
        )
    # Read the regular part, write into it by position, and put it back.
    arrays, adjacent, axes = _joined(chosen)
    rest = [a for a in range(len(chosen.shape)) if a not in axes]
    order = [*axes, *rest] if not adjacent else list(range(len(chosen.shape)))
    inner = x
    if not chosen.whole:
        inner = apply(slice_, x, starts=tuple(chosen.starts), sizes=tuple(chosen.sizes), steps=tuple(chosen.steps))
    inner = permute_dims(reshape(inner, tuple(chosen.shape)), tuple(order))
    first = 0 if not adjacent else axes[0]
    target = (*inner.shape[:first], *arrays[0].shape, *inner.shape[first + len(axes) :])
    inner = apply(index_set, inner, broadcast_to(value, target), *arrays, axis=first)
    inner = permute_dims(inner, tuple(int(i) for i in np.argsort(order)))
    if chosen.whole:
        return reshape(inner, x.shape)
    return apply(
        slice_set,
        x,
        reshape(inner, tuple(chosen.sizes)),
        starts=tuple(chosen.starts),
        sizes=tuple(chosen.sizes),
        steps=tuple(chosen.steps),
    )


# ---------------------------------------------------------------------------------------- by name


def _take_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0, 3, (3, 4)).astype(dtype)
    places = np.array([[2, -1], [0, 2]])
    return [Sample((x, np.array([2, 0, 0])), {"axis": 0}), Sample((x, places), {"axis": 1})]


def _take_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((3, 4), dtype)
    return [
        Sample((x, np.array([3])), {"axis": 0}, IndexRangeError),
        Sample((x, np.array([0.5])), {"axis": 0}, DTypeError),
    ]


def _integers(indices: Any, x: Any, op: str) -> Any:
    indices = as_handle(indices)
    if indices.dtype not in dtypes.INTEGERS:
        raise DTypeError(
            f"indices must be integers, not {indices.dtype.name}",
            op=op,
            operands=(x, indices),
            fix="cast with indices.astype('int64')",
        )
    return indices


@composite(samples=_take_samples, errors=_take_errors, onnx="Gather", accepts=dtypes.EVERY)
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """Elements of an axis by position (integers, negative from the end); the axis becomes those of ``indices`` (Array API).

    Raises IndexRangeError for a position outside the axis. An array of one dimension needs no ``axis``.
    """
    x = as_handle(x)
    indices = _integers(indices, x, "take")
    if axis is None and x.ndim != 1:
        raise ArgumentError(f"an array of {x.ndim} dimensions needs an axis", op="take", operands=(x, indices))
    return apply(gather, x, indices, axis=normal_axis(0 if axis is None else axis, x.ndim, "take", x))


def _along_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0, 3, (3, 4)).astype(dtype)
    return [
        Sample((x, np.array([[2, 0, -1, 0]])), {"axis": 0}),
        Sample((x, np.array([[2], [0], [3]])), {"axis": -1}),
    ]


@composite(samples=_along_samples, errors=None, onnx="GatherElements", accepts=dtypes.EVERY)
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Elements of an axis chosen apart for each position of the other axes, which broadcast (Array API).

    x and indices must have the same number of dimensions. Raises IndexRangeError for a position outside the axis.
    """
    x = as_handle(x)
    indices = _integers(indices, x, "take_along_axis")
    if indices.ndim != x.ndim:
        raise ShapeError("x and indices must have the same number of axes", op="take_along_axis", operands=(x, indices))
    place = normal_axis(axis, x.ndim, "take_along_axis", x)
    others = [n if i != place else 1 for i, n in enumerate(x.shape)]
    shape = broadcast(tuple(others), indices.shape)
    x = broadcast_to(x, tuple(n if i != place else x.shape[place] for i, n in enumerate(shape)))
    index = [
        broadcast_to(indices, shape) if i == place else apply(iota, shape=shape, axis=i, dtype=dtypes.int64)
        for i in range(x.ndim)
    ]
    return apply(gather, x, *index, axis=0)
