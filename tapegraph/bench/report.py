"""A benchmark's outcomes as tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tapegraph.bench.process import OURS
from tapegraph.bench.results import Outcome, Report, Row, quartiles
from tapegraph.bench.worker import NO_PROGRAM
from tapegraph.comparison.units import duration, size


def head(report: Report) -> RenderableType:
    """The machine, its load, and what it can do at most."""
    m = report.machine
    load = "" if m["load"] is None else f", load {m['load']:.1f}"
    lines = [f"{m['system']}, {m['processor']}, {m['cores']} cores{load}, Python {m['python']}, NumPy {m['numpy']}"]
    versions = {row.name: row.version for o in report.outcomes for row in o.timed.values()}
    lines.append(", ".join(f"{name} {version}" for name, version in versions.items() if name != "numpy"))
    for threads, found in report.ceilings.items():
        rates = " ".join(f"{rate / 1e9:.0f}" for rate in found.traffic.values())
        least, most = (size(edge(found.traffic)) for edge in (min, max))
        lines.append(
            f"with {_threads(threads)} at most {found.flops / 1e9:.0f} GFLOP/s in matrix products and {rates} GB/s "
            f"from memory ({least} to {most})"
        )
    return Text("\n".join(lines) + "\n", style="dim")


def tables(report: Report) -> RenderableType:
    """Speed of every workload, then what starting costs and memory, for each number of threads."""
    parts: list[RenderableType] = []
    for threads in dict.fromkeys(o.threads for o in report.outcomes):
        outcomes = [o for o in report.outcomes if o.threads == threads]
        parts += [Text(f"Time of a call, median, with {_threads(threads)}", style="bold"), _speed(outcomes)]
        mean = report.geometric_mean(threads)
        if mean is not None:
            parts.append(Text(f"geometric mean of {mean.over} ratios: {mean.value:.2f}\n", style="bold"))
        parts += [Text("Starts, break-even and memory", style="bold"), _costs(outcomes)]
        parts += [Text(line, style="dim") for line in _notes(outcomes)]
    if report.ended:
        parts.append(Text(f"{report.ended}; not finished: {', '.join(report.unfinished)}", style="bold yellow"))
    return Group(*parts)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count != 1)}"


def _speed(outcomes: list[Outcome]) -> Table:
    names = list(dict.fromkeys(name for o in outcomes for name, row in o.rows.items() if row.seconds))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("workload", no_wrap=True)
    for name in (*names, "best peer / static", "middle half", "target", "of roofline"):
        table.add_column(name, justify="right")
    for o in outcomes:
        table.add_row(o.workload, *(_time(o.rows.get(name)) for name in names), *_verdict(o), _part(o.of_roofline))
    return table


def _time(row: Row | None) -> str:
    if row is not None and row.seconds:
        return duration(row.median)
    return "-" if row is None or not row.note or row.note.startswith("absent") else "see below"


def _verdict(o: Outcome) -> list[Any]:
    target = "" if o.target is None else f"{o.target:g}"
    if o.ratio is None or o.best is None:
        return ["", "", target]
    low, high = quartiles(o.ratios(o.best))
    style = "" if o.target is None else "green" if o.ratio >= o.target else "red"
    return [Text(f"{o.ratio:.2f} {o.best}", style=style), f"{low:.2f} - {high:.2f}", target]


def _part(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _costs(outcomes: list[Outcome]) -> Table:
    """Of each contender; first results after imports, memory beyond them."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("workload", ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("middle half", "cold start", "warm start", "calls to break even: cold, warm", "peak memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    for o in outcomes:
        for number, row in enumerate(o.timed.values()):
            table.add_row(
                o.workload if number == 0 else "",
                row.name,
                " - ".join(map(duration, row.quartiles)),
                "" if row.cold is None else duration(row.cold),
                "" if row.warm is None else duration(row.warm),
                _even(o) if row.name == OURS[0] else "",
                "" if not row.peak else size(row.peak),
            )
    return table


def _even(o: Outcome) -> str:
    return ", ".join("never" if calls is None else f"{calls:,}" for calls in o.break_even.values())


def _notes(outcomes: list[Outcome]) -> list[str]:
    """Why rows have no times: each reason once, with the workloads it holds for."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for o in outcomes:
        for row in o.rows.values():
            if row.note and not row.note.endswith(NO_PROGRAM):
                reasons.setdefault((row.name, row.note), []).append(o.workload)
    return [f"{name}: {note} ({', '.join(workloads)})" for (name, note), workloads in reasons.items()]
