"""A run of the benchmark: workload after workload; what was measured before an interruption is kept."""

from __future__ import annotations

import time
from collections.abc import Callable

from tapegraph.bench import machine, suite
from tapegraph.bench.measure import Measurement, Settings
from tapegraph.bench.process import OURS
from tapegraph.bench.results import Report

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
