"""A benchmark's outcomes as tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tapegraph.bench.process import OURS
from tapegraph.bench.results import Outcome, Report, Row, quartiles
from tapegraph.comparison.report import duration, size


def head(report: Report) -> RenderableType:
    """The machine, in two lines."""
    m = report.machine
    load = "" if m["load"] is None else f", load {m['load']:.1f}"
    lines = [f"{m['system']}, {m['processor']}, {m['cores']} cores{load}, Python {m['python']}, NumPy {m['numpy']}"]
    for name, found in m.items():
        if name.startswith("ceilings"):
            rates = [f"{rate / 1e9:.0f}" for rate in found["traffic"].values()]
            lines.append(
                f"{name}: matrix products {found['flops'] / 1e9:.0f} GFLOP/s, memory {' '.join(rates)} GB/s "
                f"({size(min(found['traffic']))} to {size(max(found['traffic']))})"
            )
    return Text("\n".join(lines), style="dim")


def tables(report: Report) -> RenderableType:
    """Speed of every workload, then what starting costs and memory, for each number of threads."""
    parts: list[RenderableType] = []
    for threads in dict.fromkeys(o.threads for o in report.outcomes):
        outcomes = [o for o in report.outcomes if o.threads == threads]
        parts += [Text(f"{threads} thread{'s' * (threads != 1)}, time of a call", style="bold"), _speed(outcomes)]
        mean = report.geometric_mean(threads)
        if mean is not None:
            parts.append(Text(f"geometric mean of the ratios: {mean:.2f}\n", style="bold"))
        parts += [Text("what it costs beside", style="bold"), _costs(outcomes)]
        parts += [Text(line, style="dim") for line in _notes(outcomes)]
    if report.ended:
        parts.append(
            Text(f"{report.ended}; not measured: {', '.join(report.unfinished) or 'the rest'}", style="yellow")
        )
    return Group(*parts)


def _speed(outcomes: list[Outcome]) -> Table:
    names = list(dict.fromkeys(name for o in outcomes for name in o.rows))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("workload", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    for name in ("peer / static", "quartiles", "target", "roofline"):
        table.add_column(name, justify="right")
    for o in outcomes:
        table.add_row(o.workload, *(_time(o.rows.get(name)) for name in names), *_verdict(o), _part(o.of_roofline))
    return table


def _time(row: Row | None) -> str:
    if row is None or not row.seconds:
        return "-" if row is None or row.note.startswith("absent") else "failed" if row.note else "..."
    return duration(row.median)


def _verdict(o: Outcome) -> list[Any]:
    target = "" if o.target is None else f"{o.target:g}"
    if o.ratio is None or o.best is None:
        return ["", "", target]
    low, high = quartiles(o.ratios(o.best))
    style = "" if o.target is None else "green" if o.ratio >= o.target else "red"
    return [Text(f"{o.ratio:.2f} {o.best}", style=style), f"{low:.2f}-{high:.2f}", target]


def _part(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _costs(outcomes: list[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    headings = ("workload", "contender", "middle half", "cold start", "warm start", "pays after (cold, warm)", "memory")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("workload", "contender") else "right", no_wrap=True)
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
            if row.note:
                reasons.setdefault((row.name, row.note), []).append(o.workload)
    return [f"{name}: {note} ({', '.join(workloads)})" for (name, note), workloads in reasons.items()]
