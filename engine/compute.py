"""One record computed by the NumPy kernel that gives its op its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.errors import InternalError, Trap, trapped
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
        # A number in the program is shown as the number it is.
        shown = [a.attrs["value"] if a.op.name == "full" and not a.shape else v for a, v in zip(record.args, operands)]
        raise trapped(trap, record.op.name, shown, record.origin) from None
    values = [np.asarray(v) for v in value] if record.op.many else [np.asarray(value)]
    found = Several(Spec(v.shape, v.dtype) for v in values)
    wanted = record.spec if record.op.many else (record.spec,)
    if found != tuple(Spec(evaluated(s.shape, sizes), s.dtype) for s in wanted):
        raise InternalError(f"node {record} was computed as {found}", origin=record.origin)
    return values if record.op.many else values[0]
