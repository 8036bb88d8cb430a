"""The reverse pass, once, for both modes: it walks records and applies gradient rules written in ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

from engine import dispatch, followed, origin, tree
from engine.errors import GradientError, InternalError, ShapeError
from engine.handle import Handle, install_methods
from engine.landing import entrance
from engine.op import Op, handles
from engine.ops.arithmetic import add
from engine.ops.create import full
from engine.ops.dtype import mark
from engine.ops.reduce import sum_to
from engine.ops.results import result as RESULT
from engine.record import Record
from engine.sizes import agree_shape, same_shape
from engine.spent import added
from engine.vmap import beneath


def reachable(roots: Sequence[Record]) -> list[Record]:
    """Every tracked record the roots depend on, the roots included, newest first."""
    seen = {r for r in roots if r.tracked}
    stack = list(seen)
    while stack:
        for parent in stack.pop().args:
            if type(parent) is Record and parent.tracked and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=lambda r: r.serial, reverse=True)


def _towards(targets: set[Record], roots: Sequence[Record]) -> set[Record]:
    """The records between the roots and the targets, both included."""
    found: set[Record] = set()
    for record in reversed(reachable(roots)):
        if record in targets or any(type(p) is Record and p in found for p in record.args):
            found.add(record)
    return found


def reverse(roots: Sequence[Record], seeds: Sequence[Any], targets: set[Record] | None = None) -> dict[Record, Any]:
    """Cotangents of the targets (None: of every leaf) given those of the roots.

    Runs in the current interpreter, so its gradient ops are themselves recorded where that interpreter records.
    Serial numbers grow along every edge: the newest record that a cotangent has arrived at has got them all.
    """
    interpreter = dispatch.current()
    needed = None if targets is None else _towards(targets, roots)
    step = interpreter.observing(parts_of) if hasattr(interpreter, "observing") else parts_of
    arrived: dict[Record, Any] = {}
    newest: list[tuple[int, Record]] = []  # a heap of the records to go on from
    derived = origin.Derived("backward")
    parents: Sequence[Any] = roots
    parts = seeds if needed is None else [s if r in needed else None for r, s in zip(roots, seeds, strict=True)]
    outer = origin.enter(derived)
    try:
        while True:
            i = 0  # counted by hand: zip and enumerate cost as much as a small op
            for part in parts:
                if part is not None:
                    parent = parents[i]
                    held = arrived.get(parent)
                    if held is not None:
                        arrived[parent] = add(held, part)
                    else:
                        arrived[parent] = part
                        if parent.args:
                            heappush(newest, (-parent.serial, parent))
                i += 1  # noqa: SIM113
            if not newest:
                return arrived
            record = heappop(newest)[1]
            target = targets is not None and record in targets
            g = arrived[record] if target else arrived.pop(record)
            if target and record.op is mark:
                parts = ()  # a variable of its own: what it was made from is another matter
            elif record.op is RESULT:
                parts = ()
                whole, index = record.args[0], record.attrs["index"]
                every = arrived.get(whole)
                if every is None:
                    every = arrived[whole] = [None] * len(whole.shape)
                    heappush(newest, (-whole.serial, whole))
                every[index] = g if every[index] is None else add(every[index], g)
            else:
                derived.record = record
                parents, parts = record.args, step(record, g, needed, interpreter)
    finally:
        origin.leave(outer)


def pull(by: Any, roots: Sequence[Any], seeds: Sequence[Any], targets: Sequence[Any]) -> list[Any]:
    """Cotangents of the targets given those of the roots, all made by interpreter ``by``; None for zero.

    A root that is None, or whose seed is None, brings nothing.
    """
    pairs = [(r, s) for r, s in zip(roots, seeds, strict=True) if r is not None and s is not None]

    def run(seeds: list[Any]) -> list[Any]:
        grads = reverse([r for r, _ in pairs], seeds, {t for t in targets if t is not None})
        return [None if t is None else grads.get(t) for t in targets]

    return beneath(by, run, [s for _, s in pairs])


def parts_of(record: Record, g: Any, needed: set[Record] | None, interpreter: Any) -> list[Any]:
    """What the cotangent ``g`` of a record adds to that of each operand (None: of the ``needed`` ones only), or None."""
    op, args = record.op, record.args
    if len(args) > 2 or record.attrs or op.vjp_together:
        return _parts_of_many(record, g, needed, interpreter)
    # The quick way, for one or two operands: no argument is unpacked from a list.
    handle, parts, i = interpreter.handle, [], 0
    for parent in args:
        part = None
        if type(parent) is Record and (parent.tracked if needed is None else parent in needed):
            rule, look = op.vjp[i], op.looks[i]
            if rule is not None:
                y = handle(record) if look[0] else None
                x = handle(args[0]) if look[1] else None
                part = rule(g, y, x) if len(args) == 1 else rule(g, y, x, handle(args[1]) if look[2] else None)
                if part is not None and not interpreter.fits(part, parent):
                    part = _fitted(part, parent, op)
        parts.append(part)
        i += 1  # noqa: SIM113
    return parts


def _parts_of_many(record: Record, g: Any, needed: set[Record] | None, interpreter: Any) -> list[Any]:
    op, args, attrs, handle = record.op, record.args, record.attrs, interpreter.handle
    y, operands = handle(record), [handle(a) for a in args]
    rules = op.vjp
    together = rules[0](g, y, *operands, **attrs) if op.vjp_together and rules[0] else None
    parts: list[Any] = [None] * len(args)
    for i, parent in enumerate(args):
        if type(parent) is not Record or not (parent.tracked if needed is None else parent in needed):
            continue
        if together is not None:
            part = together[i]
        else:
            rule = rules[i] if i < len(rules) else None
            part = rule(g, y, *operands, **attrs) if rule is not None else None
        if part is not None:
            parts[i] = part if interpreter.fits(part, parent) else _fitted(part, parent, op)
    return parts


def _fitted(part: Any, parent: Record, op: Op) -> Any:
    """A cotangent of a broadcast operand as one of the operand itself."""
    if not same_shape(part.shape, parent.shape):
        part = sum_to(part, parent.shape)
    if part.dtype != parent.dtype:
        raise InternalError(f"the gradient of {op.name} is {part.dtype}, its operand {parent.dtype}")
    return part


def zero(like: Any) -> Any:
    """Zeros of the shape and dtype of a handle or a spec."""
    return full(like.shape, 0.0, dtype=like.dtype)


def depends_on_more(roots: Sequence[Record], marks: Sequence[Record | None]) -> bool:
    """Whether gradients flow from the roots to something beside these marks: an outer grad's, a parameter."""
    return any(r not in marks and not any(p.tracked for p in r.parents) for r in reachable(roots))


