"""Reading and replacing parts of an array by integers, slices, integer arrays and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.handle import Handle
from engine.makers import composite, public
from engine.op import Sample, apply, as_handle
from engine.ops.compare import where
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.gather import gather, index_set
from engine.ops.shape import broadcast_to, permute_dims, reshape
from engine.ops.slices import slice_, slice_set
from engine.ops.subscript import Selection, axes_of, check_mask, entries_of, is_mask
from engine.sizes import same, show_shape
from engine.spec import DType, broadcast

# ---------------------------------------------------------------------------------------- x[...] and x[...] = v


def _part(x: Any, chosen: Selection) -> Any:
    """The regular part an index chooses, before its arrays do."""
    if not chosen.whole:
        x = apply(slice_, x, starts=tuple(chosen.starts), sizes=tuple(chosen.sizes), steps=tuple(chosen.steps))
    return reshape(x, tuple(chosen.shape))


@public
def getitem(x: Any, index: Any) -> Any:
    """``x[index]`` with integers, slices, None, Ellipsis, integer arrays and boolean masks, by NumPy's rules.

    Raises IndexRangeError outside the array, UnsupportedError for a mask in static mode, where the size of the result
    is not known.
    """
    x = as_handle(x)
    chosen = Selection(x, index)
    y = _part(x, chosen)
    if not chosen.arrays:
        return y._fresh() if y is x else y
    arrays, axes = chosen.joined()
    if not chosen.adjacent:
        y = permute_dims(y, (*axes, *(a for a in range(y.ndim) if a not in axes)))
        axes = list(range(len(axes)))
    return apply(gather, y, *arrays, axis=axes[0])


@public
def setitem(x: Any, index: Any, value: Any) -> Any:
    """``x`` with ``x[index]`` replaced by ``value``, which broadcasts; what ``x[index] = value`` rebinds x to.

    Of repeated positions in integer arrays the last one counts. In static mode a mask takes a value that is the same
    for all the elements it chooses.
    """
    x = as_handle(x)
    value = _value(x, value)
    masked = _masked(x, index, value)
    if masked is not None:
        return masked
    chosen = Selection(x, index)
    where_ = {"starts": tuple(chosen.starts), "sizes": tuple(chosen.sizes), "steps": tuple(chosen.steps)}
    if not chosen.arrays:
        value = reshape(_spread(value, tuple(chosen.shape), x), where_["sizes"])
        return apply(slice_set, x, value, **where_)
    # Read the regular part, write into it by position, and put it back.
    arrays, axes = chosen.joined()
    rest = [a for a in range(len(chosen.shape)) if a not in axes]
    order = [*axes, *rest] if not chosen.adjacent else list(range(len(chosen.shape)))
    inner = permute_dims(_part(x, chosen), tuple(order))
    first = 0 if not chosen.adjacent else axes[0]
    target = (*inner.shape[:first], *arrays[0].shape, *inner.shape[first + len(axes) :])
    inner = apply(index_set, inner, _spread(value, target, x), *arrays, axis=first)
    inner = permute_dims(inner, tuple(int(i) for i in np.argsort(order)))
    return reshape(inner, x.shape) if chosen.whole else apply(slice_set, x, reshape(inner, where_["sizes"]), **where_)


def _value(x: Any, value: Any) -> Any:
    if isinstance(value, int) and x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        if not limits.min <= value <= limits.max:
            raise DTypeError(f"the number {value} does not fit into {x.dtype.name}", op="setitem", operands=(x,))
    return astype(as_handle(value), x.dtype, copy=False)


def _spread(value: Any, shape: Any, x: Any) -> Any:
    """A value broadcast to the shape of what it replaces; leading axes of size 1 may be more than that has."""
    extra = value.ndim - len(shape)
    if extra > 0 and all(same(n, 1) for n in value.shape[:extra]):
        value = reshape(value, value.shape[extra:])
    try:
        return broadcast_to(value, shape)
    except ShapeError:
        raise ShapeError(
            f"a value of shape {show_shape(value.shape)} does not fit into a part of shape {show_shape(shape)}",
            op="setitem",
            operands=(x, value),
        ) from None


def _masked(x: Any, index: Any, value: Any) -> Any:
    """``x[mask] = value`` as a choice, element by element: where one mask chooses, and all it chooses get one value."""
    entries = entries_of(x, index)
    masks = [e for e in entries if is_mask(e)]
    if len(masks) != 1 or not isinstance(masks[0], Handle) or x.dtype not in dtypes.COMPUTED:
        return None
    if not all(e is Ellipsis or e is masks[0] or (isinstance(e, slice) and e == slice(None)) for e in entries):
        return None
    (mask,) = masks
    at = next(i for i, e in enumerate(entries) if e is mask)
    rest = x.ndim - sum(map(axes_of, entries))
    axis = sum(rest if e is Ellipsis else axes_of(e) for e in entries[:at])
    check_mask(mask, x, axis)
    behind = x.ndim - axis - mask.ndim
    if value.ndim > behind:
        lead = value.ndim - behind - 1
        if not same(value.shape[lead], 1):
            return None
        value = reshape(value, (*value.shape[:lead], *(1,) * mask.ndim, *value.shape[lead + 1 :]))
    mask = reshape(mask, (*mask.shape, *(1,) * behind))
    return where(mask, _spread(value, x.shape, x), x)


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
