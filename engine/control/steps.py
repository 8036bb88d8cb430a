"""The scan of flat lists: Python's loop, or one record of a graph with its gradient and its tangent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import batching, dispatch, dtypes
from engine.autodiff import zero
from engine.control import sums
from engine.control.body import Body, Traced, follows, row, trace
from engine.control.slopes import pulled, pushed
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.lowering import Control
from engine.op import Op, apply, handles
from engine.ops.arithmetic import add
from engine.ops.pieces import stack, unstack
from engine.sizes import Size, agree_shape, evaluated
from engine.spec import Spec
from engine.vmap import Vmap

Step = Callable[[list[Any], list[Any]], tuple[Sequence[Any], Sequence[Any]]]


def steps(
    step: Step, init: Sequence[Any], xs: Sequence[Any], length: Size, reverse: bool
) -> tuple[list[Any], list[Any]]:
    """A scan over flat lists of handles: Python's loop, or one record where the mode writes graphs."""
    interpreter: Any = dispatch.current()
    if isinstance(interpreter, Vmap):
        return _over_batches(interpreter, step, init, xs, length, reverse)
    shapes = [Spec(h.shape, h.dtype) for h in init] + [Spec(x.shape[1:], x.dtype) for x in xs]
    tracked = [True] * len(init) + [follows(x) for x in xs]
    n = len(init)

    def flat(*leaves: Any) -> list[Any]:
        carry, ys = step(list(leaves[:n]), list(leaves[n:]))
        unchanged(carry, leaves[:n])
        return [*carry, *ys]

    traced = None if getattr(interpreter, "unrolls", False) else trace(flat, shapes, tracked)
    if traced is None:
        return _in_python(step, init, xs, length, reverse)
    body, consts, extra = with_states(traced)
    carried = [*(interpreter.read(s) for s in extra), *init]
    results = _record(body, consts, carried, xs, length, reverse)
    for state, value in zip(extra, results):
        interpreter.assign(state, value)
    outputs = len(body.outputs)
    return list(results[len(extra) : len(carried)]), list(results[len(carried) : outputs])


def _record(
    body: Body, consts: list[Any], carried: list[Any], xs: Sequence[Any], length: Size, reverse: bool
) -> list[Any]:
    """The results of a scan as a record, which carries add up products being left to one product behind it."""
    found = sums.found_in(body, len(consts), len(carried))
    lean, rows = sums.without(body, len(consts), len(carried), found) if found else (body, [])
    gone = {s.number for s in found}
    kept = [c for i, c in enumerate(carried) if i not in gone]
    how = {"body": lean, "consts": len(consts), "carries": len(kept), "length": length, "reverse": reverse}
    results = apply(_scan, *consts, *kept, *xs, **how)
    if not found:
        return list(results)
    outputs = len(lean.outputs)
    entries = body.inputs[len(consts) + len(carried) :]
    stacked = dict(zip(entries, xs, strict=True)) | dict(zip(lean.outputs, results[:outputs], strict=True))
    last, totals = iter(results[: len(kept)]), {s.number: s for s in found}
    carries = [sums.total(totals[i], stacked, c) if i in gone else next(last) for i, c in enumerate(carried)]
    return [*carries, *results[len(kept) : outputs - len(rows)]]


def _over_batches(
    inner: Vmap, step: Step, init: Sequence[Any], xs: Sequence[Any], length: Size, reverse: bool
) -> tuple[list[Any], list[Any]]:
    """Inside vmap: the scan underneath, whose carry and entries are batches; the batch goes behind the scanned axis."""
    start, along = [inner.unwrap(c) for c in init], [inner.unwrap(x) for x in xs]
    whole = inner.inside(lambda carry, entry: tuple(map(handles, step(carry, entry))))
    with dispatch.interpret(inner.base):
        last, ys = steps(whole, start, [batching.moved(x, 1, 0) for x in along], length, reverse)
        ys = [batching.moved(y, 1, 0) for y in ys]
    return [inner.wrap(c) for c in last], [inner.wrap(y) for y in ys]


