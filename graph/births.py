"""Births in a graph: at which node the non-finite values among a run's results were born."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from engine.compute import described
from engine.control.body import bodies_of
from engine.finite import Birth, birth, finite, nan_birth
from engine.lowering import Control
from engine.ops.dtype import leaf as LEAF
from engine.ops.results import result as RESULT
from engine.record import Record
from engine.state import State
from graph import reference
from graph.graph import Graph
from graph.scans import is_scan

Array = np.ndarray[Any, Any]


class Verdict:
    """What a run on the reference kernels shows: ``finite``, whether its results are; ``birth``, where one was born."""

    def __init__(self, finite: bool, birth: Birth | None) -> None:
        self.finite, self.birth = finite, birth


def find(
    graph: Graph,
    feeds: Mapping[str, Any],
    *,
    states: Mapping[State, Array] | None = None,
    grads: Mapping[State, Array] | None = None,
) -> Verdict:
    """Run a graph node by node, as ``reference.run`` does, and follow non-finite results back to where they were born.

    A value that reaches no result is nobody's birth: one that ``where`` leaves out, or that saturates. Nor is what comes
    in with the feeds and states, or stands in the program as a constant.
    """
    watch = _Watch(graph)
    run = reference.run(graph, feeds, states=states, grads=grads, look=watch)
    record, born = watch.first(graph.results)
    if record is not None and born is not None:
        scope: dict[str, Record] = getattr(record, "scope", {})
        values = reference.values_of(scope.values(), graph, feeds, states, grads)
        born.scope = {name: values[r] for name, r in scope.items() if r in values}
    results = [*run.outputs, *run.updates.values(), *(g for g in run.grads.values() if g is not None)]
    return Verdict(all(map(finite, results)), born)


class _Watch:
    """Notes each node with a non-finite value, and those that made it of finite ones."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = set(graph.nodes)
        self.bad: set[Record] = set()
        self.born: dict[Record, Birth] = {}
        self.nans: dict[Record, Birth] = {}  # made of infinities
        self._inside: list[tuple[int, Record, Birth]] = []  # (step, node, birth) in the body of the node being computed
        self._bad_inside: dict[int, set[Record]] = {}  # by step
        self._turns: dict[Record, int] = {}

    def __call__(self, record: Record, values: Mapping[Record, Any], turns: tuple[int, ...]) -> None:
        if record.op is LEAF:
            return
        operands, value = [values[a] for a in record.args], values[record]
        if record not in self.nodes:
            self._turns[record] = self._turns.get(record, -1) + 1
        if finite(value):
            if record in self.nodes:
                self._leave()
            return
        named = described(record.args, operands)
        found = birth(record.op, named, operands, value, record.origin)
        if record not in self.nodes:
            turn = self._turns[record]
            self._bad_inside.setdefault(turn, set()).add(record)
            if found is not None and not isinstance(record.op.lower, Control):
                self._inside.append((turn, record, found))
            return
        self.bad.add(record)
        if found is not None:
            self.born[record] = self._innermost(record, found)
        elif (nan := nan_birth(record.op, named, operands, value, record.origin)) is not None:
            self.nans[record] = self._innermost(record, nan)
        self._leave()

    def _leave(self) -> None:
        self._inside.clear()
        self._bad_inside.clear()
        self._turns.clear()

    def _innermost(self, record: Record, found: Birth) -> Birth:
        """The birth in the body of a loop or a branch, which is where the user wrote it."""
        if not self._inside:
            return found
        followed = {turn: _behind(self._needed(record), bad) for turn, bad in self._bad_inside.items()}
        leading = [found for found in self._inside if found[1] in followed[found[0]]]  # none: in a loop inside it
        turn, _, inner = (leading or self._inside)[0]
        if isinstance(record.op.lower, Control) and record.op.lower.kind != "switch":
            step = max(self._turns.values()) - turn if record.attrs.get("reverse") else turn
            inner.place = f", in step {step} of the {record.op.name}"
        return inner

    def _needed(self, record: Record) -> list[Record]:
        """What the bodies of a control op give; of a scan the carries, and the stacked outputs that somebody reads."""
        outputs = [r for body in bodies_of(record) for r in body.outputs]
        if not is_scan(record):
            return outputs
        read = {r.attrs["index"] for r in self.nodes if r.op is RESULT and r.args[0] is record}
        return [r for number, r in enumerate(outputs) if number < record.attrs["carries"] or number in read]

    def first(self, results: Iterable[Record]) -> tuple[Record | None, Birth | None]:
        """The earliest birth that one of the results was made of, and its node."""
        seen = _behind(results, self.bad)
        for births in (self.born, self.nans):
            found = [r for r in births if r in seen]
            if found:
                record = min(found, key=lambda r: r.serial)
                return record, births[record]
        return None, None


def _behind(results: Iterable[Record], bad: set[Record]) -> set[Record]:
    """The bad records that bad results were made of, themselves included."""
    seen = {r for r in results if r in bad}
    stack = list(seen)
    while stack:
        for parent in stack.pop().args:
            if parent in bad and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return seen
