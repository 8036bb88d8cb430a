"""Arguments of ops in one form: axes counted from 0, shapes as tuples."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError, AxisError, UnsupportedError
from engine.sizes import Dim, Shape, Size


def normal_axis(axis: Any, rank: int, op: str, operand: Any = None) -> int:
    """A non-negative axis; raises AxisError outside ``[-rank, rank)``."""
    try:
        number = axis.__index__()
    except AttributeError:
        raise ArgumentError(f"axis must be an int, not {axis!r}", op=op) from None
    if not -rank <= number < rank:
        raise AxisError(
            f"axis {number} is outside an array of {rank} dimension{'s' * (rank != 1)}",
            op=op,
            operands=() if operand is None else (operand,),
            fix=f"use an axis from {-rank} to {rank - 1}" if rank else "a 0-d array has no axes",
        )
    return int(number) % rank


def normal_axes(axis: Any, rank: int, op: str, operand: Any = None) -> tuple[int, ...]:
    """A sorted tuple of non-negative axes; None means all of them."""
    if axis is None:
        return tuple(range(rank))
    listed = axis if isinstance(axis, tuple | list) else (axis,)
    axes = sorted(normal_axis(a, rank, op, operand) for a in listed)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"axis {axis} names an axis twice", op=op)
    return tuple(axes)


def normal_shape(shape: Any, op: str) -> Shape:
    """A tuple of sizes from an int, a dim or a sequence of them."""
    if isinstance(shape, int | np.integer | Dim):
        shape = (shape,)
    sizes: list[Size] = []
    for n in shape:
        if isinstance(n, Dim):
            sizes.append(n)
        elif hasattr(n, "__index__"):
            sizes.append(int(n))
        else:
            raise ArgumentError(f"a size must be an int, not {n!r}", op=op)
    return tuple(sizes)


DEVICE = "cpu"  # the only one


def check_device(device: Any, op: str) -> None:
    """Refuse any device but the CPU; None is the default, which is the CPU."""
    if device is not None and device != DEVICE:
        raise ArgumentError(f"there is no device {device!r}", op=op, fix='the one device is "cpu"')


def values_of(x: Any, op: str, instead: str) -> np.ndarray[Any, Any]:
    """The numbers of an array that the shape of a result depends on.

    Raises UnsupportedError in static mode, where no numbers exist while the graph is built; ``instead``: the way out.
    """
    if dispatch.current().name == "static":
        raise UnsupportedError(
            "the shape of the result depends on the data, and in static mode the graph is built before any data exists",
            op=op,
            operands=(x,),
            fix=instead,
        )
    found: np.ndarray[Any, Any] = x.numpy()
    return found
