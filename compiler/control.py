"""Control flow in the plan: a row whose kernel is the driver itself, walking the tables of subprograms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.buffers import Buffer, Place, new_place
from compiler.outward import Outside
from compiler.step import Callback, Step
from engine.control.body import Body, bodies_of
from engine.lowering import Layout, contiguous
from engine.record import Record
from engine.sizes import Shape, Size, product
from graph.graph import Graph

if TYPE_CHECKING:
    from compiler.plan import Plan, Planner

EVERY, PING_PONG = -1, 1  # masks of the step's number: a place of its own for each step, or two in turn


@dataclass(frozen=True)
class Wire:
    """Where a buffer of a subprogram lies in step t: ``offset + (t & mask) * stride`` elements into ``buffer``."""

    buffer: Buffer
    offset: Size
    stride: Size = 0
    mask: int = EVERY


@dataclass(frozen=True)
class Move:
    """Elements copied before the first step or after the last."""

    target: Wire
    source: Wire
    count: Size


@dataclass
class Turn:
    """A row that walks subprograms: ``kind`` is "loop" (a test may stand in front of the body) or "switch".

    ``parts``: their plans. ``wires``: for each, where its inputs and outputs lie. ``limit``: steps at most, -1 for no
    bound. ``flag``: what the test writes; ``index``: what chooses the branch.
    """

    kind: str
    record: Record
    parts: list[Plan]
    operands: list[Place]
    wires: list[dict[Buffer, Wire]]
    results: list[Place | None] = field(default_factory=list)
    limit: Size = -1
    flag: Wire | None = None
    index: Wire | None = None
    before: list[Move] = field(default_factory=list)
    after: list[Move] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        return [self.record]

    @property
    def kernels(self) -> list[Any]:
        return [k for p in self.parts for k in p.kernels]

    @property
    def reads(self) -> set[Buffer]:
        """Every buffer outside its parts that it touches: what it reads and writes changes with the step."""
        found = {w.buffer for wires in self.wires for w in wires.values()}
        found |= {w.buffer for m in (*self.before, *self.after) for w in (m.target, m.source)}
        return found | {w.buffer for w in (self.flag, self.index) if w is not None}

    @property
    def writes(self) -> set[Buffer]:
        return {p.buffer for p in self.results if p is not None}

    @property
    def changes(self) -> set[Buffer]:
        """Every buffer outside its parts that it writes to at any time."""
        outputs = {o.buffer for p in self.parts for o in p.outputs}
        found = {w.buffer for wires in self.wires for b, w in wires.items() if b in outputs}
        found |= {m.target.buffer for m in (*self.before, *self.after)}
        return found | self.writes | ({self.flag.buffer} if self.flag else set())


def without_code(record: Record) -> set[str]:
    """The ops that make a record a call back into Python: its own, or those in its subprograms."""
    inner = [r for body in bodies_of(record) for r in body.nodes if r.args]
    return {n for r in inner for n in without_code(r)} or ({record.op.name} if record.op.lower is None else set())


def plan_body(body: Body, outputs: list[Record], make: Callable[[Graph], Plan]) -> Plan | None:
    """The plan of a subprogram, or None where one of its ops has no native code."""
    graph = Graph(nodes=list(body.nodes), inputs=list(body.inputs), outputs=outputs)
    plan = make(graph.pruned())
    return None if any(isinstance(s, Callback) for s in plan.steps) else plan


def plan_control(planner: Planner, record: Record) -> Turn | Callback:
    """The row of a control op; a call back into Python where a subprogram has an op without native code."""
    wanted = planner.results.get(record, {})
    makers = {"scan": _scan, "while": _while, "switch": _switch}
    made = makers[record.op.lower.kind](planner, record, wanted)  # type: ignore[union-attr]
    if made is None:
        return Callback(record, [planner.locate(a) for a in record.args], planner.result_places(record))
    made.results = planner.result_places(record)
    return made


def _whole(place: Place) -> Wire:
    return Wire(place.buffer, place.layout.offset)


def _entry(shape: Shape) -> Size:
    return product(shape[1:])


def _scan(planner: Planner, record: Record, wanted: dict[int, Record]) -> Turn | None:
    attrs = record.attrs
    body, consts, carries, length = attrs["body"], attrs["consts"], attrs["carries"], attrs["length"]
    outputs = len(body.outputs)
    rows = [i for i in range(carries, outputs) if i in wanted]
    plan = plan_body(body, [body.outputs[i] for i in (*range(carries), *rows)], planner.subplan)
    if plan is None:
        return None
    operands = [planner.dense_place(a) for a in record.args]
    backward = attrs["reverse"]
    wires: dict[Buffer, Wire] = {}
    before, after = [], []

    def along(place: Place, size: Size) -> Wire:
        start = place.layout.offset + (length - 1) * size if backward else place.layout.offset
        return Wire(place.buffer, start, -size if backward else size)

    for number, (source, operand) in enumerate(zip(plan.inputs, operands, strict=True)):
        if number < consts:
            wires[source.buffer] = _whole(operand)
        elif number >= consts + carries:
            wires[source.buffer] = along(operand, _entry(operand.shape))
    for number in range(carries):
        source, target = plan.inputs[consts + number], plan.outputs[number]
        size = source.buffer.size
        history = wanted.get(outputs + number)
        if history is None:
            ring = new_place("temp", source.buffer.dtype, (2, size))
            into = Wire(ring.buffer, 0, size, PING_PONG)
            out = Wire(ring.buffer, size, -size, PING_PONG)
        else:
            ring = new_place("temp", source.buffer.dtype, (length + 1, size))
            start = length * size if backward else 0
            step = -size if backward else size
            into, out = Wire(ring.buffer, start, step), Wire(ring.buffer, start + step, step)
            held = Place(ring.buffer, Layout(size if backward else 0, contiguous(history.shape).strides), history.shape)
            _settle(planner, history, held, after)
        wires[source.buffer], wires[target.buffer] = into, out
        before.append(Move(Wire(into.buffer, into.offset), _whole(operands[consts + number]), size))
        if number in wanted:
            after.append(Move(_whole(planner.places[wanted[number]]), into, size))
    for number, i in enumerate(rows, carries):
        place = planner.places[wanted[i]]
        wires[plan.outputs[number].buffer] = along(place, _entry(place.shape))
    return Turn("loop", record, [plan], operands, [wires], limit=length, before=before, after=after)


def _settle(planner: Planner, history: Record, held: Place, after: list[Move]) -> None:
    """Let the carries' history be read where the loop leaves it, unless a result's own buffer was promised."""
    place = planner.places[history]
    if place.buffer.kind == "temp":
        planner.places[history] = held
    else:
        after.append(Move(_whole(place), Wire(held.buffer, held.layout.offset), product(history.shape)))


def _while(planner: Planner, record: Record, wanted: dict[int, Record]) -> Turn | None:
    attrs = record.attrs
    test_body, body, tests, consts = attrs["test"], attrs["body"], attrs["tests"], attrs["consts"]
    test = plan_body(test_body, list(test_body.outputs), planner.subplan)
    plan = plan_body(body, list(body.outputs), planner.subplan)
    if test is None or plan is None:
        return None
    operands = [planner.dense_place(a) for a in record.args]
    flag_place = new_place("temp", np.dtype(bool), ())
    first, second = {test.outputs[0].buffer: _whole(flag_place)}, dict[Buffer, Wire]()
    for number in range(tests):
        first[test.inputs[number].buffer] = _whole(operands[number])
    for number in range(consts):
        second[plan.inputs[number].buffer] = _whole(operands[tests + number])
    before, after = [], []
    for number, target in enumerate(plan.outputs):
        size = target.buffer.size
        ring = new_place("temp", target.buffer.dtype, (2, size))
        into = Wire(ring.buffer, 0, size, PING_PONG)
        first[test.inputs[tests + number].buffer] = into
        second[plan.inputs[consts + number].buffer] = into
        second[target.buffer] = Wire(ring.buffer, size, -size, PING_PONG)
        before.append(Move(Wire(ring.buffer, 0), _whole(operands[tests + consts + number]), size))
        if number in wanted:
            after.append(Move(_whole(planner.places[wanted[number]]), into, size))
    wires, flag = [first, second], _whole(flag_place)
    return Turn(
        "loop", record, [test, plan], operands, wires, limit=attrs["limit"], flag=flag, before=before, after=after
    )


def _switch(planner: Planner, record: Record, wanted: dict[int, Record]) -> Turn | None:
    chosen = sorted(wanted)
    plans = []
    for body in record.attrs["bodies"]:
        plan = plan_body(body, [body.outputs[i] for i in chosen], planner.subplan)
        if plan is None:
            return None
        plans.append(plan)
    operands = [planner.dense_place(a) for a in record.args]
    places = [planner.places[wanted[i]] for i in chosen]
    wires = []
    for plan in plans:
        found = {p.buffer: _whole(o) for p, o in zip(plan.inputs, operands[1:], strict=True)}
        wires.append(found | {p.buffer: _whole(o) for p, o in zip(plan.outputs, places, strict=True)})
    return Turn("switch", record, plans, operands, wires, index=_whole(operands[0]))


def native(step: Any) -> bool:
    """Whether a step is a row of the native table."""
    return isinstance(step, Step | Turn | Outside)


def outward(step: Any) -> bool:
    """Whether a step calls out into Python, itself or in a subprogram."""
    return isinstance(step, Outside) or (
        isinstance(step, Turn) and any(outward(s) for p in step.parts for s in p.steps)
    )
