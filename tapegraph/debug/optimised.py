"""The optimised graph of a traced one, with what each node comes from: a rewrite rule, a step of the plan."""

from __future__ import annotations

from compiler.control import Turn
from compiler.plan import make_plan
from compiler.step import Step
from engine.record import Record
from graph.graph import Graph
from graph.phases import optimize
from tapegraph.function import Function


def optimised(traced: Graph, function: Function) -> tuple[Graph, dict[Record, str]]:
    """The graph that would be compiled, and for its nodes the rule that built it and the step that computes it."""
    if not function.phases:
        return traced, _steps(traced, function)
    graph, report = optimize(traced, fidelity=function.fidelity)
    steps = _steps(graph, function)
    rules = {f.right: f.rule for f in report.firings}
    found = {}
    for record in graph.nodes:
        parts = [f"rule {rules[record]}"] if record in rules else []
        parts += [steps[record]] if record in steps else []
        if parts:
            found[record] = ", ".join(parts)
    return graph, found


def _steps(graph: Graph, function: Function) -> dict[Record, str]:
    prepare = (lambda g: optimize(g, fidelity=function.fidelity)[0]) if function.phases else (lambda g: g)
    found: dict[Record, str] = {}
    for number, step in enumerate(make_plan(graph, prepare).steps):
        records = [r for r in step.records if r.op.name != "leaf"]
        if isinstance(step, Turn):
            how = "a loop of native code"
        elif not isinstance(step, Step):
            how = "a call of its NumPy kernel"
        elif len(records) > 1:
            how = f"a kernel of {len(records)} ops fused"
        else:
            how = "a kernel of its own"
        for record in records:
            found.setdefault(record, f"step {number}, {how}")
    return found
