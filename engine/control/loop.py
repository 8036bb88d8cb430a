"""while_loop: a function repeated as long as a condition holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import dispatch, dtypes, tree
from engine.autodiff import zero
from engine.control.body import Body, follows, trace
from engine.control.branch import cond as _cond
from engine.control.slopes import pushed
from engine.control.steps import steps, unchanged, with_states
from engine.errors import ArgumentError, GradientError
from engine.lowering import Control
from engine.makers import public
from engine.op import Op, apply, as_handle, handles
from engine.ops.compare import logical_and, where
from engine.ops.dtype import astype
from engine.ops.reduce import any as any_
from engine.ops.shape import reshape
from engine.spec import Spec
from engine.vmap import Vmap


@public
def while_loop(
    cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any, *, max_steps: int | None = None
) -> Any:
    """``value = body(value)`` as long as ``cond(value)`` holds; returns the last value.

    init: nested lists, tuples and dicts of arrays, whose shapes and dtypes body keeps. cond gives one bool.
    ``max_steps``: at most so many steps; with it, gradients flow back through the loop in a graph too (memory grows
    with it). Without it they do in eager mode only, where each step is written on the tape (jax.lax.while_loop, ONNX
    Loop). Raises ShapeError or DTypeError where the value changes its shape or dtype.

    >>> tg.while_loop(lambda x: x < 100.0, lambda x: x * 3.0, tg.tensor(2.0))
    tensor(162.)
    """
    given = handles(init)

    def check(*leaves: Any) -> list[Any]:
        found = as_handle(cond(tree.rebuild(init, leaves)))
        if any(n != 1 for n in found.shape):
            raise ArgumentError("the condition is one bool; reduce it with all() or any()", op="while_loop")
        return [astype(reshape(found, ()), dtypes.bool_)]

    def step(*leaves: Any) -> list[Any]:
        after = handles(body(tree.rebuild(init, leaves)))
        unchanged(after, leaves)
        return after

    return tree.rebuild(init, _repeated(check, step, given, -1 if max_steps is None else max_steps))


def _repeated(
    check: Callable[..., list[Any]], step: Callable[..., list[Any]], given: Sequence[Any], limit: int
) -> list[Any]:
    """The loop over flat lists: Python's, or one record where the mode writes graphs."""
    interpreter: Any = dispatch.current()
    if isinstance(interpreter, Vmap):
        return _over_batches(interpreter, check, step, given, limit)
    specs, tracked = [Spec(h.shape, h.dtype) for h in given], [follows(h) for h in given]
    tested = trace(check, specs, [False] * len(specs))
    if tested is None:
        return _in_python(check, step, given, limit)
    if limit >= 0 and interpreter.grad_enabled and any(tracked):
        return _bounded(check, step, given, limit)
    done = trace(step, specs, tracked)
    assert done is not None
    if tested.states:
        raise ArgumentError("the condition assigns to a state; only the body may", op="while_loop")
    loop, consts, states = with_states(done)
    carried = [*(interpreter.read(s) for s in states), *given]
    test = _padded(tested.body, len(tested.outside), loop, len(consts), len(states))
    results = apply(
        _while,
        *tested.outside,
        *consts,
        *carried,
        test=test,
        body=loop,
        tests=len(tested.outside),
        consts=len(consts),
        limit=limit,
    )
    for state, value in zip(states, results):
        interpreter.assign(state, value)
    return list(results[len(states) :])


def _in_python(
    check: Callable[..., list[Any]], step: Callable[..., list[Any]], given: Sequence[Any], limit: int
) -> list[Any]:
    value, count = list(given), 0
    while (limit < 0 or count < limit) and bool(check(*value)[0]):
        value = step(*(v._fresh() for v in value))
        count += 1
    return value


