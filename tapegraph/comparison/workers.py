"""Peers in processes of their own, where the same work is written down for them: the workers of ``tapegraph bench``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tapegraph.bench.process import CONTENDERS, OURS, Process
from tapegraph.comparison.agreement import Moment
from tapegraph.comparison.lane import Batch, samples
from tapegraph.comparison.peers import Contender, converted

NAMES = tuple(name for name in CONTENDERS if name not in OURS)
ROWS = 64  # batches that a worker is given, at most


class Worker(Contender):
    """A peer in its own process. ``workload``: the file that has its program; ``case``: what that is told."""

    def __init__(self, name: str, workload: Path, case: dict[str, Any], params: Any, threads: int) -> None:
        super().__init__(name)
        self.workload, self.case, self.params, self.threads = workload, case, params, threads
        self.process: Process | None = None
        self.sizes: list[int] = []

    def begin(self, rows: Sequence[Batch], eager: Moment) -> None:
        """Start the process, make the first call in it, and see whether it agrees with that of eager mode."""
        with self.noting():
            self.process = process = Process(self.name, self.threads)
            self.peer.version = process.ask("imports", cold=True)["version"]
            rows = rows[:ROWS]
            self.sizes = [samples(row) for row in rows]
            found = process.ask(
                "start",
                path=str(self.workload),
                case=self.case,
                params=self.params,
                batches=[converted(row, lambda array: array) for row in rows],
                calls=1,
            )
            self.first = self.peer.first_call = found["first"]
            self.compare(found["results"][0], list(eager.results.values()))

    def run(self, rows: Sequence[Batch]) -> None:
        """As many calls as there are rows, each waited for, on the process's own batches in turn; the first is not timed."""
        assert self.process is not None
        with self.noting():
            first, count = self.calls + 1, len(self.sizes)  # the first call of all was that of ``begin``
            seconds = self.process.ask("singly", calls=len(rows))
            turn = [(self.sizes[(first + k) % count], s) for k, s in enumerate(seconds)]
            self.turns.append(turn[len(turn) > 1 :])
            self.calls += len(rows)

    def out(self, why: str) -> Worker:
        """The same, left out for a reason."""
        self.failed, self.peer.note = True, f"absent: {why}"
        return self

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.close()
