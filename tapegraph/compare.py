"""tg.compare: the same training step in both modes, from the same states, on the same batches in the same order."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

import compiler.pipeline  # noqa: F401  # here, so that importing it is not taken for the cost of compiling
from engine.errors import ArgumentError
from engine.ops.random import default_generator
from engine.state import Parameter, State
from tapegraph.comparison.figures import Agreement, Comparison, Start, speed
from tapegraph.comparison.lane import Array, Lane, arena, outputs
from tapegraph.comparison.threads import pinned
from tapegraph.function import Function
from tapegraph.testing import states_of

BLOCK = 15  # batches in a row in one mode; a change of mode costs caches, a long row lets noise hit one mode only
ENOUGH = 60  # timed calls in each mode; where training makes fewer, more are made that change nothing
PATIENCE = 3.0  # seconds that these further calls may take
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}

Batch = tuple[Any, ...]


def compare(
    step: Callable[..., Any],
    batches: Iterable[Any],
    *,
    epochs: int = 1,
    states: Iterable[Any] | None = None,
    evaluate: Callable[[], float] | None = None,
    score_name: str = "score",
    tolerance: float | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
    title: str = "",
) -> Comparison:
    """Run ``step(*batch)`` for each batch and epoch in eager and in static mode by turns; the result prints as a table.

    ``step``: a training step or any function of arrays; it need not be decorated. ``batches``: tuples of arguments (a
    single argument may stand alone), or a DataLoader, which is asked anew for each epoch; both modes get the same.
    ``states``: what the step changes (modules, optimizers, states); None means all that it can reach. Each mode has
    its own copy, all start equal, and afterwards the originals are as before. A third copy starts one last bit away and
    runs in static mode: what becomes of that bit tells a disagreement from rounding that training has grown. ``evaluate``: a score, taken in each
    mode after the last batch. ``tolerance``: the largest absolute difference of results and parameters that counts as
    equal, by default 1e-9 for float64 and 1e-4 otherwise. ``threads``: of both BLAS libraries. ``progress``: called
    with the number of calls made and to be made.

    Raises ArgumentError where there is nothing to run, and whatever the step raises.
    """
    if epochs < 1:
        raise ArgumentError(f"epochs must be at least 1, got {epochs}", op="compare")
    body = step.body if isinstance(step, Function) else step
    fidelity = step.fidelity if isinstance(step, Function) else "rounding"
    compiled = Function(body, fidelity=fidelity, specialize=step.specialize if isinstance(step, Function) else None)
    held = states_of([body if states is None else list(states), default_generator])
    _, static = lanes = Lane("eager", body, held), Lane("static", compiled, held)
    control = Lane("static", compiled, held)
    control.nudge()
    again = batches if hasattr(batches, "epoch") else [_arguments(b) for b in batches]
    state_of_loader = getattr(batches, "epoch", None)
    firsts: list[list[Array]] = []
    example: Batch = ()
    with pinned(threads) as did_pin:
        for epoch in range(epochs):
            rows = [_arguments(b) for b in again]
            if not rows:
                raise ArgumentError("there are no batches", op="compare")
            if epoch == 0:
                example = rows[0]
                firsts = [outputs(lane.run(rows[:1])) + lane.values() for lane in lanes]
                control.run(rows[:1])
                rows = rows[1:]
                total = epochs * (len(rows) + 1)
            for number, start in enumerate(range(0, len(rows), BLOCK)):
                for lane in lanes if number % 2 == 0 else reversed(lanes):
                    lane.run(rows[start : start + BLOCK])
                control.run(rows[start : start + BLOCK])
                if progress is not None:
                    progress(static.calls, total)
        if state_of_loader is not None:
            batches.epoch = state_of_loader  # type: ignore[attr-defined]
        agreement = _agreement(held, (*lanes, control), firsts, tolerance)
        scores = [None if evaluate is None else float(lane.during(evaluate)) for lane in lanes]
        calls = static.calls
        _measure_more(lanes, example)
        parts: list[dict[str, int]] = [{"allocated": lane.peak(example)} for lane in lanes]
        parts[1]["arena"] = arena(compiled)
    figures = {
        lane.name: speed(
            lane.seconds, first_call=lane.first, peak_bytes=sum(part.values()), peak_parts=part, score=score
        )
        for lane, part, score in zip(lanes, parts, scores, strict=True)
    }
    made = [v for known in compiled.versions.values() for v in known]
    return Comparison(
        title or getattr(body, "__name__", "step"),
        figures,
        agreement,
        [start_of(compiled, "this process", static.first)],
        versions=len(made),
        steps=calls,
        threads=threads if did_pin else None,
        score_name=score_name,
        machine=machine(),
    )


def start_of(step: Function, name: str, first_call: float, **known: Any) -> Start:
    """What the first version of a compiled function cost."""
    version = next(v for versions in step.versions.values() for v in versions)
    report = version.program.report
    kernels = {"compiled": report.compiled, "disk": report.disk, "shared": report.registry}
    return Start(name, dict(version.seconds), first_call, kernels, **known)


def machine() -> dict[str, Any]:
    """Where the figures come from: processor, system, versions, load."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": load,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _arguments(batch: Any) -> Batch:
    return tuple(batch) if isinstance(batch, tuple | list) else (batch,)


def _measure_more(lanes: Sequence[Lane], batch: Batch) -> None:
    """Further timed calls where there were too few, on states that are put back afterwards."""
    kept = [lane.values() for lane in lanes]
    started = time.perf_counter()
    block = max(1, min(BLOCK, int(0.1 * PATIENCE / lanes[0].first)))
    while len(lanes[0].seconds) < ENOUGH:
        for lane in lanes:
            lane.run([batch] * block)
        if time.perf_counter() - started > PATIENCE:
            break
    for lane, values in zip(lanes, kept, strict=True):
        lane.restore(values)


def _agreement(
    held: Sequence[State], lanes: Sequence[Lane], firsts: Sequence[list[Array]], tolerance: float | None
) -> Agreement:
    if len(firsts[0]) != len(firsts[1]):
        raise ArgumentError("the modes return different numbers of arrays", op="compare")
    eager, static, control = (lane.values() for lane in lanes)
    trained = [i for i, state in enumerate(held) if isinstance(state, Parameter)] or list(range(len(held)))
    if tolerance is None:
        floats = {a.dtype.name for a in [eager[i] for i in trained] + firsts[0] if a.dtype.kind == "f"}
        floats -= {"float64"} if len(floats) > 1 else set()  # a learning rate, say
        tolerance = max([TOLERANCES.get(name, 1e-4) for name in floats], default=0.0)
    return Agreement(
        tolerance,
        first_call=_largest(*firsts),
        parameters=_largest([eager[i] for i in trained], [static[i] for i in trained]),
        control=_largest([control[i] for i in trained], [static[i] for i in trained]),
        states=_largest(eager, static),
        calls=lanes[0].calls,
    )


def _largest(left: Sequence[Array], right: Sequence[Array]) -> float:
    return max((difference(a, b) for a, b in zip(left, right, strict=True)), default=0.0)


def difference(a: Array, b: Array) -> float:
    """The largest absolute difference; infinite where shapes differ or only one of the two is NaN or infinite."""
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    with np.errstate(invalid="ignore"):
        apart = np.atleast_1d(np.abs(a.astype(np.float64) - b.astype(np.float64)))
    apart[np.atleast_1d((a == b) | ((a != a) & (b != b)))] = 0.0
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max())
