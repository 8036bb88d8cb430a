"""A version in the making: traced and planned when it is begun, compiled when it is asked for."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import dispatch, level, origin
from engine.collector import collecting_rarely
from graph.reference import solve_sizes
from tapegraph.calls import Calls
from tapegraph.outside.ledger import Ledger
from tapegraph.outside.look import Look
from tapegraph.selfcheck import SelfCheck
from tapegraph.tracing import trace_call
from tapegraph.version import Version

if TYPE_CHECKING:
    from compiler.plan import Plan
    from tapegraph.function import Function


class Making:
    """A call of a function, traced and planned. ``version()`` compiles; ``cause`` says why it is made."""

    @collecting_rarely()
    def __init__(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        arrays: list[np.ndarray[Any, Any]],
        cause: str,
    ) -> None:
        from compiler.pipeline import plan_graph  # numba comes in only where something must be compiled

        self.started = started = time.perf_counter()
        self.name, self.cause = function.__name__, cause
        ledger = None if level.current() == "off" else Ledger(function.body, args, kwargs)
        self.fidelity, self.phases = function.fidelity, function.phases
        self.traced = traced = trace_call(function.body, args, kwargs, function.pinned, function.literal)
        if ledger is not None:
            ledger.close(traced.trace)
        self.seconds = {"trace": time.perf_counter() - started}
        self.look = None if ledger is None else Look(self.name, ledger)
        names = [r.attrs["name"] for r in traced.graph.inputs]
        self._planned = plan_graph(
            traced.graph,
            fidelity=function.fidelity,
            phases=function.phases,
            budget=function.memory_budget,
            sizes=solve_sizes(traced.graph, {n: a.shape for n, a in zip(names, arrays, strict=True)}),
        )

    @property
    def plan(self) -> Plan:
        """What is to be compiled."""
        return self._planned.plan

    @collecting_rarely()
    def version(self) -> Version:
        """The compiled version."""
        traced, program = self.traced, self._planned.program()
        if (fitted := program.fitted) and fitted.after > fitted.budget:
            text = (
                f"{self.name}: memory_budget is {fitted.budget} bytes, but at least {fitted.after} are alive at once "
                f"({fitted.before} without computing anything twice)"
            )
            frames = origin.user_frames(origin.capture())
            called = origin.resolve(frames[0]) if frames else None
            warnings.warn_explicit(
                text, UserWarning, called.file if called else "<unknown>", called.line if called else 0
            )
        for state, pending in program.pending:
            if pending is not None and (note := traced.trace.notes.get(state)):
                pending.note = note[1]
        seconds = self.seconds | self._planned.times
        if (watched := getattr(dispatch.current(), "made", None)) is not None:
            watched(self.name, self.started, seconds)
        check = SelfCheck(self.fidelity, self.phases, sum(seconds.values()))
        return Version(
            Calls(program, traced.outputs, list(traced.trace.had_grad.items()), check),
            traced.shapes,
            traced.learned,
            traced.rebound,
            traced.required,
            self.cause,
            seconds,
            later=traced.trace.later,
            watched=[*traced.trace.watched, *((s, "trainable", s.trainable) for s in traced.graph.states)],
            look=self.look,
        )
