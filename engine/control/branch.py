"""cond and switch: one of several functions, chosen by a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import dispatch, dtypes, tree
from engine.autodiff import zero
from engine.control.body import Body, Traced, follows, trace
from engine.control.slopes import pulled, pushed
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.lowering import Control
from engine.makers import public
from engine.op import Op, apply, as_handle, handles
from engine.ops.arithmetic import clip
from engine.ops.compare import equal, where
from engine.ops.dtype import astype
from engine.sizes import agree_shape
from engine.spec import Spec
from engine.vmap import Vmap


@public
def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any) -> Any:
    """``true_fn(*operands)`` where ``pred`` holds, else ``false_fn(*operands)``; only one of them is run.

    pred: bool of one element. Both functions give the same structure, shapes and dtypes. Eager mode calls the one
    function; a graph holds both as subprograms (ONNX If, jax.lax.cond). Gradients flow through the one that ran;
    for what only the other one depends on, a graph gives a gradient of zeros and eager mode none.

    >>> tg.cond(tg.tensor(True), lambda x: x + 1.0, lambda x: x - 1.0, tg.tensor(2.0))
    tensor(3.)
    """
    pred = as_handle(pred)
    _one_element(pred, "cond")
    if pred.dtype != dtypes.bool_:
        raise DTypeError(
            f"the condition is a bool, not {pred.dtype.name}", op="cond", operands=(pred,), fix="compare it with 0"
        )
    return _choose(astype(pred, dtypes.int64), (false_fn, true_fn), operands, "cond")


@public
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; only that one is run. An index outside is held to the first or the last.

    index: an integer of one element. All branches give the same structure, shapes and dtypes (jax.lax.switch).

    >>> tg.switch(tg.tensor(1), [lambda x: x, lambda x: x * 10.0], tg.tensor(2.0))
    tensor(20.)
    """
    index = as_handle(index)
    _one_element(index, "switch")
    if index.dtype.kind not in "iu":
        raise DTypeError(f"the index is an integer, not {index.dtype.name}", op="switch", operands=(index,))
    if not branches:
        raise ArgumentError("needs at least one branch", op="switch")
    return _choose(astype(index, dtypes.int64), tuple(branches), operands, "switch")


def _one_element(x: Any, op: str) -> None:
    if any(n != 1 for n in x.shape):
        raise ShapeError("chooses by one element", op=op, operands=(x,), fix="use where() to choose element by element")


def _choose(index: Any, branches: tuple[Callable[..., Any], ...], operands: tuple[Any, ...], op: str) -> Any:
    interpreter: Any = dispatch.current()
    if isinstance(interpreter, Vmap):
        return _over_batches(interpreter, index, branches, operands, op)
    given = handles(operands)
    specs = [Spec(h.shape, h.dtype) for h in given]
    shapes: list[Any] = []

    def flat(function: Callable[..., Any]) -> Callable[..., list[Any]]:
        def run(*leaves: Any) -> list[Any]:
            results = function(*tree.rebuild(operands, leaves))
            shapes.append(results)
            return handles(results)

        return run

    tracked = [follows(h) for h in given]
    traced = [trace(flat(b), specs, tracked) for b in branches]
    found = [t for t in traced if t is not None]
    if not found:
        number = min(max(int(index.item()), 0), len(branches) - 1)
        return branches[number](*tree.rebuild(operands, [h._fresh() for h in given]))
    _alike(found, op)
    states = list(dict.fromkeys(s for t in found for s in t.states))
    bodies, outside = _joined(found, states)
    results = apply(_switch, clip(index, 0, len(branches) - 1), *outside, *given, bodies=tuple(bodies))
    for state, value in zip(states, results[len(results) - len(states) :], strict=True):
        interpreter.assign(state, value)
    return tree.rebuild(shapes[0], results[: len(results) - len(states)])


def _over_batches(
    inner: Vmap, index: Any, branches: tuple[Callable[..., Any], ...], operands: tuple[Any, ...], op: str
) -> Any:
    """Inside vmap: one branch for the whole batch, or where entries go different ways every branch, and a choice."""
    if not inner.mine(index):
        whole = tree.map_tree(lambda x: inner.unwrap(as_handle(x)), operands)
        with dispatch.interpret(inner.base):
            found = _choose(index, tuple(map(inner.inside, branches)), whole, op)
        return tree.map_tree(inner.wrap, found)
    values = [b(*operands) for b in branches]
    leaves = [handles(value) for value in values]
    chosen = leaves[0]
    for number, others in enumerate(leaves[1:], 1):
        chosen = [where(equal(index, number), other, c) for other, c in zip(others, chosen, strict=True)]
    return tree.rebuild(values[0], chosen)


