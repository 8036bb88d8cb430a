"""Looking again at what a trace found outside: at each call first, then ever more rarely, and surely before anything is told."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from engine import level, origin, tree
from engine.errors import SymbolError, TapegraphError
from engine.notices import TraceWarning, warn
from graph.difference import Difference, difference
from graph.symbol import Symbol
from tapegraph.outside import telling
from tapegraph.outside.ledger import Ledger
from tapegraph.outside.reach import Call
from tapegraph.outside.spot import Spot, equal, simple
from tapegraph.outside.undo import undone
from tapegraph.tracing import trace_call

if TYPE_CHECKING:
    from tapegraph.function import Function
    from tapegraph.version import Version

RARELY = 1024  # calls between two looks at most; before, a 32nd of the calls made so far
SHARE = 20  # at level "checked" a version is traced again when it has run for so many times the time that this takes


class Look:
    """What one version knows of the world outside. ``due``: the number of calls after which it is to look again."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self.name, self.ledger = name, ledger
        self._first = True
        self._quiet: dict[int, tuple[int, int]] = {}  # a spot that changed without consequence: until when, how often
        self._next = 0.0
        for effect in ledger.effects:
            if effect.kind == "grows" and effect.symbols:
                warn(telling.of_effect(name, effect))
        for place in ledger.shown:
            warn(telling.of_shown(name, place))

    def explain(self) -> str:
        """What the trace met outside of its graph, in a line."""
        return f"outside the graph, once: {telling.summary(self.ledger)} (tg.debug.trace_report lists them)"

    def again(self, version: Version, function: Function, args: Any, kwargs: Any) -> int:
        """Look whether compiled calls still are what the program means; returns the number of calls until the next look."""
        told = self.ledger.repeated if self._first else []
        for effect in told:
            if not (effect.kind == "grows" and effect.symbols):
                warn(telling.of_effect(self.name, effect))
        places = {e.touch.spot.place for e in told if e.touch.spot is not None}
        changed = [s for s in self.ledger.spots if s.moved() and self._matters(s, version.count)]
        for spot in [s for s in changed if s.place in places]:
            spot.value = spot.now()
            changed.remove(spot)
        calls = [*self.ledger.draws, *self.ledger.clocks] if self._first else []
        every = level.current() == "checked" and time.perf_counter() >= self._next
        if changed or calls or every:
            started = time.perf_counter()
            found = retraced(version, function, args, kwargs, self.ledger)
            ended = time.perf_counter()
            self._next = ended + SHARE * (ended - started)
            # A cache that holds a symbol serves this version; another one is told when it uses it.
            if found is not None and not isinstance(found, SymbolError):
                warn(reason(self.name, found, changed, calls or [*self.ledger.draws, *self.ledger.clocks])[1])
            for spot in changed:
                often = self._quiet.get(id(spot), (0, 0))[1]
                self._quiet[id(spot)] = version.count + (1 << often), often + 1
                spot.value = spot.now()
        self._first = False
        return max(1, min(RARELY, version.count >> 5))

    def _matters(self, spot: Spot, count: int) -> bool:
        """Whether a change there is worth a trace; not while changes there have shown to be without consequence."""
        return self._quiet.get(id(spot), (0, 0))[0] <= count and not isinstance(spot.now(), Symbol)


def retraced(
    version: Version, function: Function, args: Any, kwargs: Any, ledger: Ledger
) -> Difference | TapegraphError | None:
    """How the graph of the same call would differ if it were traced now; states, generators and Python stay as they are."""
    with undone(ledger.reach):
        try:
            traced = trace_call(function.body, args, kwargs, function.pinned, function.literal)
        except TapegraphError as error:
            return error
    return difference(version.graph, traced.graph) or other_values(version.calls.structure, traced.outputs)


def other_values(old: Any, new: Any) -> Difference | None:
    """Where the plain Python values among the results of two traces differ."""
    for was, now in zip(tree.leaves([old]), tree.leaves([new]), strict=False):
        if simple(was) and simple(now) and not equal(was, now):
            return Difference(f"{now!r} is returned, before {was!r}", None, None)
    return None


def reason(
    name: str, found: Difference | TapegraphError, changed: Iterable[Spot], calls: Iterable[Call]
) -> tuple[Spot | Call | None, TraceWarning]:
    """What most probably made a difference, which is what stands nearest to it in the source, and the notice of it."""
    where = _frames(found)

    def far(frame: origin.Origin) -> int:
        if not frame:
            return 3
        place = origin.resolve(frame[0])  # type: ignore[arg-type]
        return 0 if (place.file, place.line) in where else 1 if place.file in {file for file, _ in where} else 2

    spots, draws = sorted(changed, key=lambda s: far(s.frame)), sorted(calls, key=lambda c: far(c.frame))
    if spots and (not draws or far(spots[0].frame) <= far(draws[0].frame)):
        return spots[0], telling.of_spot(name, spots[0], found, len(spots) - 1)
    if draws:
        return draws[0], telling.of_call(name, draws[0], found)
    return None, telling.of_difference(name, found)


def _frames(found: Difference | TapegraphError) -> set[tuple[str, int]]:
    origins = (
        [found.origin]
        if isinstance(found, TapegraphError)
        else [r.origin for r in (found.old, found.new) if r is not None]
    )
    places = [origin.resolve(frame) for o in origins for frame in origin.user_frames(o)]
    return {(place.file, place.line) for place in places}
