"""Looking on while a graph runs node by node, in it and in the subprograms of its control ops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from engine.record import Record

# record, the values around it by record, and in which turns of which loops it was computed, outermost first
Look = Callable[[Record, Mapping[Record, Any], tuple[int, ...]], None]


class Onlooker:
    """Calls ``look`` for each leaf and after each node; numbers the turns of each subprogram from 0."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.turns: tuple[int, ...] = ()
        self.counts: dict[Any, int] = {}

    def begun(self, leaves: Iterable[Record], values: Mapping[Record, Any]) -> None:
        """A graph or a subprogram begins, with the values of its leaves."""
        for leaf in leaves:
            self.look(leaf, values, self.turns)

    def seen(self, record: Record, values: Mapping[Record, Any]) -> None:
        """A node has been computed."""
        self.look(record, values, self.turns)


_current: ContextVar[Onlooker | None] = ContextVar("onlooker", default=None)


@contextmanager
def looking(look: Look | None) -> Iterator[Onlooker | None]:
    """Call ``look`` for each node that is computed inside the block; None for nobody."""
    onlooker = None if look is None else Onlooker(look)
    token = _current.set(onlooker)
    try:
        yield onlooker
    finally:
        _current.reset(token)


@contextmanager
def turn(body: Any) -> Iterator[Onlooker | None]:
    """Inside the block a subprogram runs once."""
    onlooker = _current.get()
    if onlooker is None:
        yield None
        return
    outer = onlooker.turns, onlooker.counts
    number = onlooker.counts.get(body, 0)
    onlooker.counts[body] = number + 1
    onlooker.turns, onlooker.counts = (*onlooker.turns, number), {}
    try:
        yield onlooker
    finally:
        onlooker.turns, onlooker.counts = outer
