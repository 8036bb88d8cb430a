"""From a graph to a program: optimise, plan, load or compile kernels; timed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from compiler.plan import make_plan
from compiler.recompute import fit
from compiler.runtime import Program
from graph.graph import Graph
from graph.phases import optimize


def compile_graph(
    graph: Graph,
    *,
    fidelity: str = "rounding",
    phases: bool = True,
    budget: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> tuple[Program, dict[str, float]]:
    """The program of a graph, and the seconds each part took.

    ``budget``: bytes that the temporaries should not exceed at these ``sizes``.
    """
    times: dict[str, Any] = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        times[name] = now - clock
        clock = now

    def prepare(graph: Graph) -> Graph:
        return optimize(graph, fidelity=fidelity)[0] if phases else graph

    optimised = prepare(graph)
    lap("optimise")
    fitted = None
    if budget is not None:
        optimised, fitted = fit(optimised, prepare, budget, sizes or {})
        lap("recompute")
    plan = make_plan(optimised, prepare)
    lap("plan")
    program = Program(plan, graph, fitted)
    lap("compile")
    return program, times
