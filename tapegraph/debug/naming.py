"""What is told of an op that ran: its operands under the user's names for them, and whether it is the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import origin, source
from engine.batched import Batched
from engine.errors import parameter
from engine.handle import Handle
from engine.record import Record


def named(where: origin.Origin, op: str, values: Sequence[Any]) -> dict[str, Any]:
    """Operands under the names that the user's expression gives them, else by number; without those that are None."""
    frames = origin.user_frames(where)
    written = source.operands(origin.resolve(frames[0]), op, len(values)) if frames else None
    names = written or [_numbered(op, i) for i in range(len(values))]
    return {name: x for name, x in zip(names, values, strict=True) if x is not None}


def _numbered(op: str, number: int) -> str:
    """An operand's number, and what the op calls it: no name that the user's frame might have for something else."""
    name = parameter(op, number)
    return name if name.startswith("operand") else f"operand {number} ({name})"


def derived(where: origin.Origin) -> bool:
    """Whether something was made in a gradient rule and not by the user's own expression."""
    return bool(where) and type(where[0]) is str


def held(x: Any) -> Any:
    """What eager handles hold, the whole batch of one inside vmap; None where the tape has kept nothing."""
    if isinstance(x, tuple | list):
        return [held(v) for v in x]
    if isinstance(x, Batched):
        return held(x.whole)
    if isinstance(x, Handle):
        return getattr(x, "_value", None)  # a symbol that outlived its trace has none
    return x


def variables(where: origin.Origin) -> dict[str, Any]:
    """The variables of the user's frame that runs now, with what handles among them hold."""
    frame = origin.living(where)
    return {} if frame is None else {k: held(v) if isinstance(v, Handle) else v for k, v in frame.f_locals.items()}


def whole_of(record: Record) -> Any:
    """The op that the user wrote: the one a record is a part of, where there is one."""
    whole, _ = getattr(record, "whole", (None, ()))
    return whole or record.op
