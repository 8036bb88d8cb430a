"""Speed against debuggability: a dot for each contender, and no two labels meet."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapegraph.comparison.units import short_count
from tapegraph.report.canvas import FOOT, WIDE, Chart
from tapegraph.report.scale import Box, Scale, around, beside, free


@dataclass(frozen=True)
class Dot:
    """One contender: calls a second and points of 100. ``switched``: its points with debug switches, by their names."""

    name: str
    rate: float
    points: float
    style: str = "peer"  # or the name of a mode
    switched: dict[str, float] = field(default_factory=dict)


def scatter(dots: list[Dot], width: int, rate: str = "calls a second") -> Chart | None:
    """Debuggability upwards, throughput to the right; up and right is better. No two labels meet."""
    if not dots:
        return None
    said = "; ".join(f"{d.name}: {short_count(d.rate)} {rate}, {d.points:.0f} points" for d in dots)
    chart = Chart("scatter", "Throughput and debuggability", f"{said}.", width, 360 if width == WIDE else 340)
    x = Scale(*around([d.rate for d in dots], margin=0.12), 44, width - 14)
    y = Scale(0, 100, chart.height - FOOT, 34, log=False)
    chart.y_axis(y, x.start, x.end, lambda tick: f"{tick:g}", "debuggability, points of 100")
    chart.x_axis(x, y.end, y.start, short_count, f"{rate}, logarithmic")
    inside = Box(x.start + 2, y.end - 12, x.end, y.start - 2)
    spots = [Box(x(d.rate) - 7, y(d.points) - 7, x(d.rate) + 7, y(d.points) + 7) for d in dots]
    for d in dots:
        at = x(d.rate), y(d.points)
        for switch, points in d.switched.items():
            chart.line("switched", *at, at[0], y(points))
            chart.dot("ring", at[0], y(points), 4, f"{switch}: {points:.0f} points")
            spots.append(Box(at[0] - 5, y(points) - 5, at[0] + 5, y(points) + 5))
        draw = chart.square if d.style == "static" else chart.dot
        draw(f"spot {d.style}", *at, tip=f"{d.name}: {short_count(d.rate)} {rate}, {d.points:.0f} points")
    taken = [*chart.taken, *spots]
    for d in sorted(dots, key=lambda d: d.style == "peer"):
        text = f"{d.name} {d.points:.0f}"
        left, base, anchor = free(text, beside(x(d.rate), y(d.points), inside), taken, inside)
        chart.words("note", text, left, base, anchor)
        if anchor == "middle" and abs(base - 4 - y(d.points)) > 20:
            chart.line("leader", x(d.rate), y(d.points), left, base + 3 if base < y(d.points) else base - 12)
    return chart
