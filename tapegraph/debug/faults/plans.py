"""Faults in plans: memory shared by values that are alive, steps in the wrong order, values of loops mixed up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from compiler import control, form, plan
from tapegraph.debug.faults import fault, replaced


@fault("plan", "memory")
def forgotten_reader() -> Iterator[None]:
    """the memory of a value is given away after its first reader"""
    right = form.lifetimes

    def lives(steps: Sequence[Any], times: Sequence[int]) -> Any:
        return {b: (first, min(last, first + 1)) for b, (first, last) in right(steps, times).items()}

    with replaced(form, "lifetimes", lives):
        yield


@fault("plan", "memory")
def dead_at_once() -> Iterator[None]:
    """a kernel may write over any temporary operand, whoever reads it afterwards"""

    def dies(self: plan.Planner, base: Any, unit: Any) -> bool:
        place = self.places.get(base)
        return place is not None and place.buffer.kind == "temp" and place.whole

    with replaced(plan.Planner, "dies", dies):
        yield


@fault("plan", "memory")
def waves_exchanged() -> Iterator[None]:
    """the first step that needs the one before it runs before it"""
    right = plan.in_waves

    def wrong(steps: Sequence[Any]) -> tuple[list[Any], list[int]]:
        found, times = right(steps)
        for i in range(len(found) - 1):
            if times[i] != times[i + 1] and found[i].writes & found[i + 1].reads:
                found[i], found[i + 1] = found[i + 1], found[i]
                return found, list(range(len(found)))
        return found, times

    with replaced(plan, "in_waves", wrong):
        yield


@fault("plan", "memory")
def state_read_too_late() -> Iterator[None]:
    """a state that takes the old value of another is given its new one"""
    with replaced(plan.Planner, "_staged", lambda self: {}):
        yield


@fault("plan", "loop")
def carry_not_handed_on() -> Iterator[None]:
    """every step of a loop is given the carry of the first"""
    with replaced(control, "PING_PONG", 0):
        yield


@fault("plan", "loop")
def rows_from_the_end() -> Iterator[None]:
    """a scan in reverse reads its rows from the first on"""
    right = control._scan

    def wrong(planner: Any, record: Any, wanted: Any) -> Any:
        turn = right(planner, record, wanted)
        if turn is not None and record.attrs["reverse"]:
            body = turn.parts[0]
            entries = body.inputs[record.attrs["consts"] + record.attrs["carries"] :]
            for source in entries:
                wire = turn.wires[0][source.buffer]
                operand = next(p for p in turn.operands if p.buffer is wire.buffer)
                turn.wires[0][source.buffer] = control.Wire(wire.buffer, operand.layout.offset, -wire.stride)
        return turn

    with replaced(control, "_scan", wrong):
        yield
