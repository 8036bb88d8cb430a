"""What a run has found as one self-contained HTML page."""

from __future__ import annotations

from html import escape
from math import log

from tapegraph.bugs.results import Found, Row, stability, worst
from tapegraph.bugs.scorer import WEIGHTS
from tapegraph.bugs.template import TIERS, templates

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .25em .6em; text-align: right }
th { border-bottom: 1px solid #888; font-weight: 600 } td:first-child, th:first-child, td.text { text-align: left }
tr.ours td:first-child { font-weight: 600 } pre { background: #f5f5f5; padding: .8em; overflow-x: auto; font-size: 13px }
details { margin: .4em 0 } summary { cursor: pointer } .dim { color: #666 } .silent { color: #b00 }
"""
WIDE, HIGH, MARGIN = 640, 360, 48
WORST = 25


def page(found: Found) -> str:
    """The table, the scatter, what every contender said to every template, and the worst cases."""
    m = found.machine
    head = (
        f"corpus {found.frozen}, {len(templates())} templates, variants {', '.join(found.settings.get('variants', []))}; "
        f"{m.get('system')}, {m.get('cores')} cores, Python {m.get('python')}"
    )
    stable = stability(found.scored)
    kept = f"<p>Under random weights {stable['pairs_kept']:.0%} of all pairs keep their order.</p>" if stable else ""
    body = [
        "<h1>Debuggability: DX-100</h1>",
        f"<p class=dim>{escape(head)}</p>",
        _table(found.rows),
        *(f"<p class=dim>{escape(row.name)}: {escape(row.note)}</p>" for row in found.rows if row.note),
        kept,
        _scatter(found),
        "<h2>Every template</h2>",
        _cases(found.scored),
        "<h2>Fewest points, and what was said</h2>",
        *_worst(found.scored),
    ]
    title = "<title>tapegraph bugs</title>"
    return f"<!doctype html><html lang=en><meta charset=utf-8>{title}<style>{STYLE}</style>{''.join(body)}</html>\n"


def _row(cells: list[str], tag: str = "td", kind: str = "") -> str:
    return f"<tr class='{kind}'>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _ours(row: Row) -> str:
    return "ours" if row.name.split()[0] in ("eager", "static") else ""


def _table(rows: list[Row]) -> str:
    head = _row(
        ["", "DX", *(f"{t} {word}" for t, word in TIERS.items()), "probes", *WEIGHTS, "alarms", "not immune"], "th"
    )
    lines = []
    for row in rows:
        if row.dx is None:
            continue
        probes = sum(row.probes.values()) / len(row.probes) if row.probes else None
        lines.append(
            _row(
                [
                    f"{escape(row.name)} <span class=dim>{escape(row.version)}</span>",
                    f"<b>{row.dx:.1f}</b>",
                    *(_number(row.tier(t)) for t in TIERS),
                    _number(probes, 2),
                    *(_number(row.part(p), 2) for p in WEIGHTS),
                    f"{row.alarms:.0%}",
                    _number(row.dx_of(immune=False)),
                ],
                kind=_ours(row),
            )
        )
    return f"<table>{head}{''.join(lines)}</table>"


def _scatter(found: Found) -> str:
    """A dot for each contender as it is; a line up or down to what its switches make of it, at the speed without them."""
    rows = [row for row in found.scored if row.name in found.throughput]
    if not rows:
        return ""
    speeds = {row.name: log(found.throughput[row.name]) for row in rows}
    low, high = min(speeds.values()), max(speeds.values())

    def x(name: str) -> float:
        return MARGIN + (WIDE - 3 * MARGIN) * (speeds[name] - low) / (high - low or 1.0)

    def y(dx: float | None) -> float:
        return HIGH - MARGIN - (HIGH - 2 * MARGIN) * (dx or 0.0) / 100

    marks = []
    for row in rows:
        for other in found.scored:
            if other.debug and other.name.startswith(f"{row.name} "):
                marks.append(
                    f"<line x1={x(row.name):.0f} x2={x(row.name):.0f} y1={y(row.dx):.0f} y2={y(other.dx):.0f} stroke=#999 />"
                )
        colour = "#06c" if _ours(row) else "#555"
        marks.append(f"<circle cx={x(row.name):.0f} cy={y(row.dx):.0f} r=5 fill={colour} />")
        label = f"{escape(row.name)} {row.dx:.0f}"
        marks.append(f"<text x={x(row.name) + 9:.0f} y={y(row.dx) + 4:.0f} font-size=13>{label}</text>")
    axes = (
        f"<line x1={MARGIN} x2={WIDE - MARGIN} y1={y(0):.0f} y2={y(0):.0f} stroke=black />"
        f"<line x1={MARGIN} x2={MARGIN} y1={y(0):.0f} y2={y(100):.0f} stroke=black />"
        f"<text x={MARGIN} y={HIGH - 14} font-size=13>calls a second ({escape(found.workload)}), logarithmic: "
        f"{min(found.throughput[r.name] for r in rows):,.0f} to {max(found.throughput[r.name] for r in rows):,.0f}</text>"
        f"<text x=8 y={y(100) - 12:.0f} font-size=13>DX</text>"
    )
    return (
        f"<h2>Throughput against debuggability</h2><svg width={WIDE} height={HIGH}>{axes}{''.join(marks)}</svg>"
        "<p class=dim>A line leads to the score with debug switches, drawn at the speed without them.</p>"
    )


def _cases(rows: list[Row]) -> str:
    lines = [_row(["", *(escape(row.name) for row in rows)], "th")]
    for template in templates():
        cells = [f"<span title='{escape(template.caption)}'>{template.tier} {template.name}</span>"]
        for row in rows:
            found = [s for s in row.scores if s.template == template.name]
            points = [s.points for s in found if s.verdict != "absent"]
            words = ", ".join(sorted({s.verdict for s in found}))
            mean = f"{sum(points) / len(points):.0f}" if points else "–"
            cells.append(f"<span class={escape(words.split(',')[0])} title='{escape(words)}'>{mean}</span>")
        lines.append(_row(cells))
    return f"<table>{''.join(lines)}</table>"


def _worst(rows: list[Row]) -> list[str]:
    made = []
    for row, score in worst(rows, WORST * len(rows)):
        if score.said or score.note:
            missing = ", ".join(score.missing)
            made.append(
                f"<details><summary>{escape(row.name)}, {escape(score.case)}: {score.points:.0f}, {score.verdict}; "
                f"missing {escape(missing)}</summary><pre>{escape(score.said or score.note)}</pre></details>"
            )
    return made
