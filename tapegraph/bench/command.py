"""``tapegraph bench`` from options to a report; what was measured before an interruption is kept."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tapegraph.bench import machine
from tapegraph.bench.measure import Measurement
from tapegraph.bench.process import OURS
from tapegraph.bench.results import Report
from tapegraph.bench.suite import Workload

Show = Callable[[str, int, int], None]  # what is being done, workloads done, workloads in all


def run(
    workloads: list[Workload],
    peers: list[str],
    threads: list[int],
    *,
    rounds: int,
    seconds: float,
    starts: bool,
    pythons: dict[str, str],
    show: Show = lambda text, done, total: None,
    finished: Callable[[Any], None] = lambda outcome: None,
) -> Report:
    """Measure workload after workload; a Ctrl-C ends it early, with everything so far in the report."""
    settings = {"peers": peers, "threads": threads, "rounds": rounds, "seconds": seconds, "starts": starts}
    report = Report(machine.described(), settings)
    todo = [(count, workload) for count in threads for workload in workloads]
    report.unfinished = [f"{workload.name} ({count})" for count, workload in todo]
    began, ceilings = time.monotonic(), {}
    try:
        for number, (count, workload) in enumerate(todo):
            if time.monotonic() - began > seconds:
                report.ended = f"the {seconds:.0f} s it was given had passed"
                break
            if count not in ceilings:
                show("measuring the machine", number, len(todo))
                ceilings[count] = machine.ceilings(count)
                report.machine[f"ceilings, {count} threads"] = vars(ceilings[count])
            going = Measurement(
                workload,
                [*OURS, *peers],
                count,
                pythons=pythons,
                starts=starts,
                progress=lambda text, w=workload, n=number: show(f"{w.name}: {text}", n, len(todo)),
            )
            going.outcome.bound = ceilings[count].seconds(going.outcome.work)
            report.outcomes.append(going.outcome)
            report.unfinished.pop(0)
            going.run(rounds)
            finished(going.outcome)
    except KeyboardInterrupt:
        report.ended = "interrupted"
    return report


def main(options: argparse.Namespace) -> int:
    """Run what the command line asks for; 0, or 130 where it was interrupted."""
    from rich.console import Console

    from tapegraph.bench.report import head, tables

    console = Console(no_color=options.no_color or None, highlight=False, width=None if sys.stdout.isatty() else 180)
    with _bar(console) as show:
        report = run(
            options.workloads,
            options.peers,
            options.threads,
            rounds=options.rounds,
            seconds=options.seconds,
            starts=options.starts,
            pythons=options.peer_python,
            show=show,
        )
    console.print(head(report))
    console.print(tables(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    return 130 if report.ended == "interrupted" else 0


@contextlib.contextmanager
def _bar(console: Any) -> Iterator[Show]:
    """A progress bar, drawn between blocks of calls only: a thread that draws would disturb the measuring."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=quiet) as progress:
        task = progress.add_task("")

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done, total=total, refresh=True)

        yield show
