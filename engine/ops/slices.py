"""Regular parts of an array, read and replaced: start, size and step along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.arguments import normal_axes
from engine.errors import Trap
from engine.lowering import Assemble, Layout, View, contiguous
from engine.makers import composite
from engine.op import Op, Sample, Trait, apply, as_handle
from engine.ops.create import full
from engine.ops.samples import array, calls
from engine.ops.shape import EVERY, MOVES
from engine.sizes import Size
from engine.spec import Spec


def _slices(starts: Any, sizes: Any, steps: Any) -> tuple[slice, ...]:
    found = []
    for start, size, step in zip(starts, sizes, steps, strict=True):
        stop = start + size * step
        found.append(slice(start, None if stop < 0 else stop, step) if size else slice(0, 0))
    return tuple(found)


_PARTS: list[dict[str, Any]] = [
    {"starts": (1, 0), "sizes": (3, 4), "steps": (1, 1)},
    {"starts": (4, 1), "sizes": (3, 2), "steps": (-2, 2)},
    {"starts": (4, 3), "sizes": (5, 4), "steps": (-1, -1)},
    {"starts": (0, 2), "sizes": (5, 0), "steps": (1, 1)},
]


def _slice_kernel(x: Any, starts: Any, sizes: Any, steps: Any) -> Any:
    check_slice(x.shape, starts, sizes, steps)
    return x[_slices(starts, sizes, steps)]


def check_slice(shape: Any, starts: Any, sizes: Any, steps: Any) -> None:
    """Raise Trap where a regular part reaches outside its array, which a named size may make it do."""
    for n, start, size, step in zip(shape, starts, sizes, steps, strict=True):
        last = start + (size - 1) * step
        if size and not (0 <= start < n and 0 <= last < n):
            wrong = start if not 0 <= start < n else last
            wrong -= n if wrong < 0 else 0  # as it was written: it has been counted from the start
            raise Trap(2, f": {wrong}, where the axis has size {n}", f"indices must lie in [{-n}, {n})", "getitem")


def _slice_layout(layout: Layout, attrs: dict[str, Any]) -> Layout:
    offset = layout.offset
    for start, stride in zip(attrs["starts"], layout.strides, strict=True):
        offset = offset + start * stride
    return Layout(offset, tuple(s * k for s, k in zip(layout.strides, attrs["steps"], strict=True)))


def _set_kernel(x: Any, v: Any, starts: Any, sizes: Any, steps: Any) -> Any:
    check_slice(x.shape, starts, sizes, steps)
    out = np.array(x, order="C")
    out[_slices(starts, sizes, steps)] = v
    return out


slice_ = Op(
    "slice",
    _slice_kernel,
    lambda x, starts, sizes, steps: Spec(sizes, x.dtype),
    lower=View(lambda layout, old, new, attrs: _slice_layout(layout, attrs)),
    onnx="Slice",
    batch="sliced",
    order=5,
    traits=[Trait.VIEW],
    vjp=(
        lambda g, y, x, starts, sizes, steps: apply(
            slice_set, full(x.shape, 0, dtype=g.dtype), g, starts=starts, sizes=sizes, steps=steps
        ),
    ),
    samples=lambda rng, dtype: [Sample((array(rng, dtype, 5, 4),), part) for part in _PARTS],
    doc="A regular part of each axis: start, size and step (negative steps walk backwards).",
    **MOVES,
    hidden=True,
)
slice_set: Op = Op(
    "slice_set",
    _set_kernel,
    lambda x, v, starts, sizes, steps: Spec(x.shape, x.dtype),
    lower=Assemble(
        lambda specs, out, attrs: [
            (0, contiguous(out.shape)),
            (1, _slice_layout(contiguous(out.shape), attrs)),
        ]
    ),
    onnx="ScatterND",
    batch="sliced",
    order=30,
    vjp=(
        lambda g, y, x, v, starts, sizes, steps: apply(
            slice_set, g, full(v.shape, 0, dtype=g.dtype), starts=starts, sizes=sizes, steps=steps
        ),
        lambda g, y, x, v, **where_: apply(slice_, g, **where_),
    ),
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 5, 4), array(rng, dtype, *part["sizes"])), part) for part in _PARTS
    ],
    doc="x with a regular part replaced by v.",
    **MOVES,
    hidden=True,
)


@composite(accepts=EVERY, samples=calls(((2, 3),), ((2, 3), {"axis": 1}), ((2, 3, 2), {"axis": (0, -1)}), ((0, 2),)))
def flip(x: Any, /, *, axis: Any = None) -> Any:
    """The elements in reverse order along the given axes, or all (Array API)."""
    x = as_handle(x)
    axes = normal_axes(axis, x.ndim, "flip", x)
    starts = tuple(n - 1 if i in axes else 0 for i, n in enumerate(x.shape))
    return apply(slice_, x, starts=starts, sizes=x.shape, steps=tuple(-1 if i in axes else 1 for i in range(x.ndim)))


def part(x: Any, axis: int, start: Size, size: Size) -> Any:
    """The elements from ``start`` on along one axis, ``size`` of them."""
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    sizes = tuple(size if i == axis else n for i, n in enumerate(x.shape))
    return apply(slice_, x, starts=starts, sizes=sizes, steps=(1,) * x.ndim)
