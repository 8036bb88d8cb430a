"""The same elements in another arrangement: reshapes, permutations, broadcasts."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.arguments import normal_axes, normal_axis, normal_shape
from engine.errors import ArgumentError, ShapeError
from engine.lowering import Layout, View, contiguous
from engine.makers import composite, public, publish
from engine.op import Op, Sample, Trait, apply, as_handle
from engine.ops.samples import array, calls
from engine.sizes import Dim, Shape, Size, agree, divide_exactly, product, same, same_shape, show_shape
from engine.spec import Incompatible, Spec, broadcast

EVERY = dtypes.EVERY
MOVES: dict[str, Any] = {"accepts": EVERY, "casts": None, "keeps": ""}  # of ops that only move elements

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
    batch="shaped",
    order=5,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, shape: apply(_reshape, g, shape=x.shape),),
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 2, 6), (3, 4))),
        Sample((array(rng, dtype, 2, 3), (-1,))),
        Sample((array(rng, dtype, 1), ())),
        Sample((array(rng, dtype, 0, 3), (3, 0))),
    ],
    errors=lambda rng, dtype: [
        Sample((array(rng, dtype, 2, 3), (4, 2)), {}, ShapeError),
        Sample((array(rng, dtype, 2, 3), (-1, -1)), {}, ArgumentError),
    ],
    doc="The elements in row-major order in another shape.",
    **MOVES,
)


@publish(_reshape)
def reshape(x: Any, /, shape: Any, *rest: Any, copy: bool | None = None) -> Any:
    """The elements of ``x`` in row-major order in another shape; one size may be -1, to be worked out (Array API).

    ``copy`` True: another handle even where the shape stays; False: raises ArgumentError where the memory would have
    to be copied, which only eager mode can tell. Raises ShapeError where the number of elements differs.
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
            raise ShapeError(f"{total} elements do not divide into {show_shape(sizes)}", op="reshape", operands=(x,))
        sizes = tuple(missing if i == unknown[0] else n for i, n in enumerate(sizes))
    elif not agree(total, product(sizes)):
        raise ShapeError(f"{total} elements do not fit into shape {show_shape(sizes)}", op="reshape", operands=(x,))
    if copy is False and dispatch.current().name == "eager":
        _refuse_copy(x, sizes)
    if same_shape(sizes, x.shape):
        return x._fresh() if copy else x
    return apply(_reshape, x, shape=sizes)


def _refuse_copy(x: Any, shape: Shape) -> None:
    try:
        np.reshape(x.numpy(), shape, copy=False)
    except ValueError:
        raise ArgumentError(
            "these strides cannot be kept in that shape without a copy",
            op="reshape",
            operands=(x,),
            fix="leave copy=False out",
        ) from None


@composite(accepts=EVERY, samples=calls(((2, 3),), ((2, 3), {"axis": (0, -1)}), ((),)))
def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """A new axis of size 1 at each given position of the result (Array API)."""
    x = as_handle(x)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    axes = normal_axes(axis, x.ndim + count, "expand_dims", x)
    sizes = iter(x.shape)
    shape = tuple(1 if i in axes else next(sizes) for i in range(x.ndim + count))
    return apply(_reshape, x, shape=shape)


@composite(accepts=EVERY, samples=calls(((2, 1, 3, 1),), ((2, 1, 3), {"axis": 1}), ((0, 1),)))
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


@composite(accepts=EVERY, samples=calls(((2, 3, 2),), ((2, 3, 2), 1), ((),), ((0, 3),)))
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
    batch="permuted",
    order=6,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, axes: apply(_permute, g, axes=tuple(int(i) for i in np.argsort(axes))),),
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 2, 3, 4), (2, 0, 1))),
        Sample((array(rng, dtype, 2, 3), (-1, 0))),
        Sample((array(rng, dtype, 0, 3), (1, 0))),
    ],
    errors=lambda rng, dtype: [Sample((array(rng, dtype, 2, 3), (0, 0)), {}, ArgumentError)],
    doc="The axes in another order.",
    **MOVES,
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


@composite(accepts=EVERY, samples=calls(((2, 3, 4), 0, -1), ((2, 3, 4), (0, 2), (1, 0))))
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


@composite(accepts=EVERY, samples=calls(((2, 3, 4),), ((2, 0),)))
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
    batch="widened",
    order=4,
    traits=[Trait.VIEW],
    vjp=(lambda g, y, x, shape: g,),  # the reverse pass sums what was broadcast
    samples=lambda rng, dtype: [
        Sample((array(rng, dtype, 3, 1), (2, 3, 4))),
        Sample((array(rng, dtype), (2,))),
        Sample((array(rng, dtype, 1), (0,))),
    ],
    errors=lambda rng, dtype: [Sample((array(rng, dtype, 3), (4,)), {}, ShapeError)],
    doc="Axes of size 1 repeated to a shape.",
    **MOVES,
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
            f"shape {show_shape(x.shape)} cannot be broadcast to {show_shape(wanted)}",
            op="broadcast_to",
            operands=(x,),
            fix="each size must be equal to the wanted one, or 1, counted from the last axis",
        )
    return x if same_shape(x.shape, wanted) else apply(broadcast_op, x, shape=wanted)


@public
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """The arrays broadcast to their common shape, each with its own dtype (Array API).

    Raises ShapeError where they have none.
    """
    handles = [as_handle(a) for a in arrays]
    shape = _common(tuple(h.shape for h in handles), "broadcast_arrays", handles)
    return tuple(broadcast_to(h, shape) for h in handles)


@public
def broadcast_shapes(*shapes: Any) -> Shape:
    """The shape that all shapes broadcast to; of none, () (Array API). Raises ShapeError where there is none.

    >>> tg.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return _common(tuple(normal_shape(s, "broadcast_shapes") for s in shapes), "broadcast_shapes", ())


def _common(shapes: tuple[Shape, ...], op: str, operands: Any) -> Shape:
    try:
        return broadcast(*shapes)
    except Incompatible as mistake:
        shown = " and ".join(map(show_shape, shapes))
        raise ShapeError(
            f"shapes {shown} do not fit: {mistake}",
            op=op,
            operands=operands,
            fix="shapes are compared from the last axis; each pair of sizes must be equal or one of them 1",
        ) from None
