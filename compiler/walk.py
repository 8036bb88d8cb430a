"""A call of a program made wave by wave, with the values each step reads and leaves; nothing outside is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler import driver
from compiler.buffers import Place, base_of
from compiler.control import Turn, native
from compiler.fuse import INLINE
from compiler.runtime import Program, value_at
from compiler.step import Callback, Step
from compiler.waves import wave_ends
from engine.compute import compute
from engine.errors import Trap
from engine.lowering import View
from engine.ops.results import result as RESULT
from engine.record import Record

Array = np.ndarray[Any, Any]
AnyStep = Step | Turn | Callback


@dataclass
class Spoiled:
    """A value that was not in its place when it was to be read there: ``blamed`` says why, ``kind`` as of Difference."""

    kind: str
    blamed: str
    record: Record
    found: Array
    wanted: Array


class Walk:
    """The values of one call. ``waves`` makes it; ``values`` holds what each record's place held when it was written."""

    def __init__(self, program: Program, arrays: Sequence[Array]) -> None:
        self.program, self.plan = program, program.plan
        self.instance, self._ready, self._outputs = program.begin(arrays)
        self.sizes = self.instance.sizes
        self.memory = program.memory(self._ready, self._outputs)
        self.values: dict[Record, Any] = {}
        self.assembled: list[Record] = []  # what several steps have put together, and nobody has judged
        graph = self.plan.graph
        for record in graph.leaves:
            self.values[record] = self._at(self.plan.places[record])
        self.number = {id(s): n for n, s in enumerate(self.plan.steps)}
        self.writer = {r: n for n, s in enumerate(self.plan.steps) for r in stored(s, graph, self.plan.places)}

    def waves(self) -> Iterator[list[AnyStep]]:
        """The steps of each wave, yielded before it runs; once the next is asked for, its values are in ``values``."""
        row = 0
        for first, last in wave_ends(self.plan.times):
            wave = self.plan.steps[first:last]
            yield wave
            rows = sum(map(native, wave))
            if rows:
                result = self.program.runner(self.instance.table, row, row + rows)
                row += rows
                if result:
                    raise Trap((driver.decode(result) or (0, 0))[1])
            for step in wave:
                if isinstance(step, Callback):
                    self.program.call_back(step, self.instance, self._ready, self._outputs)
                for record, place in stored(step, self.plan.graph, self.plan.places).items():
                    self.values[record] = self._at(place)

    def spoiled(self, step: AnyStep) -> Spoiled | None:
        """A value that this step is about to read and that is not in its place as it was written there."""
        number = self.number[id(step)]
        for record in outside(step):
            if record.op.name in INLINE or record.op.many:
                continue
            for place in (self.plan.places.get(record), self.plan.copies.get(record)):
                if place is None or place.buffer not in step.reads:
                    continue
                base = base_of(record)
                late = self.writer.get(base, -1)
                if base not in self.values and late >= number:
                    found = self._at(place)
                    blamed = f"the plan: step {number} reads the value, and step {late} writes it only afterwards"
                    return Spoiled("memory", blamed, record, found, found)
                wanted, found = self.value(record), self._at(place)
                if not _same_bits(found, wanted):
                    return self._moved(number, record, base, found, wanted)
        return None

    def _moved(self, number: int, record: Record, base: Record, found: Array, wanted: Array) -> Spoiled:
        place = self.plan.places.get(base)
        if base is not record and place is not None and _same_bits(self._at(place), self.value(base)):
            return Spoiled("lowering", f"the layout by which {record.op.name} is read in place", record, found, wanted)
        blamed = f"the plan: when step {number} reads the value, something else was written over it"
        return Spoiled("memory", blamed, record, found, wanted)

    def undelivered(self) -> Spoiled | None:
        """A result that is not where the caller will look for it, once all waves have run."""
        plan = self.plan
        finals = [*zip(plan.graph.outputs, plan.outputs, strict=True)]
        finals += [(r, plan.states[s]) for s, r in plan.graph.updates.items()]
        finals += [(r, p) for s, r in plan.graph.grad_updates.items() if r is not None and (p := plan.kept[s])]
        for record, place in finals:
            found, wanted = self._at(place), self.value(record)
            if not _same_bits(found, wanted):
                blamed = "the plan: the value does not arrive where the result is read"
                return Spoiled("memory", blamed, record, found, wanted)
        return None

    def value(self, record: Record) -> Any:
        """What a record is in this call: read where it was stored, else computed from such values."""
        if record not in self.values:
            place = self.plan.places.get(record)
            if place is not None and not isinstance(record.op.lower, View) and record.op is not RESULT:
                self.values[record] = self._at(place)
                self.assembled.append(record)
            else:
                operands = [self.value(a) for a in record.args]
                with np.errstate(all="ignore"):
                    self.values[record] = compute(record, operands, self.sizes)
        return self.values[record]

    def _at(self, place: Place) -> Array:
        return value_at(place, self.memory, self.sizes).copy()


@contextmanager
def untouched(program: Program) -> Iterator[None]:
    """Leave states and gradients as they are before the block, whatever calls of the program are made inside."""
    with program.lock:
        held = [(s, s._value) for s in program.plan.states]  # held, so that a call writes to copies
        grads = [(s, s._grad) for s, _ in program.pending]
        kept = {s: a.copy() for s, a in program.kept.items()}
        try:
            yield
        finally:
            for state, value in held:
                if state._value is not value:
                    state.hold(value)
            for state, grad in grads:
                state._grad = grad
            for state, array in program.kept.items():
                np.copyto(array, kept[state])


def stored(step: AnyStep, graph: Any, places: dict[Record, Place]) -> dict[Record, Place]:
    """What a step leaves in memory when it is done, and where; sums that another step puts together are that one's."""
    if isinstance(step, Step):
        parts = {record for _, record, _ in step.pieces.partials} if step.pieces else set()
        # A kernel may keep a value of its own where it writes a result later; what is computed last stays there.
        last = {p: r for r, p in sorted(step.stored.items(), key=lambda item: item[0].serial)}
        return {r: p for p, r in last.items() if r not in parts}
    record, (first, *_) = step.record, step.results
    if not record.op.many:
        return {record: first} if first is not None else {}
    return {r: places[r] for r in graph.nodes if r.op is RESULT and r.args[0] is record and r in places}


def outside(step: AnyStep) -> list[Record]:
    """The records a step reads that it does not compute itself."""
    own = set(step.records)
    return list(dict.fromkeys(a for r in step.records for a in r.args if a not in own))


def _same_bits(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()
