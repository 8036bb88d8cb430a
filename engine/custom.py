"""Functions with a gradient of their own: custom_vjp, and checkpoint, which computes again what backward needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper, wraps
from typing import Any

from engine import batching, dispatch, dtypes, effects, tree
from engine.autodiff import pull, zero
from engine.derivatives import matching
from engine.errors import ArgumentError, UnsupportedError
from engine.landing import entrance
from engine.lowering import View
from engine.makers import public
from engine.op import Op, Sample, apply, handles
from engine.ops.random import default_generator
from engine.record import Record, next_serial
from engine.spec import Spec
from engine.vmap import Vmap, within


def _vjp(gs: list[Any], ys: tuple[Any, ...], *operands: Any, inputs: int, outputs: int, back: Any) -> list[Any]:
    cotangents = [zero(y) if g is None and y.dtype.kind == "f" else g for g, y in zip(gs, ys, strict=True)]
    found = back(operands[:inputs], operands[inputs + outputs :], cotangents)
    return [*found, *[None] * (len(operands) - inputs)]


def _over_batch(op: Op, outer: Vmap, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """Inside vmap: the rule sees single values, as its author wrote it for them, and what all entries share as it is."""
    known = attrs["inputs"] + attrs["outputs"]
    shared = {i: a for i, (a, flag) in enumerate(zip(args[known:], flags[known:], strict=True)) if not flag}

    def rule(given: list[Any], own: list[Any], gs: list[Any]) -> list[Any]:
        feed = iter(own)
        held = [shared[i] if i in shared else next(feed) for i in range(len(args) - known)]
        return list(attrs["back"](given, held, gs))

    def back(given: Sequence[Any], held: Sequence[Any], gs: list[Any]) -> list[Any]:
        return list(outer.inside(rule)(list(given), list(held), gs))

    first = batching.every(args[:known], flags[:known], outer.size)
    own = [a for a, flag in zip(args[known:], flags[known:], strict=True) if flag]
    return apply(op, *first, *own, **{**attrs, "back": back})


within(_over_batch)


# Operands: inputs, outputs computed from them apart from the tape, and what the gradient rule will need.
custom = Op(
    "custom",
    lambda *operands, inputs, outputs, back: operands[inputs : inputs + outputs],
    lambda *operands, inputs, outputs, back: [Spec(o.shape, o.dtype) for o in operands[inputs : inputs + outputs]],
    vjp=_vjp,
    accepts=dtypes.EVERY,
    casts=None,
    many=True,
    batch=_over_batch,
    hidden=True,
    doc="Results computed elsewhere, with a gradient rule that a user has written.",
)
barrier = Op(
    "barrier",
    lambda x, tag: x,
    lambda x, tag: Spec(x.shape, x.dtype),
    lower=View(lambda layout, old, new, attrs: layout),
    batch="shift",
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    order=1,
    vjp=(lambda g, y, x, tag: g,),
    samples=lambda rng, dtype: [Sample((rng.uniform(0, 3, (2, 3)).astype(dtype),), {"tag": 0})],
    hidden=True,
    doc="x itself, kept apart from x: what is computed from it is computed anew and not shared.",
)


@public
class custom_vjp:  # a decorator, named as one (jax.custom_vjp)
    """A function whose gradient its author writes.

        @custom_vjp
        def f(x): ...
        f.defvjp(forward, backward)

    ``forward(*args)`` returns ``(value, residuals)``; ``backward(residuals, cotangent)`` returns a tuple with the
    cotangent of each argument, None for zero. Both are written in ops, so gradients of the gradient work where backward
    is differentiable. Arguments and value may be nested lists, tuples and dicts of arrays.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.function = function
        self.forward: Callable[..., Any] | None = None
        self.backward: Callable[..., Any] | None = None

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Say how the value and its residuals are computed, and the cotangents from them."""
        self.forward, self.backward = forward, backward

    def __call__(self, *args: Any) -> Any:
        if self.forward is None or self.backward is None:
            raise ArgumentError(
                "has no gradient yet", op=self.function.__name__, fix="call f.defvjp(forward, backward)"
            )
        backward, name = self.backward, self.function.__name__
        given = handles(args)
        value, residuals = self.forward(*tree.rebuild(args, given))
        results, kept = handles(value), handles(residuals)

        def back(inputs: Sequence[Any], held: Sequence[Any], gs: list[Any]) -> list[Any]:
            parts = backward(tree.rebuild(residuals, held), tree.rebuild(value, gs))
            parts = parts if isinstance(parts, tuple) else (parts,)
            if len(parts) != len(args):
                raise ArgumentError(f"backward gives {len(parts)} cotangents for {len(args)} arguments", op=name)
            found: list[Any] = []
            for part, arg in zip(parts, args, strict=True):
                mine = inputs[len(found) : len(found) + len(tree.leaves([arg]))]
                found += [None] * len(mine) if part is None else matching(part, mine, name, "cotangent")
            return found

        return tree.rebuild(value, _customised(given, results, kept, back))


def _customised(inputs: list[Any], results: list[Any], kept: list[Any], back: Callable[..., Any]) -> tuple[Any, ...]:
    detach = dispatch.current().detach
    outputs = [detach(r) for r in results]
    found = apply(custom, *inputs, *outputs, *kept, inputs=len(inputs), outputs=len(outputs), back=back)
    return found  # type: ignore[no-any-return]


@public
def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which keeps nothing for the backward pass but its arguments and computes the rest again there.

    Memory for one more forward pass (Chen et al., "Training deep nets with sublinear memory cost", 2016). Parameters
    the function reads get their gradients. Draws from the default generator are repeated, so dropout is the same twice;
    other states that the function assigns are assigned a second time.
    """

    @entrance
    @wraps(function)
    def run(*args: Any) -> Any:
        interpreter = dispatch.current()
        if not interpreter.grad_enabled:
            return function(*args)
        given = handles(args)
        drawn = default_generator.counter.value
        start = next_serial()
        value = function(*tree.rebuild(args, given))
        results = handles(value)
        roots = [r for r in map(interpreter.record, results) if r is not None]
        own = {r for r in map(interpreter.record, given) if r is not None}
        outside = _from_outside(roots, start, own)
        follow = [interpreter.handle(r) for r in outside]

        def back(inputs: Sequence[Any], held: Sequence[Any], gs: list[Any]) -> list[Any]:
            return _again(function, args, inputs, len(given), start, outside, held[0], gs)

        return tree.rebuild(value, _customised([*given, *follow], results, [drawn], back))

    return run


