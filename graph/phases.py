"""What is done to a graph before it is compiled, as a list that can be printed, and the report of having done it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.errors import InternalError
from graph.graph import Graph
from graph.invariants import hoist_invariants
from graph.promise import FIDELITIES
from graph.residuals import keep_residuals
from graph.rewrite import Firing, Passes, Rewriting, rewrite
from graph.rulebook import Rulebook
from graph.rules import canonical, products, stability, strength
from graph.verify import verify


@dataclass(frozen=True)
class Phase:
    """A named step: a rulebook applied until none of its rules fires. What nobody needs any more is dropped."""

    name: str
    book: Rulebook
    doc: str

    def run(self, graph: Graph, fidelity: str, passes: Passes = Rewriting) -> tuple[Graph, list[Firing]]:
        """The graph after this phase and what fired; raises ValueError for an unknown fidelity."""
        if fidelity not in FIDELITIES:
            raise ValueError(f"fidelity must be one of {', '.join(FIDELITIES)}, not {fidelity!r}")
        return rewrite(graph, self.book, fidelity, passes)


@dataclass(frozen=True)
class Whole:
    """A named step that looks at a graph as a whole; what it does keeps every bit."""

    name: str
    change: Callable[[Graph], Graph]
    doc: str

    def run(self, graph: Graph, fidelity: str, passes: Passes = Rewriting) -> tuple[Graph, list[Firing]]:
        """The changed graph; no rule fires here."""
        return self.change(graph), []


PHASES: tuple[Phase | Whole, ...] = (
    Whole("invariants", hoist_invariants, "what is the same in every step of a scan is computed before it"),
    Whole("residuals", keep_residuals, "what a scan's backward pass would compute again is kept by the scan"),
    Phase("products", products, "transposes go into matrix products, before anything moves them"),
    Phase("canonical", canonical, "identities, constants, signs and views in one form, so that equal things meet"),
    Phase("stabilise", stability, "formulas that overflow or cancel, in the form that does not"),
    Phase("strength", strength, "powers, roots and divisions as something cheaper"),
    Phase("settle", canonical, "canonical again, on what the two before have built"),
)


@dataclass
class Step:
    """What one phase did: seconds, numbers of nodes before and after, firings."""

    phase: str
    seconds: float
    before: int
    after: int
    firings: list[Firing] = field(default_factory=list)


@dataclass
class Report:
    """What optimising a graph did, phase by phase; ``print`` it for a table."""

    steps: list[Step] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return sum(s.seconds for s in self.steps)

    @property
    def firings(self) -> list[Firing]:
        """Everything that fired, in order: rule, what it turned into what, and where in the user's file."""
        return [f for s in self.steps for f in s.firings]

    def counts(self) -> Counter[str]:
        """How often each rule fired."""
        return Counter(f.rule for f in self.firings)

    def __str__(self) -> str:
        lines = [f"{'phase':12} {'ms':>8} {'before':>7} {'after':>7}  rules"]
        for s in self.steps:
            rules = ", ".join(f"{n} x{c}" if c > 1 else n for n, c in Counter(f.rule for f in s.firings).most_common())
            lines.append(f"{s.phase:12} {1e3 * s.seconds:8.2f} {s.before:7} {s.after:7}  {rules}")
        return "\n".join(lines)


def optimize(
    graph: Graph, fidelity: str = "rounding", phases: Sequence[Phase | Whole] = PHASES, check: bool = False
) -> tuple[Graph, Report]:
    """An equal graph that is cheaper to run, and the report of how it came about.

    ``fidelity``: which rules may fire: "bitwise" keeps every bit, "rounding" may change last bits, "finite" assumes
    that no value on the way is NaN or infinite. ``check``: verify the graph after each phase. The given graph stays
    as it is; leaves and state keys are shared with it. Raises InternalError where a rule breaks an invariant.
    """
    report = Report()
    for phase in phases:
        start, before = time.perf_counter(), len(graph.nodes)
        graph, firings = phase.run(graph, fidelity)
        report.steps.append(Step(phase.name, time.perf_counter() - start, before, len(graph.nodes), firings))
        if check:
            try:
                verify(graph)
            except InternalError as mistake:
                mistake.problem = f"after phase {phase.name}: {mistake.problem}"
                raise
    return graph, report