def _over_batches(
    inner: Vmap, check: Callable[..., list[Any]], step: Callable[..., list[Any]], given: Sequence[Any], limit: int
) -> list[Any]:
    """Inside vmap: steps as long as any entry goes on; an entry that is through keeps its value."""
    ask, move = inner.inside(check), inner.inside(step)

    def turn(*value: Any) -> list[Any]:
        going, new = ask(*value)[0], move(*value)
        return [where(_behind(going, n.ndim), n, old) for n, old in zip(new, value, strict=True)]

    start = [inner.unwrap(h) for h in given]
    with dispatch.interpret(inner.base):
        last = _repeated(lambda *value: [any_(ask(*value)[0])], turn, start, limit)
    return [inner.wrap(h) for h in last]


def _behind(going: Any, rank: int) -> Any:
    return reshape(going, (*going.shape, *(1,) * (rank - 1)))


def _bounded(
    check: Callable[..., list[Any]], step: Callable[..., list[Any]], given: Sequence[Any], max_steps: int
) -> list[Any]:
    """The loop as a scan of ``max_steps`` steps, of which those after the end do nothing: a scan can be run backward."""

    def turn(carry: list[Any], _: list[Any]) -> tuple[list[Any], list[Any]]:
        going, values = carry[0], carry[1:]
        going = logical_and(going, check(*values)[0])
        after = _cond(going, lambda *leaves: tuple(step(*leaves)), lambda *leaves: leaves, *values)
        return [going, *after], []

    last, _ = steps(turn, [as_handle(np.asarray(True)), *given], [], max_steps, False)
    return last[1:]


def _padded(test: Body, tests: int, loop: Body, consts: int, states: int) -> Body:
    """The condition over all carries, those of states included, which it does not look at."""
    interpreter: Any = dispatch.current()
    unused = [interpreter.stand_in(r) for r in loop.inputs[consts : consts + states]]
    return Body([*test.inputs[:tests], *unused, *test.inputs[tests:]], [*unused, *test.nodes], test.outputs)


def _kernel(*operands: Any, test: Body, body: Body, tests: int, consts: int, limit: int) -> list[Any]:
    seen, fixed = operands[:tests], operands[tests : tests + consts]
    carry, count = list(operands[tests + consts :]), 0
    while (limit < 0 or count < limit) and bool(test.run(*seen, *carry)[0]):
        carry = body.run(*fixed, *carry)
        count += 1
    return carry


def _infer(*operands: Any, test: Body, body: Body, tests: int, consts: int, limit: int) -> list[Spec]:
    return [r.spec for r in body.outputs]


def _vjp(gs: list[Any], ys: tuple[Any, ...], *operands: Any, **attrs: Any) -> list[Any]:
    raise GradientError(
        "gradients flow back through a loop in a graph only where the number of its steps is bounded",
        op="while_loop",
        operands=operands[-1:],
        fix="pass max_steps=, use scan, or run this function in eager mode",
    )


def _jvp(
    ts: list[Any], ys: tuple[Any, ...], *operands: Any, test: Body, body: Body, tests: int, consts: int, limit: int
) -> list[Any]:
    seen, fixed = operands[:tests], operands[tests : tests + consts]
    init, count = operands[tests + consts :], len(ys)
    floats = [i for i in range(count) if init[i].dtype.kind == "f"]
    slopes = ts[tests : tests + consts]

    def check(*leaves: Any) -> list[Any]:
        return test.inline([*seen, *leaves[:count]])

    def step(*leaves: Any) -> list[Any]:
        carry: list[Any] = [None] * count
        for i, t in zip(floats, leaves[count:], strict=True):
            carry[i] = t
        found = pushed(body, [*fixed, *leaves[:count]], [*slopes, *carry])
        after = body.inline([*fixed, *leaves[:count]])
        return [*after, *(zero(init[i]) if found[i] is None else found[i] for i in floats)]

    start = [zero(init[i]) if ts[tests + consts + i] is None else ts[tests + consts + i] for i in floats]
    last = _repeated(check, step, [*init, *start], limit)
    parts = iter(last[count:])
    return [next(parts) if i in floats else None for i in range(count)]


_while = Op(
    "while_loop",
    _kernel,
    _infer,
    vjp=_vjp,
    jvp=_jvp,
    lower=Control("while"),
    accepts=dtypes.EVERY,
    casts=None,
    many=True,
    hidden=True,
    doc="A subprogram repeated as long as another gives true.",
)
