"""Arrays joined end to end, and repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.lowering import Assemble, Layout, contiguous
from engine.makers import composite, publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.dtype import astype
from engine.ops.samples import array, calls
from engine.ops.shape import EVERY, MOVES, broadcast_to, reshape
from engine.ops.slices import part
from engine.sizes import Size, agree, larger
from engine.spec import Spec


def _concat_spec(*xs: Any, axis: int) -> Spec:
    first = xs[0].shape
    total: Size = 0
    for x in xs:
        total = total + x.shape[axis]
    return Spec((*first[:axis], total, *first[axis + 1 :]), xs[0].dtype)


def _concat_parts(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> list[tuple[int, Layout]]:
    whole = contiguous(out.shape)
    place: Size = 0
    parts = []
    for number, spec in enumerate(specs):
        parts.append((number, Layout(place * whole.strides[attrs["axis"]], whole.strides)))
        place = place + spec.shape[attrs["axis"]]
    return parts


def _concat_vjp(g: Any, y: Any, *xs: Any, axis: int) -> list[Any]:
    place: Size = 0
    parts = []
    for x in xs:
        n = x.shape[axis]
        parts.append(part(g, axis, place, n))
        place = place + n
    return parts


_concat = Op(
    "concat",
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    _concat_spec,
    lower=Assemble(_concat_parts),
    onnx="Concat",
    batch="shift",
    order=31,
    vjp=_concat_vjp,
    samples=lambda rng, dtype: [
        Sample(([array(rng, dtype, 2, 3), array(rng, dtype, 1, 3)],), {"axis": 0}),
        Sample(([array(rng, dtype, 2, 3), array(rng, dtype, 2, 0)],), {"axis": -1}),
    ],
    errors=lambda rng, dtype: [
        Sample(([array(rng, dtype, 2, 3), array(rng, dtype, 2, 4)],), {"axis": 0}, ShapeError),
        Sample(([],), {}, ArgumentError),
    ],
    doc="Arrays joined along an axis they have.",
    **MOVES,
)


@publish(_concat)
def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Arrays joined along an existing axis, or flattened first where ``axis`` is None (Array API).

    Raises ShapeError where the other sizes differ. dtypes promote.
    """
    handles = [as_handle(a) for a in arrays]
    if not handles:
        raise ArgumentError("needs at least one array", op="concat")
    if axis is None:
        handles, axis = [reshape(h, (-1,)) for h in handles], 0
    place = normal_axis(axis, handles[0].ndim, "concat", handles[0])
    handles = promoted(handles, "concat")
    for h in handles[1:]:
        fits = h.ndim == handles[0].ndim and all(
            i == place or agree(n, m) for i, (n, m) in enumerate(zip(h.shape, handles[0].shape, strict=True))
        )
        if not fits:
            raise ShapeError(f"shapes differ in an axis other than {place}", op="concat", operands=handles)
    return handles[0] if len(handles) == 1 else apply(_concat, *handles, axis=place)


def promoted(handles: list[Any], op: str) -> list[Any]:
    """The arrays cast to their common dtype."""
    if len({h.dtype for h in handles}) == 1:
        return handles
    target = dtypes.promote(*(h.dtype for h in handles))
    if target is None:
        raise DTypeError("the dtypes have no common dtype", op=op, operands=handles, fix="cast with astype")
    return [astype(h, target) for h in handles]


@composite(accepts=EVERY, samples=calls(((2, 3), 2), ((2, 3), (2, 1, 2)), ((3,), (0,))))
def tile(x: Any, repetitions: Any, /) -> Any:
    """The whole array repeated along each axis (Array API)."""
    x = as_handle(x)
    counts = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    counts = (1,) * (x.ndim - len(counts)) + counts
    x = reshape(x, (1,) * (len(counts) - x.ndim) + tuple(x.shape))
    apart = tuple(s for n in x.shape for s in (1, n))
    wide = tuple(s for n, c in zip(x.shape, counts, strict=True) for s in (c, n))
    whole = tuple(n * c for n, c in zip(x.shape, counts, strict=True))
    return reshape(broadcast_to(reshape(x, apart), wide), whole)


@composite(accepts=EVERY, samples=calls(((2, 3), 2), ((2, 5), -2, {"axis": 1}), ((3, 4), (1, 7), {"axis": (0, 1)})))
def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    """The elements moved by ``shift`` places along each axis, those that fall off coming back at the start (Array API)."""
    x = as_handle(x)
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, axis=0), x.shape)
    shifts = shift if isinstance(shift, tuple | list) else (shift,)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    if len(shifts) == 1:
        shifts = tuple(shifts) * len(axes)
    if len(shifts) != len(axes):
        raise ArgumentError(f"{len(shifts)} shifts for {len(axes)} axes", op="roll", operands=(x,))
    for by, a in zip(shifts, axes, strict=True):
        place = normal_axis(a, x.ndim, "roll", x)
        n = x.shape[place]
        wide = larger(n, 1)  # an empty axis has nothing to move
        cut = -by - (-by // wide) * wide
        x = concat([part(x, place, cut, n - cut), part(x, place, 0, cut)], axis=place)
    return x
