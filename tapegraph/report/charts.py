"""The charts of a comparison: when compiling has paid, how long calls take, and what its scatter shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from tapegraph.comparison.figures import BreakEven, Comparison
from tapegraph.comparison.units import count, duration, short_count
from tapegraph.report.canvas import FOOT, WIDE, Chart
from tapegraph.report.scale import Box, Scale, around, free
from tapegraph.report.scatter import Dot


def break_even(found: Comparison, width: int) -> Chart | None:
    """Total time against calls for eager mode and for each start of static mode, crossings and their intervals marked."""
    eager, static = found.modes.get("eager"), found.modes.get("static")
    if eager is None or static is None or not found.starts:
        return None
    paid = [b.high or b.calls for s in found.starts if (b := s.break_even) and (b.high or b.calls)]
    longest = max(s.first_call for s in found.starts)
    last = 10 ** math.ceil(
        math.log10(max([100, *(5 * p for p in paid), *([] if paid else [3 * longest / eager.median])]))
    )

    def ahead(start: float) -> Callable[[float], float]:
        return lambda calls: start + (calls - 1) * static.median

    lines: list[tuple[str, str, Callable[[float], float]]] = [("eager", "eager", lambda calls: calls * eager.median)]
    lines += [(f"static start{i}", f"static, {s.name}", ahead(s.first_call)) for i, s in enumerate(found.starts)]
    chart = Chart(
        "break-even", "Total time against number of calls", _when(found), width, 380 if width == WIDE else 330
    )
    x = Scale(1, last, 62, width - 14)
    low, high = around([total for _, _, line in lines for total in (line(1), line(last))], margin=0.03)
    y = Scale(low, high, chart.height - FOOT, 34)
    chart.y_axis(y, x.start, x.end, duration, "total time, logarithmic")
    chart.x_axis(x, y.end, y.start, short_count, "calls of the function, logarithmic")
    for start in found.starts:
        _interval(chart, start.break_even, x, y)
    drawn: list[Box] = []
    for style, name, line in lines:
        points = [(x(n), y(line(n))) for n in x.points(64)]
        chart.path(f"curve {style}", points, tip=name)
        drawn += [Box(a, min(b, d), c, max(b, d)) for (a, b), (c, d) in pairwise(points)]
    inside = Box(x.start, y.end, x.end, y.start)
    for start in found.starts:
        if start.break_even and start.break_even.calls:
            at = x(start.break_even.calls), y(start.break_even.calls * eager.median)
            chart.dot("crossing", *at, 5, f"{start.name}: {_calls(start.break_even)}")
            _annotate(chart, drawn, f"{count(start.break_even.calls)} calls", at, inside)
    return chart


def _annotate(chart: Chart, drawn: list[Box], text: str, at: tuple[float, float], inside: Box) -> None:
    """The number beside a crossing: below it to the right, else above it to the left, where neither line goes."""
    x, y = at
    spots = [(x + 12, y + 18, "start"), (x - 8, y - 12, "end"), (x + 12, y + 34, "start"), (x - 8, y - 28, "end")]
    chart.words("note", text, *free(text, spots, [*chart.taken, *drawn], inside))


def _interval(chart: Chart, found: BreakEven | None, x: Scale, y: Scale) -> None:
    if found is None or found.calls is None or found.low is None:
        return
    chart.rect("band", x(found.low), y.end, x(found.high or x.high), y.start, tip=_calls(found))
    chart.line("cross", x(found.calls), y.end, x(found.calls), y.start)


def _calls(found: BreakEven) -> str:
    if found.calls is None:
        return (
            "never"
            if found.high is None and found.low is None
            else f"perhaps after {count(found.low or 0)} calls, perhaps never"
        )
    upto = "never" if found.high is None else count(found.high)
    return f"{count(found.calls)} calls ({found.level:.0%}: {count(found.low or 1)} to {upto})"


def _when(found: Comparison) -> str:
    said = [f"{s.name}: {_calls(s.break_even)}" for s in found.starts if s.break_even]
    return f"Calls after which static mode, its compiling included, has taken less time than eager mode: {'; '.join(said)}."


def latency(found: Comparison, width: int) -> Chart | None:
    """A histogram of single calls for each mode and peer, on one logarithmic axis, with median and quartiles."""
    speeds = dict(found.modes)
    speeds |= {name: peer.speed for name, peer in found.peers.items() if peer.speed is not None}
    if not speeds:
        return None
    high_row, top = 74, 12
    said = "; ".join(
        f"{name}: median {duration(s.median)}, half of the calls from {duration(s.low)} to {duration(s.high)}"
        for name, s in speeds.items()
    )
    chart = Chart("latency", "How long single calls take", f"{said}.", width, top + high_row * len(speeds) + FOOT)
    slowest = [figure for s in speeds.values() for figure in (s.p5, s.p95, *_kept(s.times))]
    x = Scale(*around(slowest, least=0.7, margin=0.04), 14, width - 14)
    bottom = top + high_row * len(speeds)
    chart.x_axis(x, top, bottom, duration, "time of a call, logarithmic")
    bins = 60 if width == WIDE else 36
    for row, (name, speed) in enumerate(speeds.items()):
        base = top + high_row * (row + 1) - 10
        style = name if name in found.modes else "peer"
        chart.words("note", f"{name}, median {duration(speed.median)}", 16, base - 46)
        steps = _histogram(speed.times, x, bins)
        if steps:
            tall = max(size for _, size in steps)
            outline = [(steps[0][0], base)]
            wide = (x.end - x.start) / bins
            for left, size in steps:
                outline += [(left, base - 40 * size / tall), (left + wide, base - 40 * size / tall)]
            chart.path(f"hill {style}", [*outline, (steps[-1][0] + wide, base)], closed=True, tip=name)
        chart.rect(f"half {style}", x(speed.low), base + 1, x(speed.high), base + 5, tip="middle half of the calls")
        chart.line(f"median {style}", x(speed.median), base - 42, x(speed.median), base + 7)
    return chart


def _kept(times: list[float]) -> list[float]:
    """Calls without the slowest and quickest hundredth, so that one pause of the machine does not stretch the axis."""
    ordered = sorted(times)
    return ordered[len(ordered) // 100 : len(ordered) - len(ordered) // 100]


def _histogram(times: list[float], x: Scale, bins: int) -> list[tuple[float, int]]:
    """Left edges and sizes of the bins from the first that holds a call to the last."""
    wide = (x.end - x.start) / bins
    sizes = [0] * bins
    for seconds in times:
        if x.low <= seconds <= x.high:
            sizes[min(bins - 1, int((x(seconds) - x.start) / wide))] += 1
    there = [i for i, size in enumerate(sizes) if size]
    return [(round(x.start + wide * i, 1), sizes[i]) for i in range(there[0], there[-1] + 1)] if there else []


def dots(found: Comparison) -> list[Dot]:
    """Modes and peers of which both speed and debuggability are known."""
    points = found.debuggability
    made = [Dot(name, 1 / s.median, points[name], name) for name, s in found.modes.items() if name in points]
    for name, peer in found.peers.items():
        if peer.speed is not None and peer.debuggability is not None:
            made.append(Dot(name, 1 / peer.speed.median, peer.debuggability))
    return made
