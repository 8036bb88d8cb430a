"""Spans of time with the work done in them, each belonging to ops at lines of the user's: what a profile is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine import origin
from engine.record import Record
from engine.work import Work

NOTHING = Work(0, 0, 0)


@dataclass(slots=True)
class Share:
    """An op at a place, and its share of the time, flops and bytes of a span. ``record``: the node of a graph that it is."""

    op: str
    where: origin.Origin
    part: float
    work: Work
    record: Record | None = None

    @property
    def backward(self) -> bool:
        """Whether it belongs to a backward pass."""
        return any(type(f) is str and f.startswith("backward") for f in self.where)

    @property
    def place(self) -> origin.Place | None:
        """The user's expression."""
        frames = origin.user_frames(self.where)
        return origin.resolve(frames[0]) if frames else None


@dataclass(slots=True)
class Span:
    """A stretch of time: ``start`` and ``seconds`` by ``time.perf_counter``, ``kind`` op, kernel, compile or python."""

    name: str
    kind: str
    start: float
    seconds: float
    thread: int
    shares: tuple[Share, ...]


class Sink(Protocol):
    """What takes spans. ``counted``: seconds of all so far, with what the watching took."""

    counted: float

    def add(self, span: Span, overhead: float) -> None:
        """Take a span."""

    def add_overhead(self, seconds: float) -> None:
        """Take what watching took outside of spans."""
