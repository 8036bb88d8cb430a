"""The plan: what to run in which order, and which buffer each value lives in. Data, not code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from compiler.buffers import Buffer, Place, base_of, dense, new_place, view_of, views_of
from compiler.control import Turn, native, plan_control
from compiler.cutting import combined
from compiler.emit import Emitter, folded
from compiler.fuse import INLINE, Unit, fuse
from compiler.kernel import Kernel
from compiler.loop_steps import loop_steps
from compiler.outward import Outside
from compiler.products import Matrix, as_matrix, product_step
from compiler.schedule import Schedule, in_order, readers_of, users_of
from compiler.stages import Stages
from compiler.step import Callback, Step
from compiler.updates import written_over
from compiler.waves import in_waves
from engine.lowering import Assemble, Control, Loop, Outward, Product, View, contiguous
from engine.ops.dtype import identity
from engine.ops.results import result as RESULT
from engine.ops.shape import broadcast_op
from engine.record import Record
from engine.sizes import product, same
from engine.state import State
from graph.graph import Graph


@dataclass
class Plan:
    """Steps in order, the places of leaves and results, and how each state is written back.

    ``times``: for each step the first of its wave, that is of those that may run at the same time. ``places``: where
    each value lies that is ever in memory, and ``copies``: where else, in order and without gaps.
    """

    graph: Graph
    steps: list[Step | Turn | Outside | Callback]
    times: list[int]
    inputs: list[Place]
    captured: list[tuple[Place, np.ndarray]]
    states: dict[State, Place]
    grads: dict[State, Place]
    outputs: list[Place]
    kept: dict[State, Place | None]
    updated: set[State]
    units: list[Unit]
    places: dict[Record, Place]
    copies: dict[Record, Place]
    traced: Graph | None = None  # of a subprogram: its graph as it was before anything was done to it

    @property
    def kernels(self) -> list[Kernel]:
        """The kernels of all steps, those of subprograms included; without those that only steps in pieces need."""
        steps = [s for s in self.steps if native(s) and not (isinstance(s, Step) and s.joins)]
        own = [[s.kernel] if isinstance(s, Step) else s.kernels for s in steps]
        return [k for kernels in own for k in kernels]


class Planner:
    """Turns a graph into a plan."""

    def __init__(self, graph: Graph, prepare: Callable[[Graph], Graph]) -> None:
        self.graph = graph
        self.prepare = prepare
        self.units = fuse(graph)
        self.unit_of = {r: u for u in self.units for r in u.members}
        self.places: dict[Record, Place] = {}
        self.stored: dict[Unit, dict[Record, Place]] = {u: {} for u in self.units}
        self.steps: list[Step | Turn | Outside | Callback] = []
        self.copies: dict[Record, Place] = {}
        self.results: dict[Record, dict[int, Record]] = {}  # of an op with several: their records by number
        for record in graph.nodes:
            if record.op is RESULT:
                self.results.setdefault(record.args[0], {})[record.attrs["index"]] = record

    def run(self) -> Plan:
        graph = self.graph
        inputs = [self._leaf(r, "input", i) for i, r in enumerate(graph.inputs)]
        states = {s: self._leaf(r, "state", s) for s, r in graph.states.items()}
        grads = {s: self._leaf(r, "grad", s) for s, r in graph.grads.items()}
        captured = [(self._leaf(r, "captured", i), a) for i, (r, a) in enumerate(graph.captured.items())]
        self.users = users_of(self.units)
        self.last_units = self._commit_units()
        outputs = [self._claim(r, new_place("output", r.dtype, r.shape, i)) for i, r in enumerate(graph.outputs)]
        kept = {
            s: None if r is None else self._claim(r, new_place("kept", r.dtype, r.shape, s))
            for s, r in graph.grad_updates.items()
        }
        for record in self._demanded():
            self._demand(record)
        order = in_order(self.units, self.unit_of)
        late = [u for u in order if u in self.last_units]
        early = [u for u in order if u not in self.last_units]
        self.schedule = Schedule(graph, [*early, *late])
        for unit in early:
            self._run_unit(unit)
        late_records = {r for u in late for r in u.members}
        finals = [*zip(graph.outputs, outputs), *((r, kept[s]) for s, r in graph.grad_updates.items() if r)]
        staged = self._staged()
        for record, place in finals:
            if base_of(record) not in late_records:
                self._deliver(record, place)
        for unit in late:
            self._run_unit(unit)
        for record, place in finals:
            if base_of(record) in late_records:
                self._deliver(record, place)
        for state, record in graph.updates.items():
            self._deliver(staged.get(record, record), states[state])
        updated = set(graph.updates)
        steps, times = in_waves(self.steps)
        return Plan(
            graph, steps, times, inputs, captured, states, grads, outputs, kept, updated, self.units,
            self.places, self.copies,
        )  # fmt: skip

    def _leaf(self, record: Record, kind: str, key: object) -> Place:
        place = self.places[record] = new_place(kind, record.dtype, record.shape, key)
        return place

    # ------------------------------------------------------------------------------------ which values exist in memory

    def _commit_units(self) -> set[Unit]:
        """Groups that only produce new values of states: they run last and may write in place."""
        updates = {r for s, r in self.graph.updates.items() if r in self.unit_of}
        found = {self.unit_of[r] for r in updates if self.unit_of[r].fused}
        return {u for u in found if not any(self.users.get(r) for r in u.members)}

    def _claim(self, record: Record, place: Place) -> Place:
        """Let the unit that computes a result write it where the caller will read it, where that is possible."""
        base = base_of(record)
        unit = self.unit_of.get(base)
        if unit is None or base in self.places:
            return place
        # A result that is a dense view of a computed value: the value itself is written to the result's buffer.
        own = Place(place.buffer, contiguous(base.shape), base.shape)
        view: Place | None = own
        for step in reversed(views_of(record)):
            view = view_of(view, step) if view is not None else None
        # Of as many elements: a slice from the start is dense too, but the buffer has no room for the rest.
        if view is not None and view.whole and same(product(base.shape), place.buffer.size):
            self.places[base] = own
            if unit.fused:
                self.stored[unit][base] = own
        elif record in unit.members:  # laid out another way, in the loop nest that computes the value
            self.places[record] = self.stored[unit][record] = place
        return place

    def _demanded(self) -> Iterable[Record]:
        """Records that must be readable from memory: results, and what units read from outside themselves."""
        for unit in self.units:
            for record in unit.members:
                for a in record.args:
                    if a not in unit.members and not (a.op.name in INLINE and unit.fused):
                        yield a
        written = Counter(self.graph.updates.values())
        for state, record in self.graph.updates.items():
            unit = self.unit_of.get(record)
            if unit not in self.last_units or unit is None or record in self.places or written[record] > 1:
                continue
            leaf = self.graph.states.get(state)
            if leaf is None or (readers_of(leaf, self.users) - {unit}) & self.last_units:
                continue
            if written_over(unit, record, leaf, self.places):
                self.places[record] = self.stored[unit][record] = self.places[leaf]
        yield from self.graph.results
        for unit in self.units:
            yield from unit.sums

    def _demand(self, record: Record) -> None:
        if record in self.places or record.op.name in INLINE or record.op.many:
            return
        unit = self.unit_of[record]
        if isinstance(record.op.lower, View):
            self._demand(record.args[0])
            return
        place = self.places[record] = new_place("temp", record.dtype, record.shape)
        if unit.fused:
            self.stored[unit][record] = place

    # ------------------------------------------------------------------------------------ order

    def _dying(self, unit: Unit) -> set[Buffer]:
        """Temporary buffers that this unit is the last to read."""
        found = set()
        for record in unit.members:
            for a in record.args:
                base = base_of(a)
                if base not in unit.members and self.dies(base, unit):
                    found.add(self.places[base].buffer)
        return found

    def dies(self, base: Record, unit: Unit) -> bool:
        """Whether a value has a temporary buffer to itself that this unit is the last to read."""
        place = self.places.get(base)
        held = place is not None and place.buffer.kind == "temp" and place.whole
        return held and self.schedule.ends(base, unit)

    def _move(self, record: Record, place: Place) -> None:
        """A result was put in the buffer of a value that nobody reads any more."""
        self.places[record] = place
        if record in self.stored[self.unit_of[record]]:
            self.stored[self.unit_of[record]][record] = place

    def _staged(self) -> dict[Record, Record]:
        """Stand-ins for new state values that are (views of) other states' old ones: copies made before any state changes."""
        staged = {}
        changing = {self.graph.states[s] for s in self.graph.updates if s in self.graph.states}
        for record in self.graph.updates.values():
            if base_of(record) in changing and record.op.name not in INLINE:
                staged[record] = copy_of(record)
                self.places[staged[record]] = self._copied(record)
        return staged

    # ------------------------------------------------------------------------------------ places

    def locate(self, record: Record) -> Place:
        """The place of a value; a constant, or a view no layout can express, is copied out first."""
        place = self.places.get(record)
        if place is not None:
            return place
        if not isinstance(record.op.lower, View):
            return self._copied(record)
        view = view_of(self.locate(record.args[0]), record)
        if view is None:
            view = view_of(self._copied(record.args[0]), record)
            assert view is not None
        self.places[record] = view
        return view

    def _copied(self, record: Record) -> Place:
        """A dense copy of a value in a buffer of its own; the copying step is emitted at once."""
        place = self.copies.get(record)
        if place is None:
            place = self.copies[record] = new_place("temp", record.dtype, record.shape)
            self.copy_into(record, place)
        return place

    def copy_into(self, record: Record, place: Place) -> None:
        """Emit the step that copies a value to a place."""
        copy = copy_of(record)
        unit = Unit({copy: tuple(range(len(copy.shape)))}, list(copy.shape), fused=True)
        self._emit(unit, {copy: place})

    def _emit(self, unit: Unit, outputs: dict[Record, Place], dying: Collection[Buffer] = ()) -> dict[Record, Place]:
        """The row of a group, and those that put its sums together; which outputs went to another place."""
        emitter = Emitter(unit, outputs, self.locate, dying)
        step = emitter.emit()
        self.steps += [step, *combined(step, emitter.outputs, folded)]
        return emitter.moved

    def _deliver(self, record: Record, place: Place) -> None:
        """Make ``place`` hold a result, unless its unit wrote it there."""
        held = self.locate(record) if record.op.name not in INLINE else None
        if held is None or held.buffer is not place.buffer or not held.whole:
            self.copy_into(record, place)

    def dense_place(self, record: Record) -> Place:
        """The place of a value, copied out first where it does not lie there in order and without gaps."""
        place = self.locate(record)
        return place if dense(place.layout, place.shape) else self._copied(record)

    # ------------------------------------------------------------------------------------ steps

    def _run_unit(self, unit: Unit) -> None:
        if unit.fused:
            stored = self.stored[unit]
            if not stored:
                return
            self._spill(unit, stored)
            moved = self._emit(unit, stored, self._dying(unit))
            for record, place in moved.items():
                self._move(record, place)
            return
        (record,) = unit.members
        if record.op.many:
            self._several(record)
            return
        place = self.places.get(record)
        if isinstance(record.op.lower, View) or place is None or record.op is RESULT:
            return
        match record.op.lower:
            case Assemble(parts=parts):
                for number, layout in parts([a.spec for a in record.args], record.spec, record.attrs):
                    part = record.args[number]
                    self.copy_into(part, Place(place.buffer, layout, part.shape))
            case Loop():
                self.steps += loop_steps(self, record, record.op.lower, [place])
            case Product():
                a, b = (self._matrix(operand, record) for operand in record.args)
                self.steps.append(product_step(record, a, b, place))
            case Outward():
                self.steps.append(Outside(record, [self.dense_place(a) for a in record.args], [place]))
            case _:
                operands = [self.locate(a) for a in record.args]
                self.steps.append(Callback(record, operands, [place]))

    def _spill(self, unit: Unit, stored: dict[Record, Place]) -> None:
        """Give members that are worth keeping from one pass to the next a place: that of a later result, or a new one."""
        stages, hosts = Stages(unit), dict(stored)
        for record, until in stages.spilled(stored).items():
            host = stages.host(record, until, hosts)
            place = hosts.pop(host) if host is not None else new_place("temp", record.dtype, record.shape)
            stored[record] = self.places[record] = place

    def subplan(self, graph: Graph) -> Plan:
        """The plan of a subprogram."""
        plan = make_plan(self.prepare(graph), self.prepare)
        plan.traced = graph
        return plan

    def _several(self, record: Record) -> None:
        """An op with several results, each of which has a place where anybody needs it."""
        if isinstance(record.op.lower, Control):
            self.steps.append(plan_control(self, record))
            return
        places = self.result_places(record)
        if isinstance(record.op.lower, Loop):
            self.steps += loop_steps(self, record, record.op.lower, places)
            return
        self.steps.append(Callback(record, [self.locate(a) for a in record.args], places))

    def result_places(self, record: Record) -> list[Place | None]:
        """Where each result of an op with several goes; None for one that nobody needs."""
        wanted = self.results.get(record, {})
        return [self.places.get(wanted[i]) if i in wanted else None for i in range(len(record.shape))]

    def _matrix(self, record: Record, result: Record) -> Matrix:
        """A value as an operand of a matrix product, copied where its layout does not suit the BLAS."""
        found = as_matrix(self.locate(record), result.shape)
        if found is None:
            found = as_matrix(self._copied(record), result.shape)
        if found is None:  # batch axes that broadcast in an irregular pattern
            shape = (*result.shape[:-2], *record.shape[-2:])
            wide = Record(broadcast_op, (record,), {"shape": shape}, shape, record.dtype, record.origin)
            found = as_matrix(self._copied(wide), result.shape)
            assert found is not None
        return found


def copy_of(record: Record) -> Record:
    """A record that is equal to another."""
    return Record(identity, (record,), {}, record.shape, record.dtype, record.origin, False)


def make_plan(graph: Graph, prepare: Callable[[Graph], Graph] = lambda graph: graph) -> Plan:
    """The plan of a graph; ``prepare`` is what is done to the graph of a subprogram first."""
    return Planner(graph, prepare).run()