def _in_python(
    step: Step, init: Sequence[Any], xs: Sequence[Any], length: Size, reverse: bool
) -> tuple[list[Any], list[Any]]:
    carry: Sequence[Any] = init
    rows: list[Sequence[Any]] = []
    columns = [unstack(x) for x in xs]
    order = range(int(length))
    for t in reversed(order) if reverse else order:
        # Each step has handles of its own: ``c += x`` in it rebinds those, not the ones of the step before.
        carry, ys = step([c._fresh() for c in carry], [c[t] for c in columns])
        if t == (int(length) - 1 if reverse else 0):
            unchanged(carry, init)
        rows.append(ys)
    if reverse:
        rows.reverse()
    return list(carry), [stack(column) for column in zip(*rows, strict=True)]


def unchanged(after: Sequence[Any], before: Sequence[Any]) -> None:
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


def with_states(traced: Traced) -> tuple[Body, list[Any], list[Any]]:
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
    rows: list[Any] = [np.empty((length, *evaluated(r.shape, body.sizes)), r.dtype) for r in body.outputs[carries:]]
    history: list[Any] = [np.empty((length, *c.shape), c.dtype) for c in carry]
    for t in reversed(range(length)) if reverse else range(length):
        for past, c in zip(history, carry, strict=True):
            past[t] = c
        found = body.run(*fixed, *carry, *(x[t] for x in xs))
        carry = found[:carries]
        for out, y in zip(rows, found[carries:], strict=True):
            out[t] = y
    return [*carry, *rows, *history]


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
        found = [zero(o) if g is None else g for g, o in zip(found, (_at(i) for i in wanted), strict=True)]
        total = [add(s, g) for s, g in zip(sums, found)]
        middle = found[len(followed) : len(followed) + len(floats)]
        new = [add(g, direct[i]) if i in direct else g for i, g in zip(floats, middle, strict=True)]
        return [*new, *total], found[len(followed) + len(floats) :]

    def _at(i: int) -> Spec:
        return body.inputs[i].spec  # type: ignore[no-any-return]

    start = [zero(init[i]) if gs[i] is None else gs[i] for i in floats]
    start += [zero(fixed[i]) for i in followed]
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


def _jvp(
    ts: list[Any],
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
    floats = [i for i in range(carries) if init[i].dtype.kind == "f"]
    rows = [i for i in range(carries, outputs) if ys[i].dtype.kind == "f"]
    moving = [i for i in range(consts + carries, len(operands)) if ts[i] is not None]

    def ahead(carry: list[Any], parts: list[Any]) -> tuple[list[Any], list[Any]]:
        feed = iter(parts)
        before = [next(feed) for _ in range(carries)]
        entry = [next(feed) for _ in xs]
        tangents: list[Any] = [*ts[:consts], *[None] * (carries + len(xs))]
        for i, t in zip(floats, carry, strict=True):
            tangents[consts + i] = t
        for i in moving:
            tangents[i] = next(feed)
        found = pushed(body, [*fixed, *before, *entry], tangents)
        found = [zero(r.spec) if t is None else t for t, r in zip(found, body.outputs, strict=True)]
        return [found[i] for i in floats], [*(found[i] for i in rows), *carry]

    start = [zero(init[i]) if ts[consts + i] is None else ts[consts + i] for i in floats]
    last, along = steps(ahead, start, [*ys[outputs:], *xs, *(ts[i] for i in moving)], length, reverse)
    found: list[Any] = [None] * (outputs + carries)
    for i, t in zip(floats, last, strict=True):
        found[i] = t
    for i, t in zip([*rows, *(outputs + i for i in floats)], along, strict=True):
        found[i] = t
    return found


_scan = Op(
    "scan",
    _kernel,
    _infer,
    vjp=_vjp,
    jvp=_jvp,
    lower=Control("scan"),
    accepts=dtypes.EVERY,
    casts=None,
    many=True,
    hidden=True,
    keeps="xy",
    doc="A subprogram run along the first axis of arrays, its carries handed from step to step.",
)


def one_by_one(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """A way to batch any op: on each entry in turn, by Python's loop in eager mode and by one native loop in a graph."""
    batch = [a for a, flag in zip(args, flags, strict=True) if flag]

    def step(carry: list[Any], entries: list[Any]) -> tuple[list[Any], list[Any]]:
        feed = iter(entries)
        found = apply(op, *(next(feed) if flag else a for a, flag in zip(args, flags, strict=True)), **attrs)
        return [], list(found) if op.many else [found]

    _, results = steps(step, [], batch, size, False)
    return tuple(results) if op.many else results[0]


batching.WAYS["entries"] = one_by_one
