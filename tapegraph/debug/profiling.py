"""profile: where the time of a block goes, by op and by line of the user's, with bytes and flops; in both modes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eager.interpreter import Eager
from eager.profile import Profiling
from engine import dispatch
from engine.errors import UnsupportedError
from tapegraph.debug.profile_report import Profile


@contextmanager
def profile() -> Iterator[Profile]:
    """Time what is computed inside the block: ``with tg.debug.profile() as p: step(x, y)``, then ``print(p)``.

    In eager mode each op, forward and backward; in static mode each row of a compiled call's table, one by one and on one
    thread, the time of a fused kernel being divided among its ops by their estimated work. ``p.table(by="op")`` (or "line",
    "kernel", "module") adds up calls, seconds, bytes and flops, ``p.chrome_trace(path)`` writes all spans for Perfetto.
    ``p.overhead`` is what the watching took; it is in no row. Raises UnsupportedError inside a trace.
    """
    current = dispatch.current()
    if not isinstance(current, Eager):
        raise UnsupportedError(
            "a profile measures values being computed, and a trace has none",
            op="debug.profile",
            fix="put the block around the call of the compiled function",
        )
    found = Profile()
    programs: dict[Any, Any] = {}

    def before_call(program: Any, arrays: Any) -> None:
        if program not in programs:
            from compiler.timing import Timed  # the compiler is there already, where something was compiled

            programs[program] = Timed(program, found)

    started = time.perf_counter()
    try:
        with dispatch.interpret(Profiling(found, before_call, current.grad_enabled)):
            yield found
    finally:
        found.close(started, time.perf_counter())
        for timed in programs.values():
            timed.remove()
