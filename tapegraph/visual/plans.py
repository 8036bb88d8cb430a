"""The last stage of a static graph: what was fused into which kernel, with its loop, and where values lie in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compiler.buffers import Buffer
from compiler.control import Turn
from compiler.outward import Outside
from compiler.plan import Plan, make_plan
from compiler.step import Step
from engine.control.body import Body, bodies_of
from engine.lowering import View
from engine.record import Record
from graph.graph import Graph
from tapegraph.visual.following import Passage, followed
from tapegraph.visual.scene import Kernel, Stage
from tapegraph.visual.static import Static
from tapegraph.visual.subprograms import named, steps

NAMED = 5  # ops in the name of a kernel


@dataclass
class Planned:
    """A plan read: its kernels by number of the step, which of them computes each record, and what memory it lies in."""

    plan: Plan
    sizes: Mapping[str, int]
    rewritten: Mapping[int, Sequence[Passage]]  # by identity of the graph they led to
    kernels: dict[str, Kernel] = field(default_factory=dict)
    of: dict[Record, str] = field(default_factory=dict)
    memory: dict[Record, str] = field(default_factory=dict)
    bodies: dict[Body, Plan] = field(default_factory=dict)
    _buffers: dict[Buffer, list[Record]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._read(self.plan, "", 1)

    def _read(self, plan: Plan, prefix: str, times: int) -> None:
        nodes = set(plan.graph.nodes)
        copies: dict[Buffer, str] = {}  # the last step that copies something there
        for number, step in enumerate(plan.steps):
            key = f"step {prefix}{number}"
            if isinstance(step, Turn):
                self._turn(step, f"{prefix}{number}", times)
                continue
            if isinstance(step, Step) and step.joins:  # it runs only where the step before ran in pieces
                continue
            records = [r for r in step.records if r in nodes]
            if not records:
                copies |= dict.fromkeys(step.writes, key)
            if isinstance(step, Step):
                text = step.kernel.text
            elif isinstance(step, Outside):
                text = "# an effect, done in Python"
            else:
                text = f"# the NumPy kernel of {step.record.op.name}, called back in Python"
            self.kernels[key] = Kernel(_name(step.records), text, calls=times)
            stored = step.stored if isinstance(step, Step) else {}
            inside = [r for record in records for body in bodies_of(record) for r in body.nodes if r.args]
            self.of |= dict.fromkeys(inside, key)  # of a loop that is left to NumPy
            for record in records:
                self.of.setdefault(record, key)
                if record in stored:
                    self.memory[record] = self._lies(record, stored[record].buffer)
                elif isinstance(step, Step) and len(step.records) > 1:
                    self.memory.setdefault(record, "none: it lives inside the kernel")
        for record in plan.graph.nodes:
            if not record.args or record in self.of:
                continue
            if isinstance(record.op.lower, View):
                self.memory.setdefault(record, "a view of its operand: nothing is computed")
            elif record in plan.places and (copied := copies.get(plan.places[record].buffer)):
                self.of[record] = copied  # put together from parts

    def _turn(self, turn: Turn, number: str, times: int) -> None:
        by_name = dict(named(turn.record))
        bodies = [by_name["test"], by_name["body"]] if "test" in by_name else list(by_name.values())
        for part, (body, plan) in enumerate(zip(bodies, turn.parts, strict=True)):
            self.bodies[body] = plan
            self._read(
                plan, f"{number}{'abcdefghijklmnopqrstuvwxyz'[part % 26]}.", times * steps(turn.record, self.sizes)
            )

    def _lies(self, record: Record, buffer: Buffer) -> str:
        before = self._buffers.setdefault(buffer, [])
        words = {"temp": "a temporary", "output": "the result's own", "kept": "the gradient's own"}
        found = words.get(buffer.kind, f"the {buffer.kind}'s own")
        if before:
            found += f", over {before[-1].op.name} of {before[-1].spec}, which nobody reads any more"
        before.append(record)
        return found


def _name(records: list[Record]) -> str:
    names = list(dict.fromkeys(r.op.name for r in records))
    return " ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def planned(graph: Graph, fidelity: str, phases: bool, sizes: Mapping[str, int]) -> Planned:
    """The plan of an optimised graph; what the phases do to the graphs of subprograms is followed."""
    rewritten: dict[int, list[Passage]] = {}

    def prepare(graph: Graph) -> Graph:
        passages = list(followed(graph, fidelity)) if phases else []
        graph = passages[-1].after if passages else graph
        rewritten[id(graph)] = passages  # the graph lives as long as its plan
        return graph

    return Planned(make_plan(graph, prepare), sizes, rewritten)


def plan_stage(static: Static, found: Planned) -> Stage:
    """The stage that shows a plan."""
    kernels = {k.key for k in found.plan.kernels}
    inside = sum(text.startswith("none") for text in found.memory.values())
    caption = f"{len(found.plan.steps)} steps, {len(kernels)} different kernels; {inside} values never reach memory"
    static.notes = {r: {"memory": text} for r, text in found.memory.items()}
    fired = []
    for plan in found.bodies.values():  # outer loops before those in them
        assert plan.traced is not None
        fired += static.rewritten(plan.traced, found.rewritten[id(plan.graph)])
    return static.stage("plan", caption, tuple(fired), found.of, found.bodies)
