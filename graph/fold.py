"""Constant folding: an op on constants is a constant, the one its NumPy kernel computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import Trap
from engine.op import Trait, apply
from engine.record import Record
from engine.sizes import Dim, product, static_shape
from graph.pattern import FULL, number_of

LARGEST = 64  # elements; above it the kernel is left to the run


def folded(record: Record) -> Any:
    """A constant equal to an op on constants (symbol), or the reason why there is none.

    An elementwise op is evaluated on one element, a view keeps the value, any other op is evaluated where shapes are
    numbers and small, and its result kept where it holds one value throughout.
    """
    if not record.args or any(a.op is not FULL for a in record.args):
        return "an operand is not a constant"
    if record.op.many:
        return "it has several results"
    if Trait.RANDOM in record.op.traits:
        return "random bits are not constants"
    if any(isinstance(v, Dim) for v in record.attrs.values()):
        return "a size that only the run knows is part of the op"
    if Trait.VIEW in record.op.traits:
        return constant(record, number_of(record.args[0]))
    if Trait.ELEMENTWISE in record.op.traits:
        values = evaluated(record, [np.full((), number_of(a), a.dtype) for a in record.args])
    elif all(static_shape(a.shape) and product(a.shape) <= LARGEST for a in (*record.args, record)):
        values = evaluated(record, [np.full(a.shape, number_of(a), a.dtype) for a in record.args])
    else:
        return f"its operands are not known to be of at most {LARGEST} elements"
    if values is None:
        return "its kernel reports a mistake, which belongs to the run"
    if not values.size:
        return "it has no elements"
    first = values.reshape(-1)[:1]
    if not np.array_equal(values.reshape(-1).view(np.uint8), np.repeat(first, values.size).view(np.uint8)):
        return "its elements differ"
    return constant(record, first[0].item())


def evaluated(record: Record, values: list[Any]) -> Any:
    """The kernel's result, or None where it reports a mistake in its data."""
    try:
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(record.op.kernel(*values, **record.attrs))
    except Trap:
        return None


def constant(record: Record, value: Any) -> Any:
    """A constant of the record's spec."""
    return apply(FULL, shape=record.shape, value=value, dtype=record.dtype)
