"""One record computed by the NumPy kernel that gives its op its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import InternalError, Operand, Sentence, Trap, spec_of, trapped
from engine.record import Record
from engine.sizes import evaluated
from engine.spec import Several, Spec


def compute(record: Record, operands: list[Any], sizes: Mapping[str, int]) -> Any:
    """The value of one record (a list of them, where it has several) from those of its operands.

    Dtypes and shapes are checked against the spec. Raises the error that a kernel's mistake means, at the user's line.
    """
    attrs = {k: evaluated(v, sizes) for k, v in record.attrs.items()}
    try:
        value = record.op.kernel(*operands, **attrs)
    except Trap as trap:
        raise trapped(trap, record.op.name, described(record.args, operands), record.origin) from None
    values = [np.asarray(v) for v in value] if record.op.many else [np.asarray(value)]
    found = Several(Spec(v.shape, v.dtype) for v in values)
    wanted = record.spec if record.op.many else (record.spec,)
    if found != tuple(Spec(evaluated(s.shape, sizes), s.dtype) for s in wanted):
        raise InternalError(f"node {record} was computed as {found}", origin=record.origin)
    return values if record.op.many else values[0]


def described(records: Sequence[Record], operands: Sequence[Any]) -> list[Operand]:
    """Operands as errors tell of them; a number in the program is the number it is."""
    found = []
    for record, value in zip(records, operands, strict=True):
        if record.op.name == "full" and not record.shape:
            value = record.attrs["value"]
        name = record.attrs["name"] if record.attrs.get("kind") == "state" else None
        found.append(Operand(value, spec_of(value), name, record.origin if record.args else ()))
    return found


def known(record: Record) -> list[Record]:
    """The records that a mistake in this one is told with: operands, the user's variables, the op it is a part of."""
    scope: dict[str, Record] = getattr(record, "scope", {})
    _, operands = getattr(record, "whole", (None, ()))
    return [*record.args, *scope.values(), *operands]


def told(mistake: Sentence, record: Record, values: Mapping[Record, Any]) -> None:
    """Tell a mistake in a record with what the user's variables stood for, and as one of the op that it is a part of."""
    scope: dict[str, Record] = getattr(record, "scope", {})
    op, operands = getattr(record, "whole", (None, record.args))
    if any(r not in values for r in operands):
        return
    mistake.scope = {name: values[held] for name, held in scope.items() if held in values}
    mistake.operands = tuple(described(operands, [values[r] for r in operands]))
    if op is not None:
        mistake.op = op.name
