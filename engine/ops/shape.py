"""The same elements in another arrangement: reshapes, permutations, slices, joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine import op as _op
from engine.errors import ArgumentError, DTypeError, ShapeError, Trap
from engine.lowering import Assemble, Layout, View, contiguous
from engine.op import (
    Op,
    Sample,
    Trait,
    apply,
    as_handle,
    composite,
    normal_axes,
    normal_axis,
    normal_shape,
    publish,
)
from engine.ops.dtype import astype
from engine.sizes import Dim, Shape, Size, agree, divide_exactly, larger, product, same, same_shape
from engine.spec import DType, Spec, broadcast

EVERY = dtypes.EVERY
_MOVES: dict[str, Any] = {"accepts": EVERY, "casts": None, "keeps": ""}


def _array(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    if dtype.kind == "b":
        return rng.uniform(size=shape) > 0.5
    return rng.uniform(0 if dtype.kind == "u" else -3, 3, shape).astype(dtype)


def _calls(*calls: tuple[Any, ...]) -> Any:
    """Samples from tuples: a shape, further arguments, attributes as a dict."""

    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        return [
            Sample(
                (_array(rng, dtype, *shape), *[r for r in rest if not isinstance(r, dict)]),
                dict(*[r for r in rest if isinstance(r, dict)]),
            )
            for shape, *rest in calls
        ]

    return samples


# ---------------------------------------------------------------------------------------- reshape


def _reshape_layout(layout: Layout, old: Shape, new: Shape, attrs: dict[str, Any]) -> Layout | None:
    """Strides of the new shape over the same memory: runs of axes that lie densely are cut anew, others are kept."""
    if any(same(n, 0) for n in old):
        return Layout(layout.offset, contiguous(new).strides)  # no elements, so any strides do
    axes = [(n, s) for n, s in zip(old, layout.strides, strict=True) if not same(n, 1)]
    strides: list[Size] = []
    position = 0
    pending: list[Size] = []  # new sizes waiting for enough old axes to match their product
    for size in new:
        if same(size, 1):
            pending.append(1)
            continue
        pending.append(size)
        wanted = product(pending)
        for end in range(position + 1, len(axes) + 1):
            run = axes[position:end]
            if same(product(n for n, _ in run), wanted):
                dense = all(same(run[i][1], run[i + 1][0] * run[i + 1][1]) for i in range(len(run) - 1))
                if not dense:
                    return None
                step = run[-1][1]
                cut: list[Size] = []
                for n in reversed(pending):
                    cut.append(step)
                    step = step * n
                strides.extend(reversed(cut))
                pending, position = [], end
                break
    if any(not same(n, 1) for n in pending) or position != len(axes):
        return None
    strides.extend(1 for _ in pending)
    return Layout(layout.offset, tuple(strides))


_reshape: Op = Op(
    "reshape",
    lambda x, shape: np.reshape(x, shape),
    lambda x, shape: Spec(shape, x.dtype),
    lower=View(_reshape_layout),
    onnx="Reshape",
    order=5,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, shape: apply(_reshape, g, shape=x.shape),),
    samples=lambda rng, dtype: [
        Sample((_array(rng, dtype, 2, 6), (3, 4))),
        Sample((_array(rng, dtype, 2, 3), (-1,))),
        Sample((_array(rng, dtype, 1), ())),
        Sample((_array(rng, dtype, 0, 3), (3, 0))),
    ],
    errors=lambda rng, dtype: [
        Sample((_array(rng, dtype, 2, 3), (4, 2)), {}, ShapeError),
        Sample((_array(rng, dtype, 2, 3), (-1, -1)), {}, ArgumentError),
    ],
    doc="The elements in row-major order in another shape.",
    **_MOVES,
)


@publish(_reshape)
def reshape(x: Any, /, shape: Any, *rest: Any, copy: bool | None = None) -> Any:
    """The elements of ``x`` in row-major order in another shape; one size may be -1, to be worked out (Array API).

    Raises ShapeError where the number of elements differs.
    """
    x = as_handle(x)
    sizes = normal_shape((shape, *rest) if rest else shape, "reshape")
    unknown = [i for i, n in enumerate(sizes) if isinstance(n, int) and n == -1]
    if len(unknown) > 1 or any(isinstance(n, int) and n < -1 for n in sizes):
        raise ArgumentError(f"a shape may have one size of -1 and no other negative one, got {sizes}", op="reshape")
    total = product(x.shape)
    if unknown:
        known = product(n for n in sizes if not (isinstance(n, int) and n == -1))
        missing = divide_exactly(total, known)
        if missing is None and (isinstance(total, Dim) or isinstance(known, Dim)):
            count, parts = int(total), int(known)
            missing = count // parts if parts and count % parts == 0 else None
        if missing is None:
            raise ShapeError(f"{total} elements do not divide into {sizes}", op="reshape", operands=(x,))
        sizes = tuple(missing if i == unknown[0] else n for i, n in enumerate(sizes))
    elif not agree(total, product(sizes)):
        raise ShapeError(f"{total} elements do not fit into shape {sizes}", op="reshape", operands=(x,))
    return x if same_shape(sizes, x.shape) else apply(_reshape, x, shape=sizes)


@composite(accepts=EVERY, samples=_calls(((2, 3),), ((2, 3), {"axis": (0, -1)}), ((),)))
def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """A new axis of size 1 at each given position of the result (Array API)."""
    x = as_handle(x)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    axes = normal_axes(axis, x.ndim + count, "expand_dims", x)
    sizes = iter(x.shape)
    shape = tuple(1 if i in axes else next(sizes) for i in range(x.ndim + count))
    return apply(_reshape, x, shape=shape)


@composite(accepts=EVERY, samples=_calls(((2, 1, 3, 1),), ((2, 1, 3), {"axis": 1}), ((0, 1),)))
def squeeze(x: Any, /, axis: Any = None) -> Any:
    """The array without its axes of size 1: the given ones (which must be 1), or all (Array API, PyTorch)."""
    x = as_handle(x)
    if axis is None:
        axes: tuple[int, ...] = tuple(i for i, n in enumerate(x.shape) if same(n, 1))
    else:
        axes = normal_axes(axis, x.ndim, "squeeze", x)
        for a in axes:
            if not agree(x.shape[a], 1):
                raise ShapeError(f"axis {a} has size {x.shape[a]}, not 1", op="squeeze", operands=(x,))
    return apply(_reshape, x, shape=tuple(n for i, n in enumerate(x.shape) if i not in axes)) if axes else x


@composite(accepts=EVERY, samples=_calls(((2, 3, 2),), ((2, 3, 2), 1), ((),), ((0, 3),)))
def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Any:
    """The axes from ``start_axis`` to ``end_axis`` joined into one (PyTorch)."""
    x = as_handle(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    first, last = normal_axis(start_axis, x.ndim, "flatten", x), normal_axis(end_axis, x.ndim, "flatten", x)
    if first > last:
        raise ArgumentError(f"start_axis {start_axis} lies behind end_axis {end_axis}", op="flatten", operands=(x,))
    return reshape(x, (*x.shape[:first], product(x.shape[first : last + 1]), *x.shape[last + 1 :]))


# ---------------------------------------------------------------------------------------- permutation

_permute: Op = Op(
    "permute_dims",
    lambda x, axes: np.transpose(x, axes),
    lambda x, axes: Spec(tuple(x.shape[a] for a in axes), x.dtype),
    lower=View(lambda layout, old, new, attrs: Layout(layout.offset, tuple(layout.strides[a] for a in attrs["axes"]))),
    onnx="Transpose",
    order=6,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, axes: apply(_permute, g, axes=tuple(int(i) for i in np.argsort(axes))),),
    samples=lambda rng, dtype: [
        Sample((_array(rng, dtype, 2, 3, 4), (2, 0, 1))),
        Sample((_array(rng, dtype, 2, 3), (-1, 0))),
        Sample((_array(rng, dtype, 0, 3), (1, 0))),
    ],
    errors=lambda rng, dtype: [Sample((_array(rng, dtype, 2, 3), (0, 0)), {}, ArgumentError)],
    doc="The axes in another order.",
    **_MOVES,
)


@publish(_permute)
def permute_dims(x: Any, /, axes: Any, *rest: Any) -> Any:
    """The axes of ``x`` in the order ``axes`` (Array API). Raises ArgumentError where it is not a permutation."""
    x = as_handle(x)
    listed = (axes, *rest) if rest else axes
    order = tuple(normal_axis(a, x.ndim, "permute_dims", x) for a in listed)
    if sorted(order) != list(range(x.ndim)):
        raise ArgumentError(f"{tuple(listed)} is not a permutation of {x.ndim} axes", op="permute_dims", operands=(x,))
    return x if order == tuple(range(x.ndim)) else apply(_permute, x, axes=order)


@composite(accepts=EVERY, samples=_calls(((2, 3, 4), 0, -1), ((2, 3, 4), (0, 2), (1, 0))))
def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """Axes moved to other positions, the rest keeping their order (Array API)."""
    x = as_handle(x)
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(targets):
        raise ArgumentError("source and destination must have the same length", op="moveaxis", operands=(x,))
    moved = {
        normal_axis(t, x.ndim, "moveaxis", x): normal_axis(s, x.ndim, "moveaxis", x)
        for s, t in zip(sources, targets, strict=True)
    }
    rest = iter([a for a in range(x.ndim) if a not in moved.values()])
    return permute_dims(x, tuple(moved[i] if i in moved else next(rest) for i in range(x.ndim)))


@composite(accepts=EVERY, samples=_calls(((2, 3, 4),), ((2, 0),)))
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged (Array API). x: [..., m, n]."""
    x = as_handle(x)
    if x.ndim < 2:
        raise ShapeError("needs at least two dimensions", op="matrix_transpose", operands=(x,))
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# ---------------------------------------------------------------------------------------- broadcasting


