"""What a run has found, as tables for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tapegraph.bugs.results import Found, Row, stability, worst
from tapegraph.bugs.scorer import WEIGHTS
from tapegraph.bugs.template import TIERS, templates

WORST = 12
HEIGHT, WIDTH = 14, 60  # of the scatter, in characters


def report(found: Found) -> RenderableType:
    """The table of contenders, how stable their order is, the worst cases of our own, and the scatter."""
    m = found.machine
    parts: list[RenderableType] = [
        Text(
            f"corpus {found.frozen}: {len(templates())} templates, variants {', '.join(found.settings['variants'])}; "
            f"{m.get('system')}, {m.get('cores')} cores, Python {m.get('python')}",
            style="dim",
        ),
        _table(found.rows),
        Text(
            "detected: exception 1, warning 0.75, silent 0, of the bugs that can go wrong; other parts: of those detected"
        ),
        Text(
            "values: operands that the post-mortem shows as arrays. not immune: DX without the cases that cannot go wrong"
        ),
    ]
    parts += [Text(f"{row.name}: {row.note}", style="dim") for row in found.rows if row.note]
    parts += [Text(line, style="dim") for line in _absences(found.rows)]
    stable = stability(found.scored)
    if stable:
        first = ", ".join(f"{name[6:]} {share:.0%}" for name, share in stable.items() if name.startswith("first "))
        parts.append(Text(f"under random weights: pairs in this order {stable['pairs_kept']:.0%}; first: {first}"))
    ours = [row for row in found.rows if row.scores and row.name.split()[0] in ("eager", "static")]
    parts += [Text("\nFewest points of ours, and what was missing", style="bold"), _worst(ours)]
    for row in found.rows:
        parts += [
            Text(f"false alarm: {row.name}, {s.case}: {s.alarm.splitlines()[0]}", style="red")
            for s in row.scores
            if s.alarm
        ]
    if found.throughput:
        parts += [Text(f"\nThroughput ({found.workload}) against debuggability", style="bold"), Text(scatter(found))]
    if found.ended:
        parts.append(Text(f"{found.ended}; what is above was finished", style="bold yellow"))
    return Group(*parts)


def _table(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for heading in ("DX", *TIERS, "probes", *WEIGHTS, "alarms", "not immune"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        if row.dx is None:
            table.add_row(row.name, "-")
            continue
        probes = sum(row.probes.values()) / len(row.probes) if row.probes else None
        table.add_row(
            row.name,
            Text(f"{row.dx:.1f}", style="bold"),
            *(_number(row.tier(t)) for t in TIERS),
            _share(probes),
            *(_share(row.part(p)) for p in WEIGHTS),
            f"{row.alarms:.0%}",
            _number(row.dx_of(immune=False)),
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _absences(rows: list[Row]) -> list[str]:
    """Why contenders have no program for a template: each reason once."""
    reasons: dict[str, dict[str, None]] = {}
    for row in rows:
        for score in row.scores:
            if not score.twin:
                word = "immune" if score.verdict == "immune" else "left out"
                reasons.setdefault(f"{score.template}, {word}: {score.note}", {})[row.name] = None
    return [f"{reason} ({', '.join(names)})" for reason, names in reasons.items()]


def _worst(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("contender", "case", "points", "verdict", "missing", "seen"):
        table.add_column(heading, justify="right" if heading == "points" else "left", no_wrap=heading != "seen")
    for row, score in worst(rows, WORST):
        missing = "everything" if score.verdict in ("silent", "broken") else ", ".join(score.missing)
        seen = score.note.splitlines()[-1] if score.note else ""
        table.add_row(row.name, score.case, f"{score.points:.0f}", score.verdict, missing, seen)
    return table


def scatter(found: Found) -> str:
    """DX upwards, calls a second to the right (logarithmic), a letter for each contender as it is without switches."""
    rows = [row for row in found.scored if not row.debug and row.name in found.throughput]
    if not rows:
        return "no contender was measured by both commands"
    from math import log

    speeds = [log(found.throughput[row.name]) for row in rows]
    low, high = min(speeds), max(speeds)
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    legend = []
    for number, (row, speed) in enumerate(zip(rows, speeds, strict=True)):
        x = round((WIDTH - 1) * (speed - low) / (high - low or 1.0))
        y = round((HEIGHT - 1) * (1 - (row.dx or 0.0) / 100))
        letter = chr(ord("A") + number)
        grid[y][x] = letter
        legend.append(f"{letter} {row.name}: {row.dx:.1f}, {found.throughput[row.name]:,.0f} calls a second")
    lines = [
        f"{'100' if i == 0 else '  0' if i == HEIGHT - 1 else '   '} |{''.join(row)}" for i, row in enumerate(grid)
    ]
    return "\n".join([*lines, f"    +{'-' * WIDTH}", *legend])
