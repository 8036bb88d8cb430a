"""A graph evaluated in float64, whatever its floats are: rounding is then small beside any mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.compute import compute
from engine.errors import TapegraphError, Trap
from engine.record import Record
from engine.sizes import evaluated

Array = np.ndarray[Any, Any]
_WIDE = np.dtype(np.float64)


class Wide:
    """Values of records in float64, each computed once, by the NumPy kernels. ``leaves``: those it starts from."""

    def __init__(self, leaves: Mapping[Record, Array], sizes: Mapping[str, int]) -> None:
        self.values: dict[Record, Any] = {r: widened(a) for r, a in leaves.items()}
        self.sizes = sizes

    def value(self, record: Record) -> Any:
        """The value of a record (a list of them, where it has several)."""
        if record not in self.values:
            with np.errstate(all="ignore"):
                for one in self._missing(record):
                    self.values[one] = wide(one, [self.values[a] for a in one.args], self.sizes)
        return self.values[record]

    def _missing(self, record: Record) -> list[Record]:
        known = self.values
        seen, stack = {record}, [record]
        while stack:
            for a in stack.pop().args:
                if a not in known and a not in seen:
                    seen.add(a)
                    stack.append(a)
        return sorted(seen, key=lambda r: r.serial)


def widened(value: Any) -> Any:
    """An array, or a list of them, with its floats as float64."""
    if isinstance(value, list | tuple):
        return [widened(v) for v in value]
    array = np.asarray(value)
    return array.astype(_WIDE) if array.dtype.kind == "f" else array


def wide(record: Record, operands: list[Any], sizes: Mapping[str, int]) -> Any:
    """One record of float64 operands; where its kernel takes no others than the declared, of these."""
    attrs = {k: evaluated(v, sizes) for k, v in record.attrs.items()}
    attrs = {k: _WIDE if isinstance(v, np.dtype) and v.kind == "f" else v for k, v in attrs.items()}
    try:
        value = record.op.kernel(*operands, **attrs)
    except (TapegraphError, Trap, TypeError, ValueError, ArithmeticError):
        narrow = [_as_declared(v, a) for v, a in zip(operands, record.args, strict=True)]
        value = compute(record, narrow, sizes)
    return widened(list(value) if record.op.many else value)


def _as_declared(value: Any, record: Record) -> Any:
    if isinstance(value, list):
        return [v.astype(d) for v, d in zip(value, record.dtype, strict=True)]
    return value.astype(record.dtype)
