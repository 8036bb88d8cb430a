"""Quick calls: one native function checks the arguments, makes the results, runs the table and keeps the gradients."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import driver, objects
from compiler.objects import address_of
from compiler.quick_text import HEADER, PYTHON_API, TEXT
from engine.state import STAMP, State

if TYPE_CHECKING:
    from compiler.instance import Instance

Call = Callable[..., Any]
_FIELDS = {name: number for number, name in enumerate(HEADER.split())}


@cache
def _text(handle: type) -> str | None:
    """The function's text for results of a class with slots ``_value`` and ``_record``; None where it cannot be had."""
    places = objects.slot(handle, "_value"), objects.slot(handle, "_record")
    if not objects.known() or None in places or not all(hasattr(ctypes.pythonapi, name) for name in PYTHON_API):
        return None
    return TEXT.replace("VALUE_AT", str(places[0])).replace("RECORD_AT", str(places[1]))


def possible(handle: type) -> bool:
    """Whether this interpreter and this class of results allow quick calls."""
    return _text(handle) is not None


class Quick:
    """What the native call of an instance needs; ``call(*arrays)`` returns handles, or None where it does not fit.

    One result comes as it is, more or fewer in a tuple. ``had``: states, and whether the trace found gradients there.
    """

    def __init__(self, instance: Instance, handle: type, had: list[tuple[State, bool]]) -> None:
        text = _text(handle)
        assert text is not None
        program, plan = instance.program, instance.program.plan
        self.instance = instance
        self.updated = list(plan.updated)
        recorder = program.recorder
        tests = recorder.tests(instance.outputs)
        self.stamp: Any = None
        grad = objects.slot(State, "_grad") or 0
        first, last = program.segments[0] if program.segments else (0, 0)
        head = {
            "walk": driver.address(),
            "table": instance.table,
            "first": first,
            "last": last,
            "stamp_at": id(STAMP) + (objects.slot(type(STAMP), "now") or 0),
            "stamp": 0,
            "array_type": id(np.ndarray),
            "handle_type": id(handle),
            "none": id(None),
            "create": objects.new_from_descr(),
            "inputs": len(plan.inputs),
            "states": len(self.updated),
            "grads": len(had),
            "kept": len(program.pending),
            "results": len(plan.outputs),
            "single": len(plan.outputs) == 1,
            "watched": 0,
            "log": address_of(recorder.words),
            "ring": address_of(recorder.ring) if recorder.recording else 0,
            "slot": address_of(recorder.slot),
            "tests": len(tests) // 5,
        }
        words = [head[name] for name in _FIELDS]
        for number, (shape, dtype) in enumerate(zip(instance.shapes, program.dtypes, strict=True)):
            words += self._array(number, shape, dtype, 0)
        self.states = slice(len(words), len(words) + len(self.updated))
        words += [0] * len(self.updated)
        words += [w for state, held in had for w in (id(state) + grad, held)]
        words += [w for state, pending in program.pending for w in (id(state) + grad, id(pending))]
        for number, (shape, dtype) in enumerate(instance.outputs):
            places = program.results.places(number, shape, dtype)
            words += self._array(len(plan.inputs) + number, shape, dtype, places)
        self.tests = slice(len(words), len(words) + len(tests))
        words += tests
        self.record = np.array(words, np.int64)
        self.call: Call = driver.builtin("call", text, self.record)

    def _array(self, number: int, shape: tuple[int, ...], dtype: Any, room: int) -> list[int]:
        """The words of an input or result."""
        instance, program = self.instance, self.instance.program
        uses = program.uses[number]
        start = instance.words.ctypes.data
        places = [w for u in uses for w in (start + 8 * int(program.brought.words[u]), int(instance.offsets[u]))]
        return [id(dtype), len(shape), len(uses), room, *shape, *places]

    def renew(self, watched: bool) -> None:
        """Take note of the arrays the states hold now, which the table points at already, and whether calls are watched."""
        self.record[_FIELDS["watched"]] = watched
        if self.stamp is not self.instance.stamp:
            self.record[self.states] = [id(s._value) for s in self.updated]
            self.record[self.tests] = self.instance.program.recorder.tests(self.instance.outputs)
            self.record[_FIELDS["stamp"]] = id(self.instance.stamp)
            self.stamp = self.instance.stamp  # held, so that no other object has its address

    def expire(self) -> None:
        """Have the next call look again at all there is to take note of."""
        self.record[_FIELDS["stamp"]] = 0
        self.stamp = None
