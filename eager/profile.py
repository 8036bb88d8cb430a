"""Eager mode with a stopwatch: each op, forward and backward, as a span of time with the user's line and its work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from eager.interpreter import Eager
from engine import origin
from engine.op import Op
from engine.spans import NOTHING, Share, Sink, Span
from engine.work import Work, work


class Profiling(Eager):
    """Eager mode whose ops are timed. ``before_call``: what is called before each call of a compiled program."""

    def __init__(self, sink: Sink, before_call: Callable[[Any, Any], None], grad_enabled: bool = True) -> None:
        super().__init__(grad_enabled)
        self.sink = sink
        self.before_call = (before_call,)

    def with_grad(self, enabled: bool) -> Profiling:
        """The same with or without the tape."""
        return self if enabled == self.grad_enabled else Profiling(self.sink, self.before_call[0], enabled)

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        start = time.perf_counter()
        out = super().apply(op, args, attrs)
        seconds = time.perf_counter() - start
        share = Share(op.name, origin.capture(1, 2), 1.0, _work(op, args, out))
        self.sink.add(Span(op.name, "op", start, seconds, get_ident(), (share,)), time.perf_counter() - start - seconds)
        return out

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Time what computes without ops, as an optimizer does in blocks."""
        start, where, counted = time.perf_counter(), origin.capture(1, 3), self.sink.counted
        yield
        seconds = time.perf_counter() - start - (self.sink.counted - counted)  # ops inside have spans of their own
        span = Span(name, "op", start, seconds, get_ident(), (Share(name, where, 1.0, NOTHING),))
        self.sink.add(span, 0.0)

    def made(self, name: str, started: float, seconds: dict[str, float]) -> None:
        """Note what making a version of a compiled function took."""
        for what, took in seconds.items():
            share = Share(what, (), 1.0, NOTHING)
            self.sink.add(Span(f"{name}: {what}", "compile", started, took, get_ident(), (share,)), 0.0)
            started += took


def _work(op: Op, args: tuple[Any, ...], out: Any) -> Work:
    arrays = [a for a in args if hasattr(a, "shape")]
    results = out if type(out) is tuple else (out,)
    return work(
        op,
        [a.shape for a in arrays],
        [a.dtype.itemsize for a in arrays],
        [r.shape for r in results],
        results[0].dtype.itemsize if results else 0,
    )
