"""The forward pass, once, for both modes: tangents pushed along records by the same rules that pull cotangents back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine import dispatch, origin
from engine.autodiff import parts_of, pull, reachable
from engine.op import Op, Trait
from engine.ops.arithmetic import add
from engine.ops.create import full
from engine.ops.dtype import astype
from engine.ops.results import result as RESULT
from engine.ops.shape import broadcast_to
from engine.record import Record
from engine.vmap import beneath


def forward(roots: Sequence[Record | None], tangents: Mapping[Record, Any]) -> list[Any]:
    """Tangents of the roots given those of some records they depend on; None where a tangent is zero.

    Runs in the current interpreter, as ``reverse`` does. An op on matching elements multiplies by its own derivative,
    which its gradient rules give; of any other op the gradient rule, a linear function of the cotangent, is transposed.
    """
    found: dict[Record, Any] = dict(tangents)
    derived = origin.Derived("tangent")
    with origin.inherit(derived):
        for record in reversed(reachable([r for r in roots if r is not None])):
            if record in found:
                continue
            arriving: list[Any] = [found.get(a) if type(a) is Record else None for a in record.args]
            if all(t is None for t in arriving):
                continue
            derived.record = record
            t = arriving[0][record.attrs["index"]] if record.op is RESULT else _pushed(record, arriving)
            if t is not None:
                found[record] = t
    return [None if r is None else found.get(r) for r in roots]


def push(by: Any, roots: Sequence[Any], marks: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Tangents of the roots given those of the marks, all made by interpreter ``by``; None for zero."""
    given = [(m, t) for m, t in zip(marks, tangents, strict=True) if m is not None and t is not None]

    def run(tangents: list[Any]) -> list[Any]:
        return forward(roots, dict(zip([m for m, _ in given], tangents, strict=True)))

    return beneath(by, run, [t for _, t in given])


def _pushed(record: Record, tangents: list[Any]) -> Any:
    """The tangent of a record (a list, where it has several results) from those of its operands."""
    op, handle = record.op, dispatch.current().handle
    if op.jvp is not None:
        return op.jvp(tangents, handle(record), *map(handle, record.args), **record.attrs)
    if Trait.ELEMENTWISE in op.traits and not op.vjp_together:
        return _multiplied(op, record, tangents)
    return _transposed(record, tangents)


def _multiplied(op: Op, record: Record, tangents: list[Any]) -> Any:
    handle = dispatch.current().handle
    y, operands, total = handle(record), [handle(a) for a in record.args], None
    for rule, t in zip(op.vjp, tangents):
        part = None if rule is None or t is None else rule(_wide(t, record), y, *operands, **record.attrs)
        if part is not None:
            part = astype(part, record.dtype)
            total = part if total is None else add(total, part)
    return None if total is None else _wide(total, record)


def _wide(x: Any, record: Record) -> Any:
    return x if x.ndim == len(record.shape) and x.shape == record.shape else broadcast_to(x, record.shape)


def _transposed(record: Record, tangents: list[Any]) -> Any:
    interpreter = dispatch.current()
    recording = interpreter.with_grad(True)
    with dispatch.interpret(recording):
        specs = record.spec if record.op.many else [record.spec]
        probes = [recording.leaf(full(s.shape, 0.0, dtype=s.dtype)) if s.dtype.kind == "f" else None for s in specs]
        needed = {a for a, t in zip(record.args, tangents, strict=True) if t is not None}
        parts = parts_of(record, probes if record.op.many else probes[0], needed, recording)
        roots = [None if p is None else recording.record(p) for p in parts]
        marks = [None if p is None else recording.record(p) for p in probes]
    found = pull(interpreter, roots, tangents, marks)
    return found if record.op.many else found[0]
