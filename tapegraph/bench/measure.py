"""One workload measured: contenders started, compared, then timed by turns."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from tapegraph.bench.agreement import TOLERANCE, differences
from tapegraph.bench.machine import load
from tapegraph.bench.process import Absent, Failed, Process
from tapegraph.bench.results import Outcome, Row
from tapegraph.bench.suite import Workload

COMPARED = 3  # calls whose results are compared
BLOCK = 0.03  # seconds that a round of one contender takes at least
PEAK_CALLS = 3

Progress = Callable[[str], None]


class Measurement:
    """A workload under way; ``outcome`` holds at any time what is known so far."""

    def __init__(
        self,
        workload: Workload,
        contenders: Iterable[str],
        threads: int,
        *,
        pythons: dict[str, str],
        starts: bool,
        progress: Progress = lambda text: None,
    ) -> None:
        self.workload = workload
        self.threads = threads
        self.pythons = pythons
        self.starts = starts
        self.progress = progress
        self.params, self.batches = workload.start()
        rows = {name: Row(name) for name in contenders}
        self.outcome = Outcome(
            workload.name, workload.caption, threads, workload.target, rows, load(), workload.work(), complete=False
        )

    def run(self, rounds: int) -> None:
        """Measure everything; what was found so far stays in ``outcome`` where it is interrupted."""
        with contextlib.ExitStack() as stack:
            cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="tapegraph-bench-")) if self.starts else None
            alive, answers = {}, {}
            for row in self.outcome.rows.values():
                with self._noting(row):
                    if self.starts:
                        self.progress(f"{row.name}: cold start")
                        with Process(row.name, self.threads, self.pythons.get(row.name), cache) as process:
                            process.ask("imports", cold=True)
                            row.cold = self._start(process, 1)["first"]
                    self.progress(f"{row.name}: start")
                    process = stack.enter_context(Process(row.name, self.threads, self.pythons.get(row.name), cache))
                    found = process.ask("imports", cold=not self.starts)
                    row.version, row.imports = found["version"], found["seconds"]
                    answers[row.name] = self._start(process, COMPARED)
                    if self.starts:
                        row.warm = answers[row.name]["first"]
                    alive[row.name] = process
            tolerance = self.workload.options.get("tolerance", TOLERANCE)
            for name, apart in differences(answers, self.params, tolerance).items():
                row = self.outcome.rows[name]
                row.difference = apart
                if not apart <= tolerance:
                    row.note = f"computes something else (relative difference {apart:.1g}), so not timed"
                    alive.pop(name).close()
            self._time(alive, rounds)
            for name, process in alive.items():
                row = self.outcome.rows[name]
                with self._noting(row):
                    found = process.ask("peak", calls=max(PEAK_CALLS, len(self.batches)))
                    row.peak_bytes, row.peak = found["bytes"], found["beyond_imports"]
        self.outcome.complete = True

    def _start(self, process: Process, calls: int) -> Any:
        case = self.workload.options
        return process.ask(
            "start", path=self.workload.file, case=case, params=self.params, batches=self.batches, calls=calls
        )

    def _time(self, alive: dict[str, Process], rounds: int) -> None:
        cycle = len(self.batches)  # whole passes over the batches, so that every block is the same work
        for name, process in list(alive.items()):
            row = self.outcome.rows[name]
            self.progress(f"{name}: first calls")
            with self._noting(row, alive):
                process.ask("time", calls=cycle)
                once = process.ask("time", calls=cycle)[0] / cycle
                row.calls = cycle * max(1, math.ceil(BLOCK / once / cycle))
                process.ask("time", calls=row.calls)
        for number in range(rounds):
            self.progress(f"round {number + 1} of {rounds}")
            for name, process in list(alive.items()):
                row = self.outcome.rows[name]
                with self._noting(row, alive):
                    wall, cpu = process.ask("time", calls=row.calls)
                    row.seconds.append(wall / row.calls)
                    row.cpu_seconds.append(cpu / row.calls)

    @contextlib.contextmanager
    def _noting(self, row: Row, alive: dict[str, Process] | None = None) -> Any:
        """A contender that fails leaves a note in its row, and the others go on."""
        try:
            yield
        except Absent as absent:
            row.note = f"absent: {absent}"
        except Failed as failed:
            lines = str(failed).strip().splitlines()
            row.note = f"failed: {lines[-1]}"
        else:
            return
        if alive is not None and row.name in alive:
            alive.pop(row.name).close()
