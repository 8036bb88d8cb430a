"""An array taken apart along an axis in one step, so that its gradient is put together in one step too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from engine import dtypes
from engine import op as _op
from engine.arguments import normal_axis
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite, publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.create import full
from engine.ops.joins import concat, promoted
from engine.ops.samples import array, calls
from engine.ops.shape import expand_dims, squeeze
from engine.ops.slices import part
from engine.sizes import Size, agree
from engine.spec import DType, Spec


def _cut(x: Any, sizes: Sequence[int], axis: int) -> list[Any]:
    """Views of the parts."""
    starts = np.cumsum([0, *sizes])
    before = (slice(None),) * axis
    return [x[(*before, slice(a, b))] for a, b in pairwise(starts)]


def _in_parts(x: Any, sizes: Sequence[Size], axis: int) -> tuple[Any, ...]:
    found: list[Any] = []
    start: Size = 0
    for size in sizes:
        found.append(part(x, axis, start, size))
        start = start + size
    return tuple(found)


def _zeros(gs: Sequence[Any], ys: Sequence[Any]) -> list[Any]:
    return [full(y.shape, 0, dtype=y.dtype) if g is None else g for g, y in zip(gs, ys, strict=True)]


pieces = Op(
    "pieces",
    _cut,
    lambda x, sizes, axis: [Spec((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in sizes],
    vjp=lambda gs, ys, x, sizes, axis: [concat(_zeros(gs, ys), axis=axis)],
    expand=_in_parts,
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    many=True,
    hidden=True,
    samples=lambda rng, dtype: [Sample((array(rng, dtype, 3, 6),), {"sizes": (1, 2, 3), "axis": 1})],
    doc="Neighbouring parts of x along an axis, of given sizes.",
)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((array(rng, dtype, 3, 4),), {"axis": 0}), Sample((array(rng, dtype, 3, 4),), {"axis": 1})]


entries: Op = Op(
    "entries",
    lambda x, axis: list(np.moveaxis(x, axis, 0)),
    lambda x, axis: [Spec((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)] * int(x.shape[axis]),
    vjp=lambda gs, ys, x, axis: [apply(stacked, *_zeros(gs, ys), axis=axis)],
    expand=lambda x, axis: tuple(squeeze(part(x, axis, i, 1), axis=axis) for i in range(int(x.shape[axis]))),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    many=True,
    hidden=True,
    samples=_samples,
    doc="The slices of x along an axis, which they are without.",
)


stacked: Op = Op(
    "stack",
    lambda *xs, axis: np.stack(xs, axis),
    lambda *xs, axis: Spec((*xs[0].shape[:axis], len(xs), *xs[0].shape[axis:]), xs[0].dtype),
    vjp=lambda g, y, *xs, axis: list(apply(entries, g, axis=axis)),
    expand=lambda *xs, axis: concat([expand_dims(x, axis=axis) for x in xs], axis=axis),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    samples=lambda rng, dtype: [
        Sample(([array(rng, dtype, 2, 3) for _ in range(3)],), {"axis": axis}) for axis in (0, 1, -1)
    ],
    doc="Arrays of one shape joined along a new axis.",
)


@publish(stacked)
def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis (Array API)."""
    handles = [as_handle(a) for a in arrays]
    if not handles:
        raise ArgumentError("needs at least one array", op="stack")
    for h in handles[1:]:
        if h.ndim != handles[0].ndim or not all(agree(n, m) for n, m in zip(h.shape, handles[0].shape, strict=True)):
            raise ShapeError("all arrays must have one shape", op="stack", operands=handles)
    place = normal_axis(axis, handles[0].ndim + 1, "stack", handles[0])
    return apply(stacked, *promoted(handles, "stack"), axis=place)


_op.STACK = stack


@composite(accepts=dtypes.EVERY, samples=calls(((5, 2), 2), ((2, 5), [1, 0, 4], {"axis": 1})))
def split(x: Any, sizes: Any, /, axis: int = 0) -> list[Any]:
    """A list of parts along an axis: of ``sizes`` elements each (the last may be shorter), or of the listed sizes (PyTorch)."""
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "split", x)
    n = int(x.shape[place]) if not isinstance(sizes, list | tuple) else x.shape[place]
    if isinstance(sizes, int):
        if sizes <= 0:
            raise ArgumentError(f"a part must have at least one element, not {sizes}", op="split", operands=(x,))
        sizes = [min(sizes, n - start) for start in range(0, n, sizes)] or [0]
    if not agree(sum(sizes), n):
        raise ShapeError(f"parts of {list(sizes)} do not add up to {n}", op="split", operands=(x,))
    return list(apply(pieces, x, sizes=tuple(sizes), axis=place))


@composite(accepts=dtypes.EVERY, samples=calls(((2, 3),), ((2, 3), {"axis": -1})))
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, as a tuple of arrays without it (Array API)."""
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "unstack", x)
    return tuple(apply(entries, x, axis=place)) if int(x.shape[place]) else ()
