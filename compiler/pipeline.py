"""From a graph to a program: optimise, plan, load or compile kernels; timed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.literal import Literal, plan_of
from compiler.plan import Plan, make_plan
from compiler.recompute import Fit, fit
from compiler.runtime import Program
from graph.graph import Graph
from graph.phases import optimize


@dataclass
class Planned:
    """A graph optimised and planned; ``program()`` is what compiles. ``times``: the seconds each part took."""

    graph: Graph
    plan: Plan
    fitted: Fit | None
    times: dict[str, float]
    literal: bool = False

    def program(self) -> Program:
        """The program, its kernels loaded, or compiled where they must be."""
        started = time.perf_counter()
        program = Literal(self.graph) if self.literal else Program(self.plan, self.graph, self.fitted)
        self.times["compile"] = time.perf_counter() - started
        return program


def plan_graph(
    graph: Graph,
    *,
    fidelity: str = "rounding",
    phases: bool = True,
    budget: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Planned:
    """The plan of a graph. ``budget``: bytes that the temporaries should not exceed at these ``sizes``.

    At "bitwise" nothing is rewritten: a rule that keeps every bit of a value may still change how it lies in memory, and
    with that the order in which NumPy adds it up.
    """
    if fidelity == "bitwise":
        started = time.perf_counter()
        return Planned(graph, plan_of(graph), None, {"plan": time.perf_counter() - started}, literal=True)
    times: dict[str, float] = {}
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
    return Planned(graph, plan, fitted, times)


def compile_graph(graph: Graph, **options: Any) -> tuple[Program, dict[str, float]]:
    """The program of a graph, and the seconds each part took; options as of ``plan_graph``."""
    planned = plan_graph(graph, **options)
    return planned.program(), planned.times