def _broadcast_layout(layout: Layout, old: Shape, new: Shape, attrs: dict[str, Any]) -> Layout:
    lead = len(new) - len(old)
    strides: list[Size] = [0] * lead
    for axis, n in enumerate(old):
        strides.append(0 if same(n, 1) and not same(new[lead + axis], 1) else layout.strides[axis])
    return Layout(layout.offset, tuple(strides))


broadcast_op = Op(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda x, shape: Spec(shape, x.dtype),
    lower=View(_broadcast_layout),
    onnx="Expand",
    order=4,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, shape: g,),  # the reverse pass sums what was broadcast
    samples=lambda rng, dtype: [
        Sample((_array(rng, dtype, 3, 1), (2, 3, 4))),
        Sample((_array(rng, dtype), (2,))),
        Sample((_array(rng, dtype, 1), (0,))),
    ],
    errors=lambda rng, dtype: [Sample((_array(rng, dtype, 3), (4,)), {}, ShapeError)],
    doc="Axes of size 1 repeated to a shape.",
    **_MOVES,
)


@publish(broadcast_op)
def broadcast_to(x: Any, /, shape: Any) -> Any:
    """``x`` with axes of size 1 (and new leading ones) repeated to ``shape`` (Array API)."""
    x = as_handle(x)
    wanted = normal_shape(shape, "broadcast_to")
    fits = len(x.shape) <= len(wanted) and all(
        same(n, 1) or agree(n, m) or agree(n, 1) for n, m in zip(reversed(x.shape), reversed(wanted), strict=False)
    )
    if not fits:
        raise ShapeError(
            f"shape {x.shape} cannot be broadcast to {wanted}",
            op="broadcast_to",
            operands=(x,),
            fix="each size must be equal to the wanted one, or 1, counted from the last axis",
        )
    return x if same_shape(x.shape, wanted) else apply(broadcast_op, x, shape=wanted)


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """The arrays broadcast to their common shape (Array API)."""
    handles = [as_handle(a) for a in arrays]
    shape = broadcast(*(h.shape for h in handles))
    return [broadcast_to(h, shape) for h in handles]


