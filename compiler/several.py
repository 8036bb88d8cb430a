"""Several calls in one: the driver walks the table once for each batch, with the states carried from one to the next."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import driver
from compiler.objects import address_of
from compiler.recorder import ROWS
from engine.errors import TapegraphError
from engine.state import STAMP

if TYPE_CHECKING:
    from compiler.runtime import Program

Array = np.ndarray[Any, Any]

# For each batch: write its addresses into the table, walk; stop at the first bad status and say how many were clean.
TEXT = """
define i64 @tg_KEY(ptr %walk, i64 %table, i64 %first, i64 %last, ptr %slots, i64 %width, ptr %values, i64 %count,
                   ptr %clean) nounwind {
entry:
  br label %batch
batch:
  %t = phi i64 [0, %entry], [%t1, %walked]
  store i64 %t, ptr %clean
  %more = icmp slt i64 %t, %count
  br i1 %more, label %begin, label %done
begin:
  %row = mul i64 %t, %width
  br label %word
word:
  %i = phi i64 [0, %begin], [%i1, %put]
  %some = icmp slt i64 %i, %width
  br i1 %some, label %put, label %walking
put:
  %place = add i64 %row, %i
  %value.p = getelementptr i64, ptr %values, i64 %place
  %value = load i64, ptr %value.p
  %slot.p = getelementptr ptr, ptr %slots, i64 %i
  %slot = load ptr, ptr %slot.p
  store i64 %value, ptr %slot
  %i1 = add i64 %i, 1
  br label %word
walking:
  %status = call i64 %walk(i64 %table, i64 %first, i64 %last)
  %good = icmp eq i64 %status, 0
  br i1 %good, label %walked, label %failed
walked:
  %t1 = add i64 %t, 1
  br label %batch
failed:
  ret i64 %status
done:
  ret i64 0
}
"""


@cache
def _walker() -> Any:
    word = ctypes.c_int64
    return ctypes.CFUNCTYPE(word, *[word] * 9)(driver.compiled(TEXT))


def possible(program: Program) -> bool:
    """Whether every step of the plan is native, none has an effect, and no gradient of before is read."""
    return program.native and not program.plan.grads and not program.effects


def run(program: Program, stacks: Sequence[Array], label: int = 0, watch: str = "off") -> list[Array]:
    """The outputs of one call for each entry along the first axis of ``stacks``, stacked likewise.

    The states go from each call to the next. ``watch``: "off", or "default" (see ``Program.run``). Raises what a call
    raises; then the calls before it have been made, and the error's note names the one that failed, the first being
    number ``label``.
    """
    count = len(stacks[0])
    stacks = [np.ascontiguousarray(a) for a in stacks]
    with program.lock:
        instance = program.instance(tuple([a.shape[1:] for a in stacks]))
        program.own_states()
        if instance.stamp is not STAMP.now:
            instance.point_at_states()
        outputs = [np.empty((count, *shape), dtype) for shape, dtype in instance.outputs]
        arrays = [*stacks, *outputs]
        bases = np.array([address_of(a) for a in arrays], np.int64)
        strides = np.array([a.nbytes // count for a in arrays], np.int64)
        brought = program.brought
        addresses = bases + np.arange(count, dtype=np.int64)[:, None] * strides
        values = np.ascontiguousarray(addresses[:, brought.numbers] + instance.offsets)
        slots = instance.words.ctypes.data + 8 * brought.words
        row, width = program.segments[0] if program.segments else (0, 0), len(slots)
        clean = np.zeros(1, np.int64)
        for first in range(0, count, ROWS if watch != "off" else count):
            part = values[first : first + ROWS] if watch != "off" else values
            program.watch(watch, len(part))
            status = _walker()(
                driver.address(), instance.table, *row, address_of(slots), width, address_of(part), len(part),
                address_of(clean),
            )  # fmt: skip
            if clean[0]:
                program.leave_gradients()
            if status:
                number = first + int(clean[0])
                try:
                    program.failed(status, instance, [a[number] for a in stacks])
                except TapegraphError as mistake:
                    mistake.add_note(f"in batch {label + number}")
                    raise
            if watch != "off":
                behind = first + len(part)
                program.recorder.ran_several([a[first:behind] for a in stacks], [o[first:behind] for o in outputs])
        return outputs
