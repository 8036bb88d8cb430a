"""Which axes of a function's arguments and results are the batch of vmap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import tree
from engine.errors import ArgumentError, ShapeError
from engine.handle import is_scalar
from engine.sizes import Size, agree, show_shape, show_size


def axes_of(in_axes: Any, args: Sequence[Any]) -> list[int | None]:
    """The batch axis of each leaf of the arguments, None for one that all entries share."""
    if isinstance(in_axes, tuple | list):
        if len(in_axes) != len(args):
            raise ArgumentError(f"in_axes has {len(in_axes)} entries for {len(args)} arguments", op="vmap")
        found: list[int | None] = []
        for axis, arg in zip(in_axes, args, strict=True):
            found += spread(axis, arg)
        return found
    return spread(in_axes, list(args))


def spread(axes: Any, values: Any) -> list[int | None]:
    """An axis for each leaf: one number for all of them, or a structure like the values'."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(tree.leaves([values]))
    if isinstance(values, dict) and isinstance(axes, dict) and axes.keys() == values.keys():
        return [a for key, v in values.items() for a in spread(axes[key], v)]
    fits = isinstance(values, list | tuple) and isinstance(axes, list | tuple) and len(axes) == len(values)
    if not fits:
        raise ArgumentError(
            "in_axes and out_axes are a number, None, or have the structure of what they belong to",
            op="vmap",
            fix="for one argument that is a tuple or dict, put its axes into a tuple of their own: in_axes=({...},)",
        )
    return [a for axis, v in zip(axes, values, strict=True) for a in spread(axis, v)]


def batch_size(given: list[Any], axes: list[int | None]) -> Size:
    """The size of the batch; raises ShapeError where arguments differ in it."""
    sizes = []
    for h, axis in zip(given, axes, strict=True):
        if axis is None or is_scalar(h):
            continue
        if not -h.ndim <= axis < h.ndim:
            raise ShapeError(
                f"an argument of shape {show_shape(h.shape)} has no axis {axis} for the batch",
                op="vmap",
                fix="say in in_axes which axis of each argument is the batch, None for what all entries share",
            )
        sizes.append(h.shape[axis])
    if not sizes:
        raise ArgumentError("needs an argument with a batch axis; every entry of in_axes is None", op="vmap")
    for n in sizes[1:]:
        if not agree(n, sizes[0]):
            raise ShapeError(
                f"batch sizes of the arguments differ: {show_size(sizes[0])} and {show_size(n)}",
                op="vmap",
                fix="say in in_axes which axis of each argument is the batch, None for what all entries share",
            )
    first: Size = sizes[0]
    return first