# ---------------------------------------------------------------------------------------- slices


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
            raise Trap(2, f": {start if not 0 <= start < n else last}, where the axis has size {n}")


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
    order=5,
    traits=[Trait.VIEW],
    vjp=(
        lambda g, y, x, starts, sizes, steps: apply(
            slice_set, _zeros(x.shape, g.dtype), g, starts=starts, sizes=sizes, steps=steps
        ),
    ),
    samples=lambda rng, dtype: [Sample((_array(rng, dtype, 5, 4),), part) for part in _PARTS],
    doc="A regular part of each axis: start, size and step (negative steps walk backwards).",
    **_MOVES,
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
    order=30,
    vjp=(
        lambda g, y, x, v, starts, sizes, steps: apply(
            slice_set, g, _zeros(v.shape, g.dtype), starts=starts, sizes=sizes, steps=steps
        ),
        lambda g, y, x, v, **where_: apply(slice_, g, **where_),
    ),
    samples=lambda rng, dtype: [
        Sample((_array(rng, dtype, 5, 4), _array(rng, dtype, *part["sizes"])), part) for part in _PARTS
    ],
    doc="x with a regular part replaced by v.",
    **_MOVES,
)


def _zeros(shape: Shape, dtype: DType) -> Any:
    from engine.ops.create import full  # create builds on shape

    return full(shape, 0, dtype=dtype)


@composite(accepts=EVERY, samples=_calls(((2, 3),), ((2, 3), {"axis": 1}), ((2, 3, 2), {"axis": (0, -1)}), ((0, 2),)))
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


