"""Seconds of the ops of a call, in both modes: medians over a few calls that leave everything as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from threading import get_ident
from typing import Any

import numpy as np

from eager.profile import Profiling
from engine import dispatch, effects, level, origin
from engine.record import Record
from engine.spans import NOTHING, Share, Span
from engine.state import State
from tapegraph.mode import mode
from tapegraph.visual.tape import Tape

ROUNDS = 5
Array = np.ndarray[Any, Any]


class _Spans:
    """Takes spans in order."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.counted = 0.0

    def add(self, span: Span, overhead: float) -> None:
        self.spans.append(span)

    def add_overhead(self, seconds: float) -> None:
        pass


class _Whole(Profiling):
    """A profile in which a step of an optimizer in blocks is one span."""

    def with_grad(self, enabled: bool) -> _Whole:
        return _Whole(self.sink, self.before_call[0], enabled)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        sink: Any = self.sink
        start, first = time.perf_counter(), len(sink.spans)
        yield
        seconds = time.perf_counter() - start
        share = Share(name, origin.capture(1, 3), 1.0, NOTHING)
        sink.spans[first:] = [Span(name, "op", start, seconds, get_ident(), (share,))]


def eager_seconds(body: Callable[[], Any], tape: Tape) -> dict[str, float]:
    """Seconds of each node of a tape; those of an optimizer's step are shared out by the size of the parameters.

    Empty where the call does not apply the same ops each time.
    """
    rounds = [_eager_round(body, tape) for _ in range(ROUNDS + 1)][1:]
    found: dict[str, float] = {}
    if any(len(spans) != len(tape.timed) for spans in rounds):
        return found
    for number, nodes in enumerate(tape.timed):
        seconds = median(spans[number].seconds for spans in rounds)
        sizes = [max(1, np.size(tape.applied[n].value)) if len(nodes) > 1 else 1 for n in nodes]
        for node, size in zip(nodes, sizes, strict=True):
            found[node] = seconds * size / sum(sizes)
    return found


def _eager_round(body: Callable[[], Any], tape: Tape) -> list[Span]:
    held = [(leaf, leaf._value, leaf._grad) for leaf in tape.before]
    sink = _Spans()
    watching = _Whole(sink, lambda *_: None, dispatch.current().grad_enabled)
    try:
        with level.level("off"), mode("inline"), effects.left_out(), dispatch.interpret(watching):
            body()
    finally:
        for leaf, value, grad in held:
            if isinstance(leaf, State):
                leaf.hold(value)
            leaf._grad = grad
    return sink.spans


def static_seconds(program: Any, arrays: Sequence[Array], nodes: Container[Record]) -> Mapping[Record, float]:
    """Seconds of each of the nodes of a compiled graph; those of a fused kernel are shared out by estimated work.

    The time of a copy that the plan makes is that of the value copied.
    """
    from compiler.timing import Timed  # needs the compiler
    from compiler.walk import untouched

    rounds = []
    for number in range(ROUNDS + 1):
        sink = _Spans()
        with untouched(program), effects.left_out():
            timed = Timed(program, sink)
            try:
                program.run(list(arrays))
            finally:
                timed.remove()
        if number:
            rounds.append(sink.spans)
    found: dict[Record, float] = {}
    for spans in zip(*rounds, strict=True):
        seconds = median(span.seconds for span in spans)
        for share in spans[0].shares:
            record = share.record
            if record is not None:
                if record not in nodes and len(record.args) == 1:
                    record = record.args[0]
                found[record] = found.get(record, 0.0) + seconds * share.part
    return found
