"""scan: a function carried along the first axis of arrays; in a graph one native loop, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import dispatch, dtypes, tree
from engine.control.body import Body, Traced, follows, handles, row, trace
from engine.control.branch import pulled
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.lowering import Control
from engine.makers import public
from engine.op import Op, apply, as_handle
from engine.ops.arithmetic import add
from engine.ops.compare import where
from engine.ops.create import full
from engine.ops.joins import stack
from engine.ops.shape import expand_dims
from engine.sizes import Size, agree, agree_shape
from engine.spec import Spec

Step = Callable[[list[Any], list[Any]], tuple[Sequence[Any], Sequence[Any]]]


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
    """
    carried = handles(tree.leaves(init))
    given = handles(tree.leaves(xs))
    masks = [] if mask is None else [as_handle(mask)]
    count = _steps([*given, *masks], length)
    structure: list[Any] = []

    def step(carry: list[Any], parts: list[Any]) -> tuple[list[Any], list[Any]]:
        keep = parts.pop() if masks else None
        new, y = f(tree.rebuild(init, carry), tree.rebuild(xs, parts))
        structure[:] = [new, y]
        after, ys = handles(tree.leaves(new)), handles(tree.leaves(y))
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


def steps(
    step: Step, init: Sequence[Any], xs: Sequence[Any], length: Size, reverse: bool
) -> tuple[list[Any], list[Any]]:
    """A scan over flat lists of handles: Python's loop, or one record where the mode writes graphs."""
    interpreter: Any = dispatch.current()
    shapes = [Spec(h.shape, h.dtype) for h in init] + [Spec(x.shape[1:], x.dtype) for x in xs]
    tracked = [True] * len(init) + [follows(x) for x in xs]
    n = len(init)

    def flat(*leaves: Any) -> list[Any]:
        carry, ys = step(list(leaves[:n]), list(leaves[n:]))
        _unchanged(carry, leaves[:n])
        return [*carry, *ys]

    traced = trace(flat, shapes, tracked)
    if traced is None:
        return _in_python(step, init, xs, length, reverse)
    body, consts, extra = _with_states(traced, n)
    carried = [*(interpreter.read(s) for s in extra), *init]
    results = apply(
        _scan,
        *consts,
        *carried,
        *xs,
        body=body,
        consts=len(consts),
        carries=len(carried),
        length=length,
        reverse=reverse,
    )
    for state, value in zip(extra, results):
        interpreter.assign(state, value)
    outputs = len(body.outputs)
    return list(results[len(extra) : len(carried)]), list(results[len(carried) : outputs])


def _in_python(
    step: Step, init: Sequence[Any], xs: Sequence[Any], length: Size, reverse: bool
) -> tuple[list[Any], list[Any]]:
    carry: Sequence[Any] = init
    rows: list[Sequence[Any]] = []
    order = range(int(length))
    for t in reversed(order) if reverse else order:
        carry, ys = step(list(carry), [x[t] for x in xs])
        if t == (int(length) - 1 if reverse else 0):
            _unchanged(carry, init)
        rows.append(ys)
    if reverse:
        rows.reverse()
    return list(carry), [stack(column) for column in zip(*rows, strict=True)]


def _unchanged(after: Sequence[Any], before: Sequence[Any]) -> None:
    """Raise where the carry that f returns is not what it was given."""
    if len(after) != len(before):
        raise ArgumentError(f"the carry is {len(before)} arrays, f returns {len(after)}", op="scan")
    for a, b in zip(after, before, strict=True):
        if not agree_shape(a.shape, b.shape):
            raise ShapeError("the carry keeps its shape from step to step", op="scan", operands=(b, a))
        if a.dtype != b.dtype:
            raise DTypeError(
                f"the carry keeps its dtype from step to step; it was {b.dtype.name} and becomes {a.dtype.name}",
                op="scan",
                operands=(b, a),
                fix=f"cast what f returns with astype('{b.dtype.name}'), or the initial carry",
            )


def _with_states(traced: Traced, n: int) -> tuple[Body, list[Any], list[Any]]:
    """The body with the states it assigns as carries in front, and what is left of the values from outside."""
    body, states = traced.body, traced.states
    moved = list(states.values())
    stay = [i for i in range(len(traced.outside)) if i not in moved]
    inputs = [*(body.inputs[i] for i in stay), *(body.inputs[i] for i in moved), *body.inputs[len(traced.outside) :]]
    plain = len(body.outputs) - len(states)
    outputs = [*body.outputs[plain:], *body.outputs[:plain]]
    return Body(inputs, body.nodes, outputs), [traced.outside[i] for i in stay], list(states)


