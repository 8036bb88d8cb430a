"""What a run has found as one self-contained HTML page."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from tapegraph.bugs.results import Found, Row, stability, worst
from tapegraph.bugs.scorer import WEIGHTS, Score
from tapegraph.bugs.template import TIERS, Template, templates
from tapegraph.report.canvas import both_widths
from tapegraph.report.scatter import Dot, scatter
from tapegraph.report.templates import render

WORST = 25


@dataclass(frozen=True)
class Cell:
    """What a contender made of a template: the mean of its points and the verdicts; no points where it has no program."""

    points: float | None
    verdicts: str


def page(found: Found) -> str:
    """The scatter, the table, what every contender said to every template, and the worst cases."""
    m = found.machine
    return render(
        "bugs.html",
        title="How easy to debug: DX-100",
        found=found,
        facts=[
            f"corpus {found.frozen}",
            f"{len(templates())} templates",
            f"variants {', '.join(found.settings.get('variants', []))}",
            *(str(m[key]) for key in ("system", "processor") if key in m),
            *(f"{m[key]} {word}" for key, word in (("cores", "cores"),) if key in m),
            *(f"Python {m[key]}" for key in ("python",) if key in m),
        ],
        tiers=TIERS,
        parts=list(WEIGHTS),
        style_of=_style,
        scatter=both_widths(lambda width: scatter(_dots(found), width, f"calls a second ({found.workload})")),
        stable=stability(found.scored),
        cases=[(template, _cells(template, found.scored)) for template in templates()],
        worst=[pair for pair in worst(found.scored, WORST * len(found.scored)) if pair[1].said or pair[1].note],
    )


def _style(row: Row) -> str:
    """The mode that a contender is a form of, else "peer"."""
    first = row.name.split()[0]
    return first if first in ("eager", "static") else "peer"


def _dots(found: Found) -> list[Dot]:
    """Contenders as they are, at their speed; what their debug switches make of them stands at the same speed."""
    made = []
    for row in found.scored:
        if row.name in found.throughput:
            switched = {
                other.name: other.dx or 0.0
                for other in found.scored
                if other.debug and other.name.startswith(f"{row.name} ")
            }
            made.append(Dot(row.name, found.throughput[row.name], row.dx or 0.0, _style(row), switched))
    return made


def _cells(template: Template, rows: list[Row]) -> list[Cell]:
    return [_cell([s for s in row.scores if s.template == template.name]) for row in rows]


def _cell(scores: list[Score]) -> Cell:
    points = [s.points for s in scores if s.verdict != "absent"]
    return Cell(
        statistics.fmean(points) if points else None, ", ".join(sorted({s.verdict for s in scores})) or "absent"
    )