@composite(accepts=EVERY, samples=_calls(((2, 3), 2), ((2, 5), -2, {"axis": 1}), ((3, 4), (1, 7), {"axis": (0, 1)})))
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


# ---------------------------------------------------------------------------------------- joins


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
    order=31,
    vjp=_concat_vjp,
    samples=lambda rng, dtype: [
        Sample(([_array(rng, dtype, 2, 3), _array(rng, dtype, 1, 3)],), {"axis": 0}),
        Sample(([_array(rng, dtype, 2, 3), _array(rng, dtype, 2, 0)],), {"axis": -1}),
    ],
    errors=lambda rng, dtype: [
        Sample(([_array(rng, dtype, 2, 3), _array(rng, dtype, 2, 4)],), {"axis": 0}, ShapeError),
        Sample(([],), {}, ArgumentError),
    ],
    doc="Arrays joined along an axis they have.",
    **_MOVES,
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


@composite(
    accepts=EVERY,
    samples=lambda rng, dtype: [
        Sample(([_array(rng, dtype, 2, 3) for _ in range(3)],), {"axis": axis}) for axis in (0, 1, -1)
    ],
)
def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis (Array API)."""
    handles = [as_handle(a) for a in arrays]
    if not handles:
        raise ArgumentError("needs at least one array", op="stack")
    for h in handles[1:]:
        if h.ndim != handles[0].ndim or not all(agree(n, m) for n, m in zip(h.shape, handles[0].shape, strict=True)):
            raise ShapeError("all arrays must have one shape", op="stack", operands=handles)
    place = normal_axis(axis, handles[0].ndim + 1, "stack", handles[0])
    return concat([expand_dims(h, axis=place) for h in handles], axis=place)


_op.STACK = stack


@composite(accepts=EVERY, samples=_calls(((5, 2), 2), ((2, 5), [1, 0, 4], {"axis": 1})))
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
    parts, start = [], 0
    for size in sizes:
        parts.append(part(x, place, start, size))
        start = start + size
    return parts


@composite(accepts=EVERY, samples=_calls(((2, 3),), ((2, 3), {"axis": -1})))
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, as a tuple of arrays without it (Array API)."""
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "unstack", x)
    return tuple(squeeze(part(x, place, i, 1), axis=place) for i in range(int(x.shape[place])))


@composite(accepts=EVERY, samples=_calls(((2, 3), 2), ((2, 3), 3, {"axis": 1}), ((2, 3), 0, {"axis": 0})))
def repeat(x: Any, repeats: int, /, *, axis: int | None = None) -> Any:
    """Each element ``repeats`` times in a row along an axis, or of the flattened array (Array API)."""
    x = as_handle(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    if not isinstance(repeats, int) or repeats < 0:
        raise ArgumentError(f"repeats must be a non-negative int, not {repeats!r}", op="repeat", operands=(x,))
    place = normal_axis(axis, x.ndim, "repeat", x)
    wide = broadcast_to(expand_dims(x, axis=place + 1), (*x.shape[: place + 1], repeats, *x.shape[place + 1 :]))
    return reshape(wide, (*x.shape[:place], x.shape[place] * repeats, *x.shape[place + 1 :]))


@composite(accepts=EVERY, samples=_calls(((2, 3), 2), ((2, 3), (2, 1, 2)), ((3,), (0,))))
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


def _pad_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((_array(rng, dtype, 2, 3), ((1, 0), (0, 2)))), Sample((_array(rng, dtype, 3), 2), {"value": 1})]


@composite(accepts=dtypes.COMPUTED, samples=_pad_samples, onnx="Pad")
def pad(x: Any, widths: Any, /, *, value: Any = 0) -> Any:
    """``x`` with ``value`` put around it. ``widths``: an int, or (before, after) for each axis (as ``numpy.pad``)."""
    from engine.ops.create import full

    x = as_handle(x)
    if isinstance(widths, int):
        widths = ((widths, widths),) * x.ndim
    pairs = [(w, w) if isinstance(w, int) else tuple(w) for w in widths]
    if len(pairs) != x.ndim or any(len(p) != 2 or min(p) < 0 for p in pairs):
        raise ArgumentError(f"widths must be (before, after) >= 0 for each of {x.ndim} axes", op="pad", operands=(x,))
    shape = tuple(n + before + after for n, (before, after) in zip(x.shape, pairs, strict=True))
    base = full(shape, value, dtype=x.dtype)
    return apply(slice_set, base, x, starts=tuple(p[0] for p in pairs), sizes=x.shape, steps=(1,) * x.ndim)