def _seed(y: Any, gradient: Any) -> Any:
    if gradient is None:
        if any(n != 1 for n in y.shape):
            raise GradientError(
                "backward() without a gradient needs a result of one element",
                op="backward",
                operands=(y,),
                fix="reduce it first, y.sum() or y.mean(), or pass gradient=",
            )
        return full(y.shape, 1.0, dtype=y.dtype)
    gradient = gradient if isinstance(gradient, Handle) else dispatch.current().asarray(gradient, y.dtype)
    if not agree_shape(gradient.shape, y.shape):
        raise ShapeError("the gradient must have the shape of the result", op="backward", operands=(y, gradient))
    return gradient


@entrance
def backward(y: Any, gradient: Any = None, *, create_graph: bool = False) -> None:
    """Accumulate the gradient of ``y`` into ``.grad`` of every leaf it depends on.

    ``gradient``: cotangent of y's shape; may be left out where y has one element. ``create_graph``: record the
    gradients themselves, so that they can be differentiated again. Raises GradientError where y depends on no leaf.
    """
    interpreter = dispatch.current()
    record = interpreter.record(y)
    if record is None:
        raise GradientError(
            "this value depends on nothing that gradients are taken of",
            op="backward",
            operands=(y,),
            fix="make it from a Parameter or a tensor with requires_grad=True, outside no_grad()",
        )
    followed.listen()
    if followed.alive:
        followed.reached(getattr(y, "_value", None))
    if hasattr(interpreter, "goes_back"):
        interpreter.goes_back(y)
    outer = dispatch.enter(interpreter.with_grad(create_graph))
    try:
        seed = _seed(y, gradient)
        for leaf, grad in reverse([record], [seed]).items():
            owner = interpreter.owner(leaf)
            if owner is not None:
                held = interpreter.get_grad(owner)
                if held is None:
                    interpreter.set_grad(owner, grad)
                else:
                    added(interpreter, owner, held, add(held, grad))
    finally:
        dispatch.leave(outer)


install_methods({"backward": backward})


def grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function returning the gradient of a scalar-valued ``function`` with respect to chosen arguments.

    An argument may be an array or a nested list, tuple or dict of arrays; its gradient has the same structure.
    ``argnums``: one position, or a tuple of them (the result is then a tuple). Nests to any order.

    >>> tg.grad(lambda x: tg.sum(x**2))(tg.tensor([1.0, 2.0, 3.0]))
    tensor([2., 4., 6.])
    """
    both = value_and_grad(function, argnums)

    @entrance
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """Like ``grad``, returning ``(value, gradient)``; with ``has_aux`` the function returns ``(value, aux)``.

    Raises GradientError where the value does not have one element.

    >>> tg.value_and_grad(lambda x: x * x)(tg.tensor(3.0))
    (tensor(9.), tensor(6.))
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @entrance
    def run(*args: Any, **kwargs: Any) -> Any:
        interpreter = dispatch.current()
        recording = interpreter.with_grad(True)
        parts = [args[i] for i in positions]
        given = handles(parts)
        with dispatch.interpret(recording):
            marked = [recording.leaf(a) for a in given]
            chosen = tree.rebuild(parts, marked)
            call = list(args)
            for i, part in zip(positions, chosen, strict=True):
                call[i] = part
            result = function(*call, **kwargs)
            value, aux = result if has_aux else (result, None)
            root = recording.record(value)
            records = [recording.record(m) for m in marked]
        # The gradient is itself recorded where something else is being differentiated: an outer grad, a parameter.
        roots = [root] if root is not None else []
        outer = depends_on_more(roots, records)
        with dispatch.interpret(interpreter.with_grad(interpreter.grad_enabled and outer)):
            slopes = pull(interpreter, roots, [_seed(value, None) for _ in roots], records)
            found = [zero(m) if g is None else g for g, m in zip(slopes, marked, strict=True)]
        if not outer:
            value = interpreter.detach(value)
        gradient = tree.rebuild(parts, found)
        gradient = gradient[0] if isinstance(argnums, int) else tuple(gradient)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return run