def _alike(found: list[Traced], op: str) -> None:
    """Raise ShapeError or DTypeError where the branches' results differ."""
    first, *others = [t.body.outputs[: len(t.body.outputs) - len(t.states)] for t in found]
    for number, other in enumerate(others, 1):
        if len(first) != len(other):
            raise ArgumentError(f"branch 0 gives {len(first)} arrays, branch {number} {len(other)}", op=op)
        for a, b in zip(first, other, strict=True):
            if not agree_shape(a.shape, b.shape):
                raise ShapeError("the branches must give the same shapes", op=op, operands=(a.spec, b.spec))
            if a.dtype != b.dtype:
                raise DTypeError(
                    "the branches must give the same dtypes",
                    op=op,
                    operands=(a.spec, b.spec),
                    fix="cast one of them with astype",
                )


def _joined(found: list[Traced], states: list[Any]) -> tuple[list[Body], list[Any]]:
    """The bodies over one common list of values from outside, each with the new values of all states behind."""
    interpreter: Any = dispatch.current()
    outside: dict[Any, Any] = {}
    for t in found:
        for handle in t.outside:
            outside.setdefault(interpreter.key(handle), handle)
    for state in states:
        outside.setdefault(interpreter.key(interpreter.read(state)), interpreter.read(state))
    bodies = []
    for t in found:
        known = dict(zip(map(interpreter.key, t.outside), t.body.inputs))
        inputs = [known.get(k) or interpreter.stand_in(h) for k, h in outside.items()]
        leaf = dict(zip(outside, inputs, strict=True))
        results = list(t.body.outputs[: len(t.body.outputs) - len(t.states)])
        changed = dict(zip(t.states, t.body.outputs[len(results) :], strict=True))
        new = [changed.get(s) or leaf[interpreter.key(interpreter.read(s))] for s in states]
        nodes = [*(i for i in inputs if i not in t.body.inputs), *t.body.nodes]
        own = t.body.inputs[len(t.outside) :]
        bodies.append(Body([*inputs, *own], nodes, [*results, *new]))
    return bodies, list(outside.values())


def _kernel(index: Any, *operands: Any, bodies: tuple[Body, ...]) -> Any:
    return bodies[min(max(int(np.reshape(index, ())), 0), len(bodies) - 1)].run(*operands)


def _infer(index: Any, *operands: Any, bodies: tuple[Body, ...]) -> list[Spec]:
    return [r.spec for r in bodies[0].outputs]


def _vjp(gs: list[Any], ys: tuple[Any, ...], index: Any, *operands: Any, bodies: tuple[Body, ...]) -> list[Any]:
    wanted = [i for i, h in enumerate(operands) if follows(h)]

    def back(body: Body) -> Callable[[], list[Any]]:
        def run() -> list[Any]:
            found = pulled(body, operands, gs, wanted)
            return [zero(operands[i]) if g is None else g for i, g in zip(wanted, found, strict=True)]

        return run

    parts = switch(index, [back(b) for b in bodies])
    slopes: list[Any] = [None] * (len(operands) + 1)
    for i, part in zip(wanted, parts, strict=True):
        slopes[i + 1] = part
    return slopes


def _jvp(ts: list[Any], ys: tuple[Any, ...], index: Any, *operands: Any, bodies: tuple[Body, ...]) -> list[Any]:
    floats = [i for i, y in enumerate(ys) if y.dtype.kind == "f"]

    def ahead(body: Body) -> Callable[[], list[Any]]:
        def run() -> list[Any]:
            found = pushed(body, operands, ts[1:])
            return [zero(ys[i]) if found[i] is None else found[i] for i in floats]

        return run

    parts = iter(switch(index, [ahead(b) for b in bodies]))
    return [next(parts) if i in floats else None for i in range(len(ys))]


_switch = Op(
    "switch",
    _kernel,
    _infer,
    vjp=_vjp,
    jvp=_jvp,
    lower=Control("switch"),
    accepts=dtypes.EVERY,
    casts=None,
    many=True,
    hidden=True,
    doc="One of several subprograms, chosen by a number.",
)
