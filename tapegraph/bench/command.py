"""``tapegraph bench`` from options to a report; what was measured before an interruption is kept."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import tapegraph as tg
from tapegraph.bench import machine, suite
from tapegraph.bench.measure import Measurement, Settings
from tapegraph.bench.process import CONTENDERS, OURS
from tapegraph.bench.results import Report
from tapegraph.written import unwritable, write

FAILED, INTERRUPTED = 1, 130
WIDTH = 170  # columns of tables that go to a file
Show = Callable[[str, int, int], None]  # what begins, workloads done, workloads in all


def run(
    workloads: list[suite.Workload],
    peers: list[str],
    threads: list[int],
    settings: Settings,
    *,
    seconds: float | None = None,
    show: Show = lambda text, done, total: None,
    finished: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Measure workload after workload; a Ctrl-C ends it early, with everything so far in the report.

    ``seconds``: after so many no other workload is begun. ``finished``: called after each.
    """
    told = {
        "peers": peers,
        "threads": threads,
        "rounds": settings.rounds,
        "seconds": seconds,
        "starts": settings.starts,
    }
    report = Report(machine.described(), told)
    todo = [(count, workload) for count in threads for workload in workloads]
    report.unfinished = [f"{workload.name} ({count})" for count, workload in todo]
    began = time.monotonic()
    try:
        for number, (count, workload) in enumerate(todo):
            if seconds is not None and time.monotonic() - began > seconds:
                report.ended = f"its {seconds} s had passed"
                break
            if count not in report.ceilings:
                show("measuring the machine", number, len(todo))
                report.ceilings[count] = machine.ceilings(count)
            going = Measurement(workload, [*OURS, *peers], count, settings)
            going.outcome.bound = report.ceilings[count].seconds(going.outcome.work)
            report.outcomes.append(going.outcome)
            going.run(lambda text, w=workload, n=number: show(f"{w.name}: {text}", n, len(todo)))
            report.unfinished.pop(0)
            finished(report)
    except KeyboardInterrupt:
        report.ended = "interrupted"
    return report


def main(options: argparse.Namespace) -> int:
    """Run what the command line asks for.

    Returns 0; 1 where our own modes fail or disagree with the others; 130 where it was interrupted.
    """
    workloads = _checked(options)

    def keep(report: Report) -> None:
        if options.json is not None:
            write(options.json, {"tapegraph": tg.__version__, **report.as_dict()})

    from rich.console import Console

    from tapegraph.bench.report import head, tables

    width = None if sys.stdout.isatty() else WIDTH
    console = Console(no_color=options.no_color or None, highlight=False, width=width)
    settings = Settings(options.rounds, options.starts, dict(options.peer_python))
    with _bar(console) as show:
        report = run(
            workloads,
            options.peers,
            options.threads,
            settings,
            seconds=options.seconds,
            show=show,
            finished=keep,
        )
    keep(report)
    console.print(head(report))
    console.print(tables(report))
    if options.json is not None:
        console.print(f"all figures: {options.json}")
    if options.plot is not None:
        from tapegraph.bench.plot import draw

        draw(report, options.plot)
        console.print(f"the ratios as a picture: {options.plot}")
    if report.ended == "interrupted":
        return INTERRUPTED
    return FAILED if any(row.note for o in report.outcomes for row in o.rows.values() if row.name in OURS) else 0


def _checked(options: argparse.Namespace) -> list[suite.Workload]:
    """The workloads asked for; ends with a message where an option cannot be."""
    refuse = options.parser.error
    for peer in [*options.peers, *dict(options.peer_python)]:
        if peer not in CONTENDERS or peer in OURS:
            known = ", ".join(name for name in CONTENDERS if name not in OURS)
            refuse(f"there is no peer {peer!r}; choose from {known}")
    for path in filter(None, (options.json, options.plot)):
        if problem := unwritable(path):
            refuse(problem)
    if options.plot is not None and importlib.util.find_spec("matplotlib") is None:
        refuse("--plot needs matplotlib: pip install 'tapegraph[notebooks]'")
    try:
        return suite.chosen(options.suite, options.workload)
    except ValueError as wrong:
        refuse(str(wrong))
        raise


@contextlib.contextmanager
def _bar(console: Any) -> Iterator[Show]:
    """A progress bar, drawn between blocks of calls only: a thread that draws would disturb the measuring."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=quiet) as progress:
        task = progress.add_task("")

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done, total=total, refresh=True)

        yield show
