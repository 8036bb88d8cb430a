"""What nodes are coloured by: seconds, bytes, flops, error against float64, divergence between the modes; each where asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine import effects
from engine.errors import ArgumentError
from engine.record import Record
from engine.work import work
from graph import reference
from graph.mismatch import gap, size
from graph.wide import Wide
from tapegraph.visual.clock import eager_seconds, static_seconds
from tapegraph.visual.scene import MEASURES, Node, Scene, Stage
from tapegraph.visual.static import Static
from tapegraph.visual.subprograms import named, steps
from tapegraph.visual.tape import Tape

Array = np.ndarray[Any, Any]
Figures = dict[str, dict[str, float]]  # by node, by measure


def checked(wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of measures; raises ArgumentError for one that is none."""
    if unknown := [name for name in wanted if name not in MEASURES]:
        raise ArgumentError(
            f"there is no measure {unknown[0]!r}", op="visualize", fix=f"use some of {', '.join(MEASURES)}"
        )
    return tuple(wanted)


@dataclass
class Call:
    """A call that is pictured, with all that can be measured of it. ``program``: compiled from the pictured plan."""

    body: Callable[[], Any]
    arrays: Sequence[Array]
    sizes: Mapping[str, int]
    tape: Tape | None = None
    static: Static | None = None
    program: Any = None


