"""The first call of a compiled version checks itself: its results are compared with what the program means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import effects, level, notices
from engine.compute import described
from engine.control.body import bodies_of
from engine.errors import NonFiniteError, TapegraphError
from engine.landing import landed
from engine.record import Record
from engine.sizes import evaluate, evaluated
from graph import reference
from graph.graph import Graph
from graph.mismatch import Difference, apart, gap
from graph.wide import Wide

if TYPE_CHECKING:
    from compiler.runtime import Program

Array = np.ndarray[Any, Any]

SHARE = 0.2  # of the time that compiling took, which the check may take
NODE, SLOWER = 5e-6, 3.0  # seconds that NumPy takes for an op whatever its size, and times what native code takes
SUSPECT = {4: 1e-4, 8: 1e-10}  # relative to the largest element of a result: further apart, the call is looked into

ROUNDED = "the first call differs from NumPy's kernels, by rounding that this program enlarges"
MUCH = 16  # times what NumPy's own kernels are off in float32, which is rounding still


class SelfCheck:
    """A check that is made once. ``outcome`` says what came of it, for ``explain()``."""

    def __init__(self, fidelity: str, phases: bool, compiling: float) -> None:
        self.fidelity, self.phases = fidelity, phases
        self.allowed = SHARE * compiling
        self.outcome = "at the first call"

    def run(self, program: Program, arrays: Sequence[Array], watch: str) -> list[Array]:
        """The call's results, compared with the traced graph run by its NumPy kernels where that costs little.

        Where they differ by more than rounding, and a rule, a kernel or the plan is found to blame, there is a
        MismatchWarning at the user's line; at level "checked" it is raised, and then no state has changed.
        """
        if program.literal:
            self.outcome = "none is needed: these are NumPy's own kernels"
            return program.run(arrays, watch)
        needed = expected(program, arrays)
        if needed > self.allowed:
            self.outcome = f"left out: it would take some {1e3 * needed:.3g} ms, compiling took {1e3 * self.allowed / SHARE:.3g} ms"
            return program.run(arrays, watch)
        try:
            feeds = dict(zip(program.names, arrays, strict=True))
            meant = reference.run(program.traced, feeds)
        except TapegraphError:
            return program.run(arrays, watch)  # which raises the same
        before = [(s, s._value, s._grad) for s in program.plan.states]
        try:
            results = program.run(arrays, watch)
        except NonFiniteError:
            self._looked_into(program, arrays)  # it may be native code alone that makes them
            raise
        pairs = [*zip(results, meant.outputs, strict=True)]
        pairs += [(s._value, value) for s, value in meant.updates.items()]
        pairs += [(s._grad._value, value) for s, value in meant.grads.items() if value is not None]
        suspects = [n for n, pair in enumerate(pairs) if _suspect(*pair)]
        if not suspects:
            self.outcome = "the first call agrees with NumPy's kernels"
            return results
        after = [(s, s._value, s._grad) for s in program.plan.states]
        _hold(before)
        if _enlarged(program.traced, feeds, suspects, pairs):
            self.outcome = ROUNDED
            _hold(after)
            return results
        self._looked_into(program, arrays)  # where it raises, states are as they were
        _hold(after)
        return results

    def _looked_into(self, program: Program, arrays: Sequence[Array]) -> None:
        difference = examined(program, arrays, self.fidelity, self.phases)
        if difference is None:
            self.outcome = ROUNDED
            return
        self.outcome = difference.sentence()
        notice = mismatch(difference)
        if level.current() == "checked":
            raise landed(notice, outer=program.traced.outer) from None
        notices.warn(notice)


def examined(program: Program, arrays: Sequence[Array], fidelity: str, phases: bool) -> Difference | None:
    """What makes a call compute something else than its traced graph means: a rewrite, a kernel or the plan; or None.

    Each is judged on the operands it was given, so that rounding which a program enlarges is no difference.
    """
    # The rulebook and the compiler, only where something was compiled.
    from compiler.judge import wrong_step
    from graph.phases import PHASES
    from graph.suspects import wrong_rewrite

    if program.literal:
        return None
    graph = program.traced
    leaves = dict(reference.leaves(graph, dict(zip(program.names, arrays, strict=True))))
    sizes = reference.solve_sizes(graph, {r.attrs["name"]: leaves[r].shape for r in graph.inputs})
    prepare = (fidelity, PHASES) if phases else None
    with effects.left_out():
        found = wrong_rewrite(graph, leaves, sizes, *prepare) if prepare else None
        return found or wrong_step(program, arrays, prepare)


def mismatch(difference: Difference) -> notices.MismatchWarning:
    """The notice of a difference, addressed to the user's line."""
    record = difference.record
    told = len(difference.operands) == len(record.args) and not record.op.many
    given = described(record.args, difference.operands) if told else [] if record.op.many else record.args
    return notices.MismatchWarning(
        difference.sentence(),
        op=record.op.name,
        operands=given,
        fix="this is a mistake of tapegraph's, or of a rule or an op of yours; tg.debug.bisect shows all of it, and eager mode has it right",
        origin=record.origin,
    )


def expected(program: Program, arrays: Sequence[Array]) -> float:
    """The seconds that running the traced graph by its NumPy kernels takes, roughly."""
    from compiler.waves import work_of

    sizes, _ = program.shapes.solve([a.shape for a in arrays])
    work = sum(evaluate(work_of(step), sizes) for step in program.plan.steps)
    return SLOWER * 1e-12 * work + NODE * _count(program.traced.nodes, sizes)


def _count(nodes: Sequence[Record], sizes: dict[str, int]) -> int:
    """How many ops a run computes, those of loops at each step."""
    total = 0
    for record in nodes:
        bodies = bodies_of(record)
        times = int(evaluated(record.attrs.get("length", 1), sizes)) if bodies else 1
        total += 1 + times * sum(_count(b.nodes, sizes) for b in bodies)
    return total


def _suspect(found: Array, meant: Array) -> bool:
    return apart(found, meant, SUSPECT.get(meant.dtype.itemsize, 1e-2) if meant.dtype.kind == "f" else 0.0)


def _hold(states: Sequence[tuple[Any, Array, Any]]) -> None:
    for state, value, grad in states:
        if state._value is not value:
            state.hold(value)
        state._grad = grad


def _enlarged(graph: Graph, feeds: dict[str, Array], suspects: Sequence[int], pairs: Sequence[Any]) -> bool:
    """Whether results differ no more than NumPy's kernels in float32 differ from themselves in float64."""
    leaves = dict(reference.leaves(graph, feeds))
    sizes = reference.solve_sizes(graph, {r.attrs["name"]: leaves[r].shape for r in graph.inputs})
    exact = Wide(leaves, sizes)
    with effects.left_out():
        for number in suspects:
            found, meant = pairs[number]
            true = exact.value(graph.results[number])
            noise = float(gap(meant, true).max(initial=0.0))
            if not float(gap(found, true).max(initial=0.0)) <= MUCH * noise < float("inf"):
                return False
    return True
