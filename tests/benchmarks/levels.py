"""What it costs to be watched: training steps at each level of ``tg.debug.level``, and what provenance adds to a trace.

Run ``python -m tests.benchmarks.levels``. Levels take turns; the figures to quote are the ratios of one run.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TAPEGRAPH_NUM_THREADS", "1")

import tapegraph as tg
from engine import origin
from tapegraph.bench.contenders.tapegraph import Contender
from tapegraph.bench.suite import chosen

STEPS = ("mlp-32-sgd", "mlp-256-adamw", "lenet", "lstm")
LEVELS = ("off", "default", "checked")
ROUNDS, SECONDS = 15, 0.04  # and seconds of a turn
HELD: list[Contender] = []  # the mode of each ends with it


def stepped(name: str, mode: str) -> Callable[[], Any]:
    """A training step of a workload of ``tapegraph bench`` on each of its batches, in this mode from now on."""
    workload = chosen("all", [name])[0]
    params, batches = workload.start()
    contender = Contender(mode, 1, False)
    HELD.append(contender)
    step, _, *own = workload.module.tapegraph(workload.options, params, contender)
    array = own[0] if own else getattr(contender, "array", tg.asarray)
    held = [tuple(map(array, batch)) for batch in batches]

    def run() -> None:
        for batch in held:
            step(*batch)

    run.steps = len(held)  # type: ignore[attr-defined]
    return run


def seconds(run: Callable[[], Any], calls: int) -> float:
    """Processor time of one call."""
    start = time.thread_time()
    for _ in range(calls):
        run()
    return (time.thread_time() - start) / calls


def by_level(run: Callable[[], Any], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Processor time of a step at each level, in rounds in which the levels take turns."""
    for name in LEVELS:
        with tg.debug.level(name):
            for _ in range(3):
                run()
    calls = max(1, int(SECONDS / max(seconds(run, 3), 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in LEVELS}
    for number in range(rounds):
        for name in LEVELS if number % 2 else LEVELS[::-1]:
            with tg.debug.level(name):
                run()
                found[name].append(seconds(run, calls))
    return found


def ratio(found: dict[str, list[float]], level: str) -> float:
    """The median over rounds of a level's time to that of "off" in the same round."""
    return statistics.median(a / b for a, b in zip(found[level], found["off"], strict=True))


def tracing(rounds: int = 9) -> tuple[float, float]:
    """Seconds of a trace of a training step of twelve layers, and of one in which no line is noted."""
    from tapegraph.tracing import trace_call

    tg.manual_seed(0)
    model = tg.nn.Sequential(*(m for _ in range(12) for m in (tg.nn.Linear(16, 16), tg.nn.Tanh())))

    def step(x: Any) -> Any:
        loss = tg.mean(model(x) ** 2)
        for p in model.parameters():
            p.grad = None
        loss.backward()
        return loss

    x = tg.ones((4, 16))
    noted, bare = [], []
    capture = origin.Places.capture
    for _ in range(rounds):
        for times, how in ((noted, capture), (bare, lambda *_, **__: ((), None))):
            origin.Places.capture = how
            try:
                started = time.thread_time()
                trace_call(step, (x,), {}, lambda _: False)
                times.append(time.thread_time() - started)
            finally:
                origin.Places.capture = capture
    return statistics.median(noted), statistics.median(bare)


def main() -> None:
    for mode in ("static", "eager"):
        for name in sys.argv[1:] or STEPS:
            run = stepped(name, mode)
            found = by_level(run)
            base = statistics.median(found["off"]) / run.steps  # type: ignore[attr-defined]
            told = ", ".join(f"{level} {ratio(found, level):.3f}x" for level in LEVELS[1:])
            print(f"{mode:6} {name:14} off {base * 1e6:9.1f} us a step, {told}", flush=True)
    noted, bare = tracing()
    print(f"trace with lines {noted * 1e3:.2f} ms, without {bare * 1e3:.2f} ms ({noted / bare:.2f}x)")


if __name__ == "__main__":
    main()