class Measured:
    """The figures of a call: of the ops of the tape, of the graphs before the plan, and of what the plan makes of them."""

    def __init__(self, call: Call, wanted: Sequence[str]) -> None:
        self.call, self.wanted = call, wanted
        self.eager: Figures = {}
        self.graphs: Figures = {}
        self.plan: Figures = {}
        self._compiled: dict[Record, Any] | None = None
        if "seconds" in wanted:
            self._seconds()
        if "bytes" in wanted or "flops" in wanted:
            self._work()
        if "error" in wanted:
            self._error()
        if "divergence" in wanted:
            self._divergence()

    def write(self, scene: Scene) -> None:
        """Give the nodes and kernels of a scene their figures."""
        for number, stage in enumerate(scene.stages):
            held = self.eager if stage.family == "eager" else self.plan if stage.name == "plan" else self.graphs
            scene.stages[number] = replace(stage, nodes=tuple(_with(n, held) for n in stage.nodes))
        for stage in scene.stages:
            if stage.name == "plan" and "seconds" in self.wanted:
                self._kernels(scene, stage)

    def _kernels(self, scene: Scene, stage: Stage) -> None:
        for key, kernel in scene.kernels.items():
            took = [n.measures["seconds"] for n in stage.nodes if n.kernel == key and "seconds" in n.measures]
            scene.kernels[key] = replace(kernel, seconds=math.fsum(took) if took else None)

    def _put(self, figures: Figures, node: str, measure: str, value: float) -> None:
        if measure in self.wanted and math.isfinite(value):
            figures.setdefault(node, {})[measure] = value

    # ------------------------------------------------------------------------------------ seconds, bytes, flops

    def _seconds(self) -> None:
        call = self.call
        if call.tape is not None:
            for node, seconds in eager_seconds(call.body, call.tape).items():
                self._put(self.eager, node, "seconds", seconds)
        if call.static is not None and call.program is not None:
            ids = call.static.ids
            for record, seconds in static_seconds(call.program, call.arrays, ids).items():
                if record in ids:
                    self._put(self.plan, ids[record], "seconds", seconds)
                    self._put(self.graphs, ids[record], "seconds", seconds)

    def _work(self) -> None:
        tape, static = self.call.tape, self.call.static
        for number, one in tape.applied.items() if tape is not None else ():
            values = one.value if isinstance(one.value, list) else [one.value]
            self._put(self.eager, number, "bytes", float(sum(v.nbytes for v in values if v is not None)))
            if one.op is not None and values and values[0] is not None:
                given = [tape.nodes[i] for i in tape.nodes[number].inputs]  # type: ignore[union-attr]
                shapes = [tuple(map(int, n.shape)) for n in given]
                done = work(one.op, shapes, [0] * len(shapes), [v.shape for v in values], 0)
                self._put(self.eager, number, "flops", float(done.flops))
        if static is None:
            return
        from compiler.timing import record_bytes, record_work  # needs the compiler

        for record, times in _runs(static, self.call.sizes):
            node = static.ids[record]
            held = float(record_bytes(record, self.call.sizes))
            inside = static.notes.get(record, {}).get("memory", "").startswith(("none", "a view"))
            done = float(record_work(record, self.call.sizes).flops * times) if record.args else 0.0
            for figures, kept in ((self.graphs, held), (self.plan, 0.0 if inside else held)):
                self._put(figures, node, "bytes", kept)
                self._put(figures, node, "flops", done)

    # ------------------------------------------------------------------------------------ error, divergence

    def _error(self) -> None:
        """How far values are from those of the same graph evaluated in float64, in ulp of the largest element."""
        call, static = self.call, self.call.static
        if static is None:
            return
        feeds = dict(zip([r.attrs["name"] for r in static.traced.inputs], call.arrays, strict=True))
        run = reference.run(static.traced, feeds, keep=True)
        wide = Wide(dict(reference.leaves(static.traced, feeds)), call.sizes)
        applied = call.tape.applied if call.tape is not None else {}
        for record, value in run.values.items():
            if not record.args or record.op.many or record.dtype.kind != "f":
                continue
            exact = wide.value(record)
            self._put(self.graphs, static.ids[record], "error", _ulps(value, exact))
            twin = applied.get(static.twins.get(static.ids[record], ""))
            if twin is not None and _alike(twin.value, value):
                self._put(self.eager, static.twins[static.ids[record]], "error", _ulps(twin.value, exact))
        wide = Wide(dict(reference.leaves(static.graph, feeds)), call.sizes)
        for record, value in self._values().items():
            if record in static.ids and record.args and not record.op.many and record.dtype.kind == "f":
                self._put(self.plan, static.ids[record], "error", _ulps(value, wide.value(record)))

    def _divergence(self) -> None:
        """How far the compiled call is from the eager one, relative to the largest element."""
        tape, static = self.call.tape, self.call.static
        if tape is None or static is None:
            return
        twins = dict(static.twins)
        last = {twin: node for node, twin in twins.items()}  # of an op's parts the one that gives its result
        roles = {role: n.id for n in tape.nodes.values() for role in n.result.split(", ") if role}
        for node, told in static.roles().items():
            for role in told.split(", "):
                if role in roles:
                    twins[node], last[roles[role]] = roles[role], node
        for record, value in self._values().items():
            node = static.ids.get(record, "")
            there = tape.applied.get(twins.get(node, ""))
            if there is None or record.op.many or last[twins[node]] != node or not _alike(there.value, value):
                continue
            scale = size(there.value)
            far = float(gap(value, there.value).max(initial=0.0)) / (scale or 1.0)
            self._put(self.eager, twins[node], "divergence", far)
            self._put(self.graphs, node, "divergence", far)
            self._put(self.plan, node, "divergence", far)

    def _values(self) -> Mapping[Record, Any]:
        """What each node of the optimised graph is in a compiled call: as it lies in memory, else made from such values."""
        if self._compiled is None:
            self._compiled = {}
            if self.call.program is not None:
                from compiler.walk import Walk, untouched  # needs the compiler

                program = self.call.program
                with untouched(program), effects.left_out():
                    walk = Walk(program, self.call.arrays)
                    for _ in walk.waves():
                        pass
                    for record in program.plan.graph.nodes:
                        self._compiled[record] = walk.value(record)
        return self._compiled


def _with(node: Node, figures: Figures) -> Node:
    found = figures.get(node.id)
    return node if found is None else replace(node, measures={**node.measures, **found})


def _runs(static: Static, sizes: Mapping[str, int]) -> Iterator[tuple[Record, int]]:
    """Every record that has a node, and how often a call computes it."""
    times = dict.fromkeys(static.ids, 1)
    for record in static.ids:
        for _, body in named(record):
            for inner in body.nodes:
                if inner in times:
                    times[inner] = times[record] * steps(record, sizes)
    yield from times.items()


def _alike(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape and a.dtype == b.dtype


def _ulps(value: Array, exact: Array) -> float:
    """The largest difference from exact values, in units of the last place of the largest of them; NaN in double precision."""
    if value.dtype.itemsize >= 8 or not value.size:
        return math.nan
    unit = float(np.spacing(np.asarray(size(exact) or 1.0, value.dtype)))
    return float(gap(value, exact).max(initial=0.0)) / unit
