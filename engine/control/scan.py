"""scan: a function carried along the first axis of arrays; in a graph one native loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import tree
from engine.control.steps import steps
from engine.errors import ArgumentError, ShapeError
from engine.makers import public
from engine.op import as_handle, handles
from engine.ops.compare import where
from engine.ops.shape import expand_dims
from engine.sizes import Size, agree


@public
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    *,
    reverse: bool = False,
    mask: Any = None,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` for each x along the first axis of ``xs``; returns the last carry and the ys stacked.

    init, xs and what f returns may be nested lists, tuples and dicts of arrays; the carry keeps its shapes and dtypes.
    ``length``: number of steps, needed where xs is None. ``reverse``: from the last x to the first (ys stay in the
    order of xs). ``mask``: bool of shape [length] or [length, batch, ..]; where it is False a step leaves the carry as
    it was and gives zeros (sequences of unequal length). Eager mode calls f at each step; a graph holds f once, and
    runs it as one native loop (jax.lax.scan, ONNX Scan). States that f assigns are carried along.
    Raises ShapeError or DTypeError where the carry changes, ArgumentError where the number of steps is unknown.

    >>> tg.scan(lambda total, x: (total + x, total), tg.tensor(0.0), tg.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 1., 3.]))
    """
    carried = handles(init)
    given = handles(xs)
    masks = [] if mask is None else [as_handle(mask)]
    count = _steps([*given, *masks], length)
    structure: list[Any] = []

    def step(carry: list[Any], parts: list[Any]) -> tuple[list[Any], list[Any]]:
        keep = parts.pop() if masks else None
        new, y = f(tree.rebuild(init, carry), tree.rebuild(xs, parts))
        structure[:] = [new, y]
        after, ys = handles(new), handles(y)
        if keep is not None:
            after = [where(_aligned(keep, c), n, c) for n, c in zip(after, carry, strict=True)]
            ys = [where(_aligned(keep, v), v, 0) for v in ys]
        return after, ys

    last, ys = steps(step, carried, [*given, *masks], count, reverse)
    if not structure:
        raise ArgumentError(
            "runs f at least once to learn what it gives, and there are no steps", op="scan", fix="check the length"
        )
    return tree.rebuild(init, last), tree.rebuild(structure[1], ys)


def _steps(arrays: list[Any], length: Any) -> Size:
    if length is None and not arrays:
        raise ArgumentError("needs xs or a length", op="scan")
    for a in arrays:
        if not a.shape:
            raise ShapeError("runs along the first axis, and this has none", op="scan", operands=(a,))
    count: Size = arrays[0].shape[0] if length is None else length
    for a in arrays:
        if not agree(a.shape[0], count):
            raise ShapeError(f"all of xs must have {count} entries along the first axis", op="scan", operands=arrays)
    return count


def _aligned(keep: Any, value: Any) -> Any:
    """A mask with axes of size 1 behind, so that it chooses along the first axes of a value."""
    for _ in range(value.ndim - keep.ndim):
        keep = expand_dims(keep, axis=-1)
    return keep
