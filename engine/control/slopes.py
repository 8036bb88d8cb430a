"""Derivatives of a subprogram: it is run again in the current mode, and its ops are differentiated one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import dispatch
from engine.autodiff import pull
from engine.control.body import Body
from engine.forward import push


def pulled(body: Body, operands: Sequence[Any], gs: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
    """What the cotangents ``gs`` of a body's outputs (None for zero) are for the ``wanted`` operands; None for zero.

    The body is run again, and its ops are differentiated one by one.
    """
    interpreter: Any = dispatch.current()
    recording = interpreter.with_grad(True)
    with dispatch.interpret(recording):
        marked = list(operands)
        for i in wanted:
            marked[i] = recording.leaf(operands[i])
        outputs = body.inline(marked)
        roots = [recording.record(y) for y in outputs]
        marks = [recording.record(marked[i]) for i in wanted]
    return pull(interpreter, roots, gs, marks)


def pushed(body: Body, operands: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """The tangents of a body's outputs for those of its operands; None for zero. The body is run again."""
    interpreter = dispatch.current()
    recording = interpreter.with_grad(True)
    with dispatch.interpret(recording):
        marked = [o if t is None else recording.leaf(o) for o, t in zip(operands, tangents, strict=True)]
        roots = [recording.record(y) for y in body.inline(marked)]
        marks = [None if t is None else recording.record(m) for m, t in zip(marked, tangents, strict=True)]
    return push(interpreter, roots, marks, tangents)
