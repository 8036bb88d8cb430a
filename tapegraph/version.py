"""One compiled version of a function: what calls it serves, whether it is still valid, why it exists, what it cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import pool
from engine import level
from engine.errors import FeedError
from engine.origin import Origin
from engine.requirements import Requirement
from engine.sizes import Dim, Size
from engine.state import STAMP
from graph.graph import Graph
from tapegraph.calls import Calls

if TYPE_CHECKING:
    from compiler.runtime import Program
    from tapegraph.function import Function
    from tapegraph.outside.look import Look


@dataclass
class Version:
    """One compiled version of a function, with why it was made and what it cost (seconds)."""

    calls: Calls
    shapes: list[tuple[Size, ...]]
    learned: list[tuple[str, Origin]]  # facts about sizes, and where the program needed them
    rebound: list[tuple[int, int]]  # (argument, output): arguments the program assigned to
    required: list[Requirement]
    cause: str
    seconds: dict[str, float]
    watched: list[tuple[Any, str, Any]] = field(default_factory=list)  # (object, attribute, value when traced)
    later: list[Callable[[], bool]] = field(default_factory=list)  # asked after a call until they say True
    count: int = 0  # of calls
    look: Look | None = None  # at what the trace found outside of its graph
    due: float = 1  # the count of calls at which to look again
    stamp: Any = None  # STAMP.now when what is watched was looked at last

    @property
    def program(self) -> Program:
        """The compiled graph."""
        return self.calls.program

    @property
    def graph(self) -> Graph:
        """The graph as traced."""
        return self.program.traced

    @property
    def optimised(self) -> Graph:
        """The graph the program was made from."""
        return self.program.plan.graph

    def serves(self, arrays: list[np.ndarray[Any, Any]]) -> bool:
        """Whether the sizes of these inputs are among those this version was compiled for."""
        for shape, array in zip(self.shapes, arrays, strict=True):
            if any(isinstance(want, Dim) and got == 1 for want, got in zip(shape, array.shape, strict=True)):
                return False  # 1 broadcasts, so it is always compiled apart
        try:
            sizes, _ = self.program.shapes.solve([a.shape for a in arrays])
        except FeedError:
            return False
        # What is not met is traced again, and the trace raises the error at the user's line.
        return all(r.size.evaluate(sizes) >= r.least for r in self.required if r.size.names() <= sizes.keys())

    def fresh(self) -> bool:
        """Whether gradients and freezing are as they were when it was traced."""
        for state, held in self.calls.had:
            if (state._grad is not None) != held:
                return False
        return self.settled()

    def settled(self) -> bool:
        """Whether all that the trace depends on, but for gradients, is as it was."""
        if self.stamp is not STAMP.now:
            for owner, attribute, value in self.watched:
                if getattr(owner, attribute) != value:
                    return False
            self.stamp = STAMP.now
        return True

    def ask(self) -> None:
        """Ask, after a call, what the trace left to be asked."""
        self.later = [question for question in self.later if not question()]

    def watch(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Look again, where a call like this is due to, whether what Python holds is still as it was when traced."""
        if self.look is None or level.current() == "off":
            self.due = math.inf
        else:
            self.due = self.count + self.look.again(self, function, args, kwargs)

    def stale(self) -> str:
        """What has changed since the trace, as a cause for another one."""
        for state, held in self.calls.had:
            if (state._grad is not None) != held:
                return f"{state.name or 'a state'} {'no longer has' if held else 'has'} a gradient when the call begins"
        for owner, attribute, value in self.watched:
            if (now := getattr(owner, attribute)) != value:
                if attribute == "array_id":
                    return "an array from outside that it uses was assigned to"
                label = getattr(owner, "name", None) or type(owner).__name__
                return f"{label}.{attribute.lstrip('_')} is {now}, before {value}"
        return "nothing"

    def inexact(self) -> list[str]:
        """What in this version may change a bit of eager mode's results, as lines."""
        from compiler.inexact import inexact, told

        check = self.calls.check
        return told(inexact(self.program, check.fidelity, check.phases), check.fidelity)

    def explain(self, number: int, fidelity: bool = False) -> list[str]:
        """Why this version was compiled, what it serves, what it cost and what memory it takes, as lines."""
        from compiler.inspect import memory_lines, sharing  # as all of the compiler: only where something was compiled

        inputs = ", ".join(
            f"{r.attrs['name']}: {r.dtype.name}[{', '.join(map(str, r.shape))}]" for r in self.graph.inputs
        )
        times = ", ".join(f"{k} {s * 1e3:.1f} ms" for k, s in self.seconds.items())
        report, callbacks = self.program.report, self.program.callbacks
        lines = [
            f"  {number}. cause: {self.cause}",
            f"     inputs: {inputs}",
            f"     sizes learned from the program: {', '.join(fact for fact, _ in self.learned) or 'none'}",
            f"     {len(self.graph.nodes)} nodes, {len(self.optimised.nodes)} after optimisation, "
            f"{len(self.program.plan.steps)} steps; {self.count} calls",
            f"     threads: {pool.threads()}; where there is enough to do, {sharing(self.program.plan)}",
            f"     cost: {times}",
            f"     kernels: {report.compiled} compiled, {report.disk} from disk, {report.registry} shared",
        ]
        lines.append(f"     self-check: {self.calls.check.outcome}")
        if self.look is not None:
            lines.append(f"     {self.look.explain()}")
        lines += [f"     {line}" for line in memory_lines(self.program)]
        if self.program.literal:
            lines.append("     every bit is eager mode's: each op is computed by its NumPy kernel, none natively")
        elif callbacks:
            lines.append(f"     computed in Python, for want of native code: {', '.join(callbacks)}")
        if fidelity:
            lines += [f"     {line}" for line in self.inexact()]
        return lines
