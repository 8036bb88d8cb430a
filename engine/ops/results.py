"""The results of an op that has several: each is a record of its own, made from the one record of the op."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.op import Op
from engine.record import Record
from engine.spec import Spec

# The reverse pass knows this op: it gathers the gradients of all results before the op's own rule runs.
result = Op(
    "result",
    lambda whole, index: whole[index],
    lambda whole, index: Spec(whole.shape[index], whole.dtype[index]),
    vjp=(lambda g, y, whole, index: g,),
    accepts=dtypes.EVERY,
    casts=None,
    keeps="",
    order=0,
    hidden=True,
    doc="One result of an op that has several.",
)


def result_of(whole: Record, index: int, value: Any = None) -> Record:
    """The record of one result; ``value``: for a gradient rule that looks at it."""
    shape: Any = whole.shape[index]
    dtype: Any = whole.dtype[index]
    tracked = whole.tracked and dtype.kind == "f"
    return Record(result, (whole,), {"index": index}, shape, dtype, whole.origin, tracked, value)
