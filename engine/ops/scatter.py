"""Values written, added or combined at places that integer arrays name along an axis; the array itself stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.handle import Handle
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.along import add_along, max_along, min_along, mul_along, put_along
from engine.ops.arithmetic import divide, floor_divide, maximum
from engine.ops.create import full
from engine.ops.dtype import astype
from engine.ops.gather import add_at, gather, index_set
from engine.ops.shape import broadcast_to
from engine.ops.slices import slice_, slice_set
from engine.sizes import agree, same_shape
from engine.spec import DType

_WRITES: dict[str | None, Op] = {
    None: put_along,
    "add": add_along,
    "sum": add_along,
    "mul": mul_along,
    "prod": mul_along,
    "max": max_along,
    "amax": max_along,
    "min": min_along,
    "amin": min_along,
    "mean": add_along,
}


def integers(indices: Any, op: str, *others: Any) -> Any:
    """Positions as a handle; raises DTypeError where they are not integers."""
    indices = as_handle(indices)
    if indices.dtype not in dtypes.INTEGERS:
        raise DTypeError(
            f"indices must be integers, not {indices.dtype.name}",
            op=op,
            operands=(*others, indices),
            fix="cast with indices.astype('int64')",
        )
    return indices


def values_for(x: Any, values: Any, op: str) -> Any:
    """Values as a handle of x's dtype; raises DTypeError where x cannot hold their kind (floats in integers)."""
    values = values if isinstance(values, Handle) else as_handle(values)
    if values.dtype == x.dtype:
        return values
    if dtypes.kind_rank(values.dtype) > dtypes.kind_rank(x.dtype):
        raise DTypeError(
            f"an array of {x.dtype.name} cannot hold values of {values.dtype.name}",
            op=op,
            operands=(x, values),
            fix=f"cast x to {values.dtype.name} first, or the values to {x.dtype.name}",
        )
    return astype(values, x.dtype)


def _identity(reduce: str, dtype: DType) -> Any:
    """What changes nothing under a reduction."""
    if reduce in ("max", "amax", "min", "amin"):
        low = reduce in ("max", "amax")
        if dtype.kind == "f":
            return -np.inf if low else np.inf
        if dtype.kind == "b":
            return not low
        return int(np.iinfo(dtype).min if low else np.iinfo(dtype).max)
    return 1 if reduce in ("mul", "prod") else 0


def combined(x: Any, values: Any, indices: Any, axis: int, reduce: str | None, include_self: bool) -> Any:
    """``scatter`` of operands that fit each other."""

    def write(op: Op, onto: Any, what: Any) -> Any:
        return apply(op, onto, what, indices, axis=axis)

    start = x
    if reduce is not None and not include_self:
        start = write(put_along, x, full(indices.shape, _identity(reduce, x.dtype), dtype=x.dtype))
    y = write(_WRITES[reduce], start, values)
    if reduce == "mean":
        count = full(x.shape, int(include_self), dtype=x.dtype)
        count = maximum(write(add_along, count, full(indices.shape, 1, dtype=x.dtype)), 1)
        y = divide(y, count) if x.dtype.kind == "f" else floor_divide(y, count)
    return y


def _scatter_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, v = rng.uniform(1, 3, (3, 4)).astype(dtype), rng.uniform(1, 3, (2, 4)).astype(dtype)
    index = np.array([[0, 2, 1, -1], [0, 1, 1, 0]])
    return [
        Sample((x, index, v), {"reduce": "mean"}),
        Sample((x, index[:, :3], v[:, :3]), {"reduce": "add"}),
        Sample((x, np.array([[3, 0]]), v[:1, :2]), {"axis": 1}),
        Sample((x, index, v), {"axis": 0, "reduce": "max", "include_self": False}),
    ]


def _scatter_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, index = np.ones((3, 4), dtype), np.zeros((1, 4), np.int64)
    return [
        Sample((x, index + 3, x[:1]), {}, IndexRangeError),
        Sample((x, np.zeros((1, 5), np.int64), x[:1, :1]), {}, ShapeError),
        Sample((x, index[0], x[0]), {}, ShapeError),
        Sample((x, index * 0.5, x[:1]), {}, DTypeError),
        Sample((x, index, x[:1]), {"reduce": "median"}, ArgumentError),
    ]


@composite(samples=_scatter_samples, errors=_scatter_errors, onnx="ScatterElements", accepts=dtypes.NUMERIC)
def scatter(
    x: Any, indices: Any, updates: Any, /, *, axis: int = 0, reduce: str | None = None, include_self: bool = True
) -> Any:
    """``x`` with ``updates`` put at ``indices`` of an axis: y[indices[i, j], j] = updates[i, j] for axis 0.

    indices: integers, as many axes as x, on the other axes no longer than x (PyTorch's ``scatter`` and
    ``scatter_reduce``, ONNX's ScatterElements); negative ones count from the end. updates: broadcasts to their shape.
    ``reduce``: None (of several values for one place the last counts), "add" ("sum"), "mul" ("prod"), "max" ("amax"),
    "min" ("amin") or "mean"; ``include_self``: whether the element of x takes part in it.
    Raises IndexRangeError, ShapeError, DTypeError.
    """
    return _scatter("scatter", x, indices, updates, axis, reduce, include_self)


