"""One workload measured: contenders started, compared, then timed by turns."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tapegraph.bench.agreement import TOLERANCE, differences
from tapegraph.bench.machine import load
from tapegraph.bench.process import Absent, Failed, Process
from tapegraph.bench.results import Outcome, Row
from tapegraph.bench.suite import Workload

COMPARED = 3  # calls whose results are compared
BLOCK = 0.03  # seconds that a turn of one contender takes at least
PEAK_CALLS = 3


@dataclass(frozen=True)
class Settings:
    """How workloads are measured; ``pythons``: interpreters of peers that have one of their own."""

    rounds: int = 15
    starts: bool = True
    pythons: dict[str, str] = field(default_factory=dict)


class Measurement:
    """A workload under way: ``outcome`` holds at any time what is known so far."""

    def __init__(self, workload: Workload, contenders: Iterable[str], threads: int, settings: Settings) -> None:
        self.workload = workload
        self.settings = settings
        self.params, self.batches = workload.start()
        self.rows = {name: Row(name) for name in contenders}
        self.outcome = Outcome(
            workload.name, workload.caption, threads, workload.target, self.rows, load(), workload.work()
        )
        self._alive: dict[str, Process] = {}

    def run(self, progress: Callable[[str], None] = lambda text: None) -> None:
        """Measure everything. ``progress`` is told what begins; it is called between measurements only."""
        with contextlib.ExitStack() as stack:
            cache = None
            if self.settings.starts:
                cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="tapegraph-bench-"))
            answers = {}
            for row in self.rows.values():
                with self._noting(row):
                    if cache is not None:
                        progress(f"{row.name}, cold start")
                        with self._process(row, cache) as process:
                            process.ask("imports", cold=True)
                            row.cold = self._begin(process, 1)["first"]
                    progress(f"{row.name}, start")
                    process = stack.enter_context(self._process(row, cache))
                    found = process.ask("imports", cold=cache is None)
                    row.version, row.imports = found["version"], found["seconds"]
                    answers[row.name] = self._begin(process, COMPARED)
                    row.warm = None if cache is None else answers[row.name]["first"]
                    self._alive[row.name] = process
            progress("comparing results")
            self._compare(answers)
            self._time(progress)
            self._peak(progress)
        self.outcome.complete = True

    def _process(self, row: Row, cache: str | None) -> Process:
        return Process(row.name, self.outcome.threads, self.settings.pythons.get(row.name), cache)

    def _begin(self, process: Process, calls: int) -> Any:
        return process.ask(
            "start",
            path=self.workload.file,
            case=self.workload.options,
            params=self.params,
            batches=self.batches,
            calls=calls,
        )

    def _compare(self, answers: dict[str, Any]) -> None:
        tolerance = self.workload.options.get("tolerance", TOLERANCE)
        for name, apart in differences(answers, self.params, tolerance).items():
            self.rows[name].difference = apart
            if not apart <= tolerance:
                self.rows[name].note = f"not timed: it computes something else (relative difference {apart:.1g})"
                self._alive.pop(name).close()

    def _time(self, progress: Callable[[str], None]) -> None:
        cycle = len(self.batches)  # whole passes over the batches, so that every turn is the same work
        for row, process in self._living():
            progress(f"{row.name}, first calls")
            with self._noting(row):
                process.ask("time", calls=cycle)
                once = process.ask("time", calls=cycle)[0] / cycle
                row.calls = cycle * max(1, math.ceil(BLOCK / once / cycle))
                process.ask("time", calls=row.calls)
        for number in range(self.settings.rounds):
            progress(f"round {number + 1} of {self.settings.rounds}")
            for row, process in self._living():
                with self._noting(row):
                    wall, cpu = process.ask("time", calls=row.calls)
                    row.seconds.append(wall / row.calls)
                    row.cpu_seconds.append(cpu / row.calls)

    def _peak(self, progress: Callable[[str], None]) -> None:
        progress("memory")
        for row, process in self._living():
            with self._noting(row):
                found = process.ask("peak", calls=max(PEAK_CALLS, len(self.batches)))
                row.peak_bytes, row.peak = found["bytes"], found["beyond_imports"]

    def _living(self) -> list[tuple[Row, Process]]:
        return [(self.rows[name], process) for name, process in self._alive.items()]

    @contextlib.contextmanager
    def _noting(self, row: Row) -> Iterator[None]:
        """A contender that fails leaves a note in its row, and the others go on."""
        try:
            yield
        except Absent as absent:
            row.note = f"absent: {absent}"
        except Failed as failed:
            row.note = f"failed: {str(failed).strip().splitlines()[-1]}"
        else:
            return
        if row.name in self._alive:
            self._alive.pop(row.name).close()