# The results of a scan: the last carries, the stacked outputs, and for the gradient what each step was carried.


def _kernel(*operands: Any, body: Body, consts: int, carries: int, length: int, reverse: bool) -> list[Any]:
    fixed, carry, xs = operands[:consts], list(operands[consts : consts + carries]), operands[consts + carries :]
    rows: list[Any] = [np.empty((length, *_shape(r, body)), r.dtype) for r in body.outputs[carries:]]
    history: list[Any] = [np.empty((length, *c.shape), c.dtype) for c in carry]
    for t in reversed(range(length)) if reverse else range(length):
        for past, c in zip(history, carry, strict=True):
            past[t] = c
        found = body.run(*fixed, *carry, *(x[t] for x in xs))
        carry = found[:carries]
        for out, y in zip(rows, found[carries:], strict=True):
            out[t] = y
    return [*carry, *rows, *history]


def _shape(record: Any, body: Body) -> Any:
    from_sizes = [n if isinstance(n, int) else n.evaluate(body.sizes) for n in record.shape]
    return tuple(from_sizes)


def _infer(*operands: Any, body: Body, consts: int, carries: int, length: Size, reverse: bool) -> list[Spec]:
    after = [r.spec for r in body.outputs]
    return [*after[:carries], *(row(length, s) for s in after[carries:]), *(row(length, s) for s in after[:carries])]


def _vjp(
    gs: list[Any],
    ys: tuple[Any, ...],
    *operands: Any,
    body: Body,
    consts: int,
    carries: int,
    length: Size,
    reverse: bool,
) -> list[Any]:
    outputs = len(body.outputs)
    fixed, init, xs = operands[:consts], operands[consts : consts + carries], operands[consts + carries :]
    history = ys[outputs:]
    floats = [i for i in range(carries) if init[i].dtype.kind == "f"]
    followed = [i for i in range(consts) if fixed[i].dtype.kind == "f" and follows(fixed[i])]
    entries = [i for i in range(len(xs)) if xs[i].dtype.kind == "f" and follows(xs[i])]
    arriving = [i for i in range(carries, outputs) if gs[i] is not None]
    along = [i for i in range(carries) if gs[outputs + i] is not None]
    wanted = [*followed, *(consts + i for i in floats), *(consts + carries + i for i in entries)]

    def back(carry: list[Any], parts: list[Any]) -> tuple[list[Any], list[Any]]:
        slopes, sums = carry[: len(floats)], carry[len(floats) :]
        feed = iter(parts)
        before = [next(feed) for _ in range(carries)]
        entry = [next(feed) for _ in xs]
        cotangents: list[Any] = [None] * outputs
        for i, slope in zip(floats, slopes, strict=True):
            cotangents[i] = slope
        for i in arriving:
            cotangents[i] = next(feed)
        direct = {i: next(feed) for i in along}
        found = pulled(body, [*fixed, *before, *entry], cotangents, wanted)
        found = [_zero(o) if g is None else g for g, o in zip(found, (_at(i) for i in wanted), strict=True)]
        total = [add(s, g) for s, g in zip(sums, found)]
        middle = found[len(followed) : len(followed) + len(floats)]
        new = [add(g, direct[i]) if i in direct else g for i, g in zip(floats, middle, strict=True)]
        return [*new, *total], found[len(followed) + len(floats) :]

    def _at(i: int) -> Spec:
        return body.inputs[i].spec  # type: ignore[no-any-return]

    start = [_zero(init[i]) if gs[i] is None else gs[i] for i in floats]
    start += [_zero(fixed[i]) for i in followed]
    feeds = [*history, *xs, *(gs[i] for i in arriving), *(gs[outputs + i] for i in along)]
    last, slopes = steps(back, start, feeds, length, not reverse)
    grads: list[Any] = [None] * len(operands)
    for i, g in zip(floats, last, strict=False):
        grads[consts + i] = g
    for i, g in zip(followed, last[len(floats) :], strict=True):
        grads[i] = g
    for i, g in zip(entries, slopes, strict=True):
        grads[consts + carries + i] = g
    return grads


def _zero(like: Any) -> Any:
    return full(like.shape, 0.0, dtype=like.dtype)


_scan = Op(
    "scan",
    _kernel,
    _infer,
    vjp=_vjp,
    lower=Control("scan"),
    accepts=dtypes.EVERY,
    casts=None,
    many=True,
    hidden=True,
    keeps="xy",
    doc="A subprogram run along the first axis of arrays, its carries handed from step to step.",
)
