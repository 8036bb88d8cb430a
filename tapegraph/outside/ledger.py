"""Ledger: what a trace found outside of its graph, and what it did there."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from engine import origin, tree
from engine.handle import Handle
from graph.symbol import Symbol
from graph.trace import Trace
from tapegraph.outside import generators
from tapegraph.outside.reach import Call, Reach, Touch
from tapegraph.outside.spot import MISSING, Spot, simple

LISTS = (list, deque)


class Effect(NamedTuple):
    """What a trace did outside. ``kind``: "counts" or "grows" (again at each run of the Python code), "keeps" (a value
    of this call for the next one), or "sets" (nothing that another run would change further)."""

    kind: str
    touch: Touch
    before: Any
    after: Any
    symbols: bool  # whether what was put there is a symbol, which never gets a value


class Ledger:
    """Opened before a trace and closed after it."""

    def __init__(self, body: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.reach = Reach(body, args, kwargs)
        self.spots: list[Spot] = list(self.reach.spots.values())
        self._before = [_snapshot(touch) for touch in self.reach.touches]
        self._random = generators.states(self.reach.generators.values())
        self.effects: list[Effect] = []
        self.drawn: list[Any] = []
        self.shown: list[origin.Origin] = []

    def close(self, trace: Trace) -> None:
        """Note what the trace has changed; from here on a symbol of it that is used says where it was put."""
        self.drawn = generators.moved(self._random)
        self.shown = trace.shown
        seen: set[tuple[int, Any]] = set()
        for touch, before in zip(self.reach.touches, self._before, strict=True):
            effect = _effect(touch, before, trace)
            key = (id(touch.thing), touch.at) if touch.spot is None else touch.spot.place
            if effect is not None and key not in seen:
                seen.add(key)
                self.effects.append(effect)
        trace.whereabouts.append(self.whereabouts)

    def whereabouts(self, symbol: Any) -> tuple[str, origin.Origin] | None:
        """Where a symbol of the trace was put: the name of the place and the expression that put it there."""
        for touch in self.reach.touches:
            for held in (touch.thing, MISSING if touch.spot is None else touch.spot.now()):
                if tree.held(held) is symbol or (
                    isinstance(held, list | tuple | dict | deque) and _holds(held, symbol)
                ):
                    return "".join(touch.chain), touch.frame
        return None

    @property
    def repeated(self) -> list[Effect]:
        """The effects that another run of the Python code would have again, and compiled calls do not."""
        return [e for e in self.effects if e.kind != "sets"]

    @property
    def draws(self) -> list[Call]:
        """The calls that drew from generators which the trace moved."""
        return [c for c in self.reach.calls if c.kind == "random" and any(c.source is g for g in self.drawn)]

    @property
    def clocks(self) -> list[Call]:
        """The calls that read a clock or something like it."""
        return [c for c in self.reach.calls if c.kind == "clock"]


def _snapshot(touch: Touch) -> Any:
    """What must be known of a place before the trace to tell afterwards what has changed there."""
    thing = touch.thing
    if type(thing) in LISTS:
        return len(thing)
    if isinstance(thing, dict):
        return dict(thing) if len(thing) <= 256 else None
    return MISSING if touch.spot is None else touch.spot.now()


def _effect(touch: Touch, before: Any, trace: Trace) -> Effect | None:
    thing = touch.thing
    again = touch.again and not touch.guarded
    if type(thing) in LISTS and isinstance(before, int):
        new = list(thing)[before:]
        if len(thing) != before:
            return Effect("grows" if again else "sets", touch, before, len(thing), any(map(_symbolic, new)))
    elif isinstance(thing, dict) and isinstance(before, dict):
        for key, value in thing.items():
            was = before.get(key, MISSING)
            if was is not value:
                counts = again and _number(was) and _number(value)
                return Effect("counts" if counts else "sets", touch, was, value, _symbolic(value))
    if touch.spot is None:
        return None
    after = touch.spot.now()
    if after is before or (simple(before) and type(after) is type(before) and after == before):
        return None
    return Effect(_kind(again, before, after, trace), touch, before, after, _symbolic(after))


def _kind(again: bool, before: Any, after: Any, trace: Trace) -> str:
    if again and _number(before) and _number(after):
        return "counts"
    if _symbolic(after):
        # An array that the graph holds as it was, in whose place the program has put this call's result.
        used = isinstance(tree.held(before), Handle) and id(tree.held(before)) in trace.outside
        if used or (again and _number(before)):
            return "keeps"
    return "sets"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _symbolic(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_symbolic, value))
    if isinstance(value, dict):
        return any(map(_symbolic, value.values()))
    return isinstance(tree.held(value), Symbol)


def _holds(thing: Any, symbol: Any) -> bool:
    parts = thing.values() if isinstance(thing, dict) else thing
    return any(tree.held(p) is symbol or (isinstance(p, list | tuple | dict) and _holds(p, symbol)) for p in parts)
