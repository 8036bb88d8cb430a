"""The tape: a record for each op that gradients flow through, holding no value that no gradient rule looks at."""

from __future__ import annotations

import sys
import weakref
from typing import Any

from engine import origin
from engine.op import Op
from engine.ops.dtype import leaf as LEAF
from engine.record import NO_ATTRS, Record, next_serial

_new_record = Record.__new__
_frame = sys._getframe
_is_user = origin._is_user.get


def write(op: Op, args: tuple[Any, ...], attrs: dict[str, Any], out: Any) -> Record:
    """The record of an op applied to records, arrays and numbers with result ``out``. Called from an ``apply``.

    Where an operator or a public op called that ``apply`` for the user, their frame is three up.
    """
    record = _new_record(Record)
    record.op = op
    record.args = args
    record.attrs = attrs
    record.shape = out.shape
    record.dtype = out.dtype
    record.tracked = True
    record.value = out if op.keeps_y else None
    record.serial = next_serial()
    frame = _frame(3)
    code = frame.f_code
    record.origin = ((code, frame.f_lasti),) if _is_user(code.co_filename) else origin.capture(1, 2)
    return record


def leaf_of(owner: Any) -> Record:
    """A record without operands; the gradient that reaches it belongs to ``owner``, which it does not keep alive."""
    value = owner._value
    return Record(LEAF, (), {"owner": weakref.ref(owner)}, value.shape, value.dtype, ())


def apart(op: Op, value: Any) -> Any:
    """What the tape keeps of an array no gradient flows to: itself, its shape and dtype, or nothing."""
    if op.keeps_x:
        return value
    return None if op.shapeless else Record(LEAF, (), NO_ATTRS, value.shape, value.dtype, (), False)