def _from_outside(roots: Sequence[Record], start: int, own: set[Record]) -> list[Record]:
    """Tracked records the function used besides its arguments: parameters, and what was computed before it began."""
    used: dict[Record, None] = {}
    stack, seen = list(roots), set(roots)
    while stack:
        record = stack.pop()
        if record in own:
            continue
        if record.serial < start or not record.args:
            used[record] = None
            continue
        for parent in record.parents:
            if parent.tracked and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return list(used)


def _again(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    inputs: Sequence[Any],
    count: int,
    start: int,
    outside: list[Record],
    drawn: Any,
    gs: list[Any],
) -> list[Any]:
    interpreter = dispatch.current()
    recording = interpreter.with_grad(True)
    now = default_generator.counter.value
    tag = next_serial()
    with dispatch.interpret(recording):
        default_generator.counter.assign(drawn)
        marked = []
        for x in inputs[:count]:
            apart = apply(barrier, x, tag=tag)
            marked.append(recording.leaf(apart) if x.dtype.kind == "f" else apart)
        with effects.computed_again():
            results = handles(function(*tree.rebuild(args, marked)))
        default_generator.counter.assign(now)
        roots = [recording.record(r) for r in results]
        targets: list[Any] = [recording.record(m) for m in marked]
    # In the body of a scan, the backward pass is a trace of its own: what the function reads from outside is brought in anew.
    own = {t for t in targets if t is not None}
    again = _from_outside([r for r in roots if r is not None], start, own)
    if len(again) != len(outside):
        raise UnsupportedError(
            f"reads {len(again)} values from outside in the backward pass, {len(outside)} in the forward pass",
            op="checkpoint",
            fix="pass what the function uses as arguments",
        )
    return pull(interpreter, roots, gs, [*targets, *again])
