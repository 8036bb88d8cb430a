"""stale_check and trace_report: what a traced function froze, and whether compiled calls still mean what it says."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.errors import TapegraphError, UnsupportedError
from engine.notices import TraceWarning
from graph.difference import Difference, difference
from tapegraph.function import Function
from tapegraph.outside import telling
from tapegraph.outside.ledger import Ledger
from tapegraph.outside.look import other_values, reason, retraced
from tapegraph.outside.spot import Spot
from tapegraph.outside.undo import undone
from tapegraph.tracing import trace_call


@dataclass
class Staleness:
    """What ``stale_check`` found. ``findings``: notices, each with its line; ``difference``: where the graph differs first."""

    name: str
    difference: Difference | TapegraphError | None
    findings: list[TraceWarning] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether compiled calls do what the function would do now."""
        return not self.findings

    def __str__(self) -> str:
        if self.ok:
            return f"{self.name}: traced again, the graph is the same, and nothing outside was changed"
        count = len(self.findings)
        head = (
            f"{self.name}: compiled calls do not do what the function would do now ({count} finding{'s' * (count > 1)})"
        )
        return "\n\n".join([head, *map(str, self.findings)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def stale_check(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Staleness:
    """Trace ``fn(*args, **kwargs)`` again and compare with the compiled version, or with a first trace where there is none.

    The first difference names the line that froze a flag, a random draw or a clock, and where the graph uses it; changes
    that the trace makes outside of its graph (counters, lists) are named too. Python code of the function runs once more
    (twice without a version): states and random generators are put back, and so is what its source changes; what it
    prints is swallowed. Raises what tracing raises where there is no version yet.
    """
    function = fn if isinstance(fn, Function) else Function(fn)
    version = function.found(args, kwargs)
    if version is None or version.look is None:
        ledger, found = _traced_twice(function, args, kwargs)
    else:
        ledger = version.look.ledger
        found = retraced(version, function, args, kwargs, ledger)
    findings = [telling.of_effect(function.__name__, effect) for effect in ledger.repeated]
    if found is not None:
        told = {e.touch.spot.place for e in ledger.repeated if e.touch.spot is not None}
        moved = [s for s in ledger.spots if s.moved() or s.place in told]
        cause, notice = reason(function.__name__, found, moved, [*ledger.draws, *ledger.clocks])
        if not (isinstance(cause, Spot) and cause.place in told):
            findings.insert(0, notice)
    return Staleness(function.__name__, found, findings)


def _traced_twice(
    function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Ledger, Difference | TapegraphError | None]:
    ledger = Ledger(function.body, args, kwargs)
    with undone(ledger.reach):
        first = trace_call(function.body, args, kwargs, function.pinned, function.literal)
        ledger.close(first.trace)
        try:
            second = trace_call(function.body, args, kwargs, function.pinned, function.literal)
        except TapegraphError as error:
            return ledger, error
    return ledger, difference(first.graph, second.graph) or other_values(first.outputs, second.outputs)


class TraceReport:
    """What the traces of a function met outside of their graphs; prints as one line each."""

    def __init__(self, name: str, ledgers: list[Ledger]) -> None:
        self.name, self.ledgers = name, ledgers

    @property
    def lines(self) -> list[str]:
        """Values read, effects, draws, clocks and prints, with their lines; each once."""
        return list(dict.fromkeys(line for ledger in self.ledgers for line in telling.lines(ledger)))

    def __str__(self) -> str:
        head = f"{self.name}: met outside of the graph in {len(self.ledgers)} trace{'s' * (len(self.ledgers) != 1)}"
        return "\n  ".join([head, *(self.lines or ["nothing"])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def trace_report(step: Function) -> TraceReport:
    """What the traces of a compiled function read from Python and did to it: frozen values, side effects, draws, clocks.

    Raises UnsupportedError where it is not compiled yet, or was traced at level "off".
    """
    versions = [v for known in getattr(step, "versions", {}).values() for v in known]
    ledgers = [v.look.ledger for v in versions if v.look is not None]
    if not ledgers:
        raise UnsupportedError(
            "nothing was traced yet",
            op="debug.trace_report",
            fix='call it once inside tg.mode("static"), not at level "off"',
        )
    return TraceReport(step.__name__, ledgers)