def _scatter(op: str, x: Any, indices: Any, updates: Any, axis: int, reduce: str | None, include_self: bool) -> Any:
    x = as_handle(x)
    if reduce not in _WRITES:
        known = ", ".join(repr(r) for r in _WRITES)
        raise ArgumentError(f"does not know the reduction {reduce!r}", op=op, operands=(x,), fix=f"use one of {known}")
    indices, updates = integers(indices, op, x), values_for(x, updates, op)
    if indices.ndim != x.ndim:
        raise ShapeError("x and indices must have the same number of axes", op=op, operands=(x, indices))
    place = normal_axis(axis, x.ndim, op, x)
    window = tuple(n if i == place else m for i, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)))
    for n, m in zip(x.shape, window, strict=True):
        if not agree(n, m) and m > n:
            raise ShapeError("indices reach beyond x on another axis", op=op, operands=(x, indices))
    updates = broadcast_to(updates, indices.shape)
    if same_shape(x.shape, window) or all(agree(n, m) for n, m in zip(x.shape, window, strict=True)):
        return combined(x, updates, indices, place, reduce, include_self)
    part = {"starts": (0,) * x.ndim, "sizes": window, "steps": (1,) * x.ndim}
    inner = combined(apply(slice_, x, **part), updates, indices, place, reduce, include_self)
    return apply(slice_set, x, inner, **part)


def _add_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample(s.args, {"axis": s.attrs.get("axis", 0)}) for s in _scatter_samples(rng, dtype)[1:3]]


@composite(samples=_add_samples, onnx="ScatterElements", accepts=dtypes.NUMERIC)
def scatter_add(x: Any, indices: Any, updates: Any, /, *, axis: int = 0) -> Any:
    """``x`` with ``updates`` added at ``indices`` of an axis; see ``scatter`` (PyTorch)."""
    return _scatter("scatter_add", x, indices, updates, axis, "add", True)


# ---------------------------------------------------------------------------------------- whole slices


def _slices(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, v = rng.uniform(1, 3, (3, 4)).astype(dtype), rng.uniform(1, 3, (2, 4)).astype(dtype)
    return [
        Sample((x, np.array([2, 0]), v)),
        Sample((x, np.array([1, 1]), v[0, 0]), {"axis": 0}),
        Sample((x, np.array([-1, 2]), v.T[:3]), {"axis": -1}),
    ]


def _slice_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((3, 4), dtype)
    return [
        Sample((x, np.array([3]), x[:1]), {}, IndexRangeError),
        Sample((x, np.array([[0]]), x[:1]), {}, ShapeError),
        Sample((x, np.array([0, 1]), x), {}, ShapeError),
    ]


def _on_slices(op: str, write: Op, x: Any, indices: Any, source: Any, axis: int) -> Any:
    x = as_handle(x)
    indices, source = integers(indices, op, x), values_for(x, source, op)
    if indices.ndim != 1:
        raise ShapeError("indices must have one axis", op=op, operands=(x, indices))
    place = normal_axis(axis, x.ndim, op, x)
    wanted = (*x.shape[:place], indices.shape[0], *x.shape[place + 1 :])
    if not same_shape(source.shape, wanted):
        fits = source.ndim <= x.ndim and all(
            agree(n, m) or agree(n, 1) for n, m in zip(reversed(source.shape), reversed(wanted), strict=False)
        )
        if not fits:
            raise ShapeError("the source does not broadcast to the slices", op=op, operands=(x, indices, source))
        source = broadcast_to(source, wanted)
    return apply(write, x, source, indices, axis=place)


@composite(samples=_slices, errors=_slice_errors, onnx="ScatterND", accepts=dtypes.NUMERIC)
def index_add(x: Any, indices: Any, source: Any, /, *, axis: int = 0) -> Any:
    """``x`` with the slices of ``source`` added to its slices at ``indices`` (one axis); repeated ones add up (PyTorch).

    source: broadcasts to x's shape with the axis as long as indices.
    """
    return _on_slices("index_add", add_at, x, indices, source, axis)


@composite(samples=_slices, errors=_slice_errors, onnx="ScatterND", accepts=dtypes.EVERY)
def index_copy(x: Any, indices: Any, source: Any, /, *, axis: int = 0) -> Any:
    """``x`` with its slices at ``indices`` (one axis) replaced by those of ``source`` (PyTorch).

    source: broadcasts to x's shape with the axis as long as indices; a number fills. Of repeated slices the last counts.
    """
    return _on_slices("index_copy", index_set, x, indices, source, axis)


@composite(
    samples=lambda rng, dtype: [Sample(s.args[:2], s.attrs) for s in _slices(rng, dtype)],
    errors=lambda rng, dtype: [Sample(s.args[:2], s.attrs, s.error) for s in _slice_errors(rng, dtype)[:2]],
    onnx="Gather",
    accepts=dtypes.EVERY,
)
def index_select(x: Any, indices: Any, /, *, axis: int = 0) -> Any:
    """The slices of ``x`` at ``indices`` (one axis of integers), in their order (PyTorch); ``take`` allows any shape."""
    x = as_handle(x)
    indices = integers(indices, "index_select", x)
    if indices.ndim != 1:
        raise ShapeError("indices must have one axis", op="index_select", operands=(x, indices))
    return apply(gather, x, indices, axis=normal_axis(axis, x.ndim, "index_select", x))
