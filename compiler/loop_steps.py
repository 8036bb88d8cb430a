"""Rows of the plan for ops that bring the loops of their kernel as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from compiler.buffers import Place, base_of, new_place
from compiler.cutting import shared_loop
from compiler.kernel import Kernel, Param
from compiler.step import Bind, Callback, Step
from engine.lowering import Loop
from engine.record import Record

if TYPE_CHECKING:
    from compiler.plan import Planner


def loop_steps(planner: Planner, record: Record, lower: Loop, results: list[Place | None]) -> list[Step | Callback]:
    """The rows that compute an op; a call back into Python where there is no text for these operands."""
    call = ([a.spec for a in record.args], record.spec, record.attrs)
    written = lower.text(*call)
    if written is None:
        return [Callback(record, [planner.locate(a) for a in record.args], results)]
    text, sizes = written
    specs = record.spec if record.op.many else [record.spec]
    places = [p or new_place("temp", s.dtype, s.shape) for p, s in zip(results, specs, strict=True)]
    places += [new_place("temp", s.dtype, s.shape) for s in (lower.scratch(*call) if lower.scratch else ())]
    names = re.match(r"def kernel\(([^)]*)\)", text).group(1).replace(" ", "").split(",")  # type: ignore[union-attr]
    if lower.reuses is not None:
        places[0] = _continued(planner, record, lower.reuses, places[0])
    arrays = [planner.dense_place(a) for i, a in enumerate(record.args) if i != lower.reuses]
    params, binds = [], []
    shared = len(arrays) + len(specs)  # behind these is scratch, which nothing else names
    for number, (name, p) in enumerate(zip(names, [*arrays, *places], strict=False)):
        params.append(Param(name, "ptr", p.buffer.dtype.name, alias=number < shared))
        binds.append(Bind("ptr", p.buffer, p.layout.offset))
    if lower.products:
        params.append(Param(names[len(params)], "int"))
        binds.append(Bind("blas", None, (places[0].buffer.dtype.name, 0)))
    for name, size in zip(names[len(params) :], sizes, strict=True):
        params.append(Param(name, "int"))
        binds.append(Bind("int", None, size))
    reads, writes = {p.buffer for p in arrays}, {p.buffer for p in places}
    pieces = shared_loop(lower.shares(*call), params) if lower.shares else None
    stored = _stored(planner, record, places)
    first = {} if lower.then is not None else stored  # what the second kernel goes on with is not yet the result
    steps: list[Step | Callback] = [Step(Kernel(text, tuple(params)), binds, [record], first, reads, writes, pieces)]
    if lower.then is not None:
        steps.append(Step(Kernel(lower.then(*call), tuple(params)), binds, [record], stored, reads | writes, writes))
    return steps


def _stored(planner: Planner, record: Record, places: list[Place]) -> dict[Record, Place]:
    """Where the results lie: those that somebody reads, where the op has several."""
    if not record.op.many:
        return {record: places[0]}
    return {result: places[number] for number, result in planner.results.get(record, {}).items()}


def _continued(planner: Planner, record: Record, number: int, place: Place) -> Place:
    """Where a loop that changes an operand finds it: in its own buffer if nobody else reads it, else in a copy."""
    a = record.args[number]
    others = {base_of(b) for i, b in enumerate(record.args) if i != number}
    own = place.buffer.kind == "temp" and record in planner.places  # not promised to the caller
    if own and base_of(a) is a and a not in others and planner.dies(a, planner.unit_of[record]):
        place = planner.places[record] = planner.places[a]
    else:
        planner.copy_into(a, place)
    return place
