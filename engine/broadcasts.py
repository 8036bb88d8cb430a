"""A broadcast in which both operands grow, told of where a prediction meets what it should be compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import level, origin
from engine.notices import BroadcastWarning, warn
from engine.op import Op, Trait
from engine.ops.dtype import leaf as LEAF
from engine.record import Record
from engine.size_policy import size_policy_now
from engine.sizes import Dim, Shape, Size, show_shape

FAR = 300  # records looked at behind an operand; a longer history is not judged


def look(op: Op, operands: tuple[Any, ...], sources: tuple[Any, ...], shape: Shape) -> None:
    """Warn where an op on matching elements makes of a column and a row of one length a square that nobody asked for.

    ``sources``: of each operand its record, or where it has none its array. ``shape``: of the result. Silent unless one
    operand is a prediction (made from parameters and data), the other comes from outside, both hold equally many
    numbers, and no op of the program (newaxis, reshape, keepdims, a transposition) made the axis of length 1.
    """
    if Trait.ELEMENTWISE not in op.traits or level.current() == "off" or origin.inherited():
        return
    a, b = operands
    if not (hasattr(a, "shape") and hasattr(b, "shape")):
        return
    held = _squeezed(a.shape)
    if held != _squeezed(b.shape) or len(_squeezed(shape)) == len(held):
        return
    column, row = sources if a.ndim > b.ndim else sources[::-1]
    if _is_prediction(column) == _is_prediction(row) or not _is_native(column):
        return
    if _tracked(column) and _tracked(row):
        return
    warn(
        BroadcastWarning(
            f"shapes {show_shape(a.shape)} and {show_shape(b.shape)} become {show_shape(shape)}: "
            "each prediction is paired with every other entry, not with its own",
            op=op.name,
            operands=operands,
            fix="give both one shape: pred.squeeze(-1), or y.reshape(pred.shape); where all pairs are meant, write y[:, None]",
        )
    )


def _squeezed(shape: Shape) -> list[Size]:
    """The sizes other than 1, as numbers where they are known."""
    hint = size_policy_now().hint
    found: list[Size] = []
    for n in shape:
        known = hint(n) if isinstance(n, Dim) else n
        if known != 1:
            found.append(n if known is None else known)
    return found


def _tracked(source: Any) -> bool:
    return type(source) is Record and source.tracked


def _is_prediction(source: Any) -> bool:
    """Whether gradients flow through it and something that has none, an array from outside, went into it."""
    if not _tracked(source):
        return False
    seen, stack = {source}, [source]
    while stack and len(seen) < FAR:
        for part in stack.pop().args:
            if type(part) is Record and part not in seen:
                seen.add(part)
                stack.append(part)
            if part is None or _is_data(part):
                return True
    return False


def _is_data(part: Any) -> bool:
    if isinstance(part, np.ndarray):
        return part.ndim > 0
    return type(part) is Record and part.op is LEAF and not part.tracked and bool(part.shape)


def _is_native(source: Any) -> bool:
    """Whether the axis of length 1 came with the data or out of a layer, and was not put there by an op beside."""
    for _ in range(FAR):
        if isinstance(source, np.ndarray):
            return source.base is None or source.base.ndim == source.ndim
        if source.op is LEAF:
            return True
        if Trait.ELEMENTWISE not in source.op.traits:
            return not source.op.traits & {Trait.VIEW, Trait.REDUCTION}
        like = [a for a in source.args if hasattr(a, "shape") and len(a.shape) == len(source.shape)]
        if not like:
            return False
        source = like[0]
    return False
