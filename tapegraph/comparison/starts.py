"""What is paid before the first result of the compiled function: in this process, or in new ones, cold and warm."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.state import State
from tapegraph.comparison.figures import Start
from tapegraph.comparison.lane import Batch, Lane
from tapegraph.function import Function
from tapegraph.version import Version

COLD_RUNS, WARM_RUNS = 5, 9  # at most, in this process
WARM_PROCESSES = 3
KERNEL = 0.07  # seconds that compiling a kernel takes, about; to know beforehand what is too dear
COLD, WARM = "cold cache", "warm cache"


def start_of(versions: Sequence[Version], name: str, first_call: float, **known: Any) -> Start:
    """What the versions made in a first call cost together."""
    seconds: Counter[str] = Counter()
    kernels: Counter[str] = Counter()
    for version in versions:
        seconds.update(version.seconds)
        kernels.update(kernels_of(version))
    return Start(name, dict(seconds), first_call, dict(kernels), runs=[first_call], **known)


def kernels_of(version: Version) -> dict[str, int]:
    """Where the kernels of a version came from, with their numbers."""
    report = version.program.report
    return {"compiled": report.compiled, "disk": report.disk, "shared": report.registry}


def _versions(step: Function) -> list[Version]:
    return [version for known in step.versions.values() for version in known]


def starts_here(
    compiled: Callable[[], Function], batch: Batch, states: Sequence[State], seconds: float
) -> Iterator[Start]:
    """The first call, again and again in this process: over an empty cache, then over the one that was left.

    ``compiled``: makes the function anew. ``seconds``: for all runs together; one of each kind is made in any case.
    """
    with tempfile.TemporaryDirectory(prefix="tapegraph-cache-") as folder:
        for name, most in ((COLD, COLD_RUNS), (WARM, WARM_RUNS)):
            began, runs = time.perf_counter(), []
            while not runs or (len(runs) < most and _left(began, seconds / 2, len(runs))):
                place = Path(folder) / (f"cold-{len(runs)}" if name == COLD else "cold-0")
                runs.append(_first_call(name, compiled(), batch, states, place))
            yield _middle(runs)


def _left(began: float, seconds: float, runs: int) -> bool:
    """Whether another run like those before would end in time."""
    passed = time.perf_counter() - began
    return passed * (runs + 1) / runs <= seconds


def _first_call(name: str, step: Function, batch: Batch, states: Sequence[State], cache: Path) -> Start:
    import compiler.toolchain  # noqa: F401  # numba, so that importing it is not taken for the cost of compiling
    from compiler.loader import as_new

    lane = Lane("static", step, states)
    with as_new(), _cache_in(cache):
        lane.run([batch])
    return start_of(_versions(step), name, lane.first)


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    before = os.environ.get("TAPEGRAPH_CACHE_DIR")
    os.environ["TAPEGRAPH_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TAPEGRAPH_CACHE_DIR"]
        else:
            os.environ["TAPEGRAPH_CACHE_DIR"] = before


def _middle(found: list[Start]) -> Start:
    """The run whose first call took the median, with the first calls of all."""
    runs = [start.first_call for start in found]
    middle = sorted(found, key=lambda start: start.first_call)[len(found) // 2]
    middle.runs = runs
    if middle.imports is not None:
        middle.imports = statistics.median(start.imports or 0.0 for start in found)
    return middle


# ------------------------------------------------------------------------------------ new processes


def starts_in_processes(job: dict[str, Any], threads: int = 1) -> Iterator[Start]:
    """The first call in new processes: once over an empty cache, then WARM_PROCESSES times over what it left.

    ``job``: what ``tapegraph.comparison.jobs.made`` makes a function and arguments of. Raises RuntimeError with the
    child's last words where one fails.
    """
    with tempfile.TemporaryDirectory(prefix="tapegraph-cache-") as folder:
        yield _process(COLD, job, threads, folder)
        yield _middle([_process(WARM, job, threads, folder) for _ in range(WARM_PROCESSES)])


def _process(name: str, job: dict[str, Any], threads: int, cache: str) -> Start:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    found = subprocess.run(
        [
            sys.executable,
            "-P",  # the packages beside this file, not those in the current folder
            "-m",
            "tapegraph.comparison.starts",
            name,
            repr(time.time()),
            json.dumps(job),
            str(threads),
        ],
        env={**os.environ, "TAPEGRAPH_CACHE_DIR": cache, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"the process that measures a {name} ended with status {found.returncode}: {last}")
    return Start(**json.loads(found.stdout.splitlines()[-1]))


def _child(name: str, launched: float, job: dict[str, Any], threads: int) -> Start:
    import compiler.pipeline  # what the first call would import is imported before the clock starts
    from tapegraph.comparison.jobs import made
    from tapegraph.comparison.subject import bodies
    from tapegraph.comparison.threads import pinned
    from tapegraph.mode import mode

    if name == COLD:
        import compiler.toolchain  # noqa: F401  # numba, which a warm process does without
    imports = time.time() - launched
    fn, args = made(job)
    step = bodies(fn).compiled
    with mode("static"), pinned(threads):
        started = time.perf_counter()
        step(*args)
        passed = time.perf_counter() - started
    return start_of(_versions(step), name, passed, imports=imports, imported_numba="numba" in sys.modules)


if __name__ == "__main__":
    _name, _launched, _job, _threads = sys.argv[1:]
    with open(os.devnull, "w") as _nowhere:
        sys.stdout, _answers = _nowhere, sys.stdout  # what the user's program prints is no figure
        _found = _child(_name, float(_launched), json.loads(_job), int(_threads))
        sys.stdout = _answers
    print(json.dumps(asdict(_found)))
