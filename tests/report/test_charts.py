"""Scales, ticks and labels of charts."""

from itertools import combinations

import numpy as np
import pytest

from tapegraph.report import charts
from tapegraph.report.canvas import NARROW, WIDE
from tapegraph.report.scale import LETTER, Box, Scale, around, written
from tapegraph.report.scatter import Dot, scatter
from tests.report import made


@pytest.mark.parametrize("low, high", [(1, 1e6), (3e-6, 4e-5), (0.9, 1.1), (1e-9, 1e3), (17, 2300)])
@pytest.mark.parametrize("most", [3, 6, 10])
def test_ticks_are_round_few_and_on_the_axis(low, high, most):
    low, high = around([low, high])
    ticks = Scale(low, high, 0, 100).ticks(most)
    assert 1 <= len(ticks) <= most + 1 and ticks == sorted(ticks)
    assert all(low <= t <= high for t in ticks)
    assert all(float(f"{t:.1g}") == pytest.approx(t) for t in ticks)


def test_a_scale_is_even_in_ratios_and_clips():
    scale = Scale(1, 100, 10, 30)
    assert [scale(v) for v in (1, 10, 100, 1e9, 1e-9)] == [10, 20, 30, 30, 10]
    assert Scale(0, 100, 200, 0, log=False)(25) == 150


def inside(chart):
    """Every mark of a chart that leaves its drawing."""
    for mark in chart.marks:
        if mark.tag == "text":
            box = written(mark.text, mark.at["x"], mark.at["y"], mark.at["text-anchor"])
            yield box.left >= -LETTER and box.right <= chart.width + LETTER and box.bottom <= chart.height + 2
        if mark.tag == "rect":
            yield mark.at["width"] >= 0 and 0 <= mark.at["x"] <= mark.at["x"] + mark.at["width"] <= chart.width


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("count", [1, 4, 12])
def test_no_two_labels_of_a_scatter_meet(width, count):
    rng = np.random.default_rng(count)
    dots = [Dot(f"contender {i}", float(10 ** rng.uniform(3, 4)), float(rng.uniform(70, 100))) for i in range(count)]
    chart = scatter(dots, width)
    labels = [m for m in chart.marks if m.tag == "text" and m.text.startswith("contender")]
    assert len(labels) == count and all(inside(chart))
    boxes = [written(m.text, m.at["x"], m.at["y"], m.at["text-anchor"]) for m in labels]
    assert not [1 for a, b in combinations(boxes, 2) if a.meets(b)]
    points = [m for m in chart.marks if m.style.startswith("spot")]
    spots = [Box(m.at["cx"] - 3, m.at["cy"] - 3, m.at["cx"] + 3, m.at["cy"] + 3) for m in points]
    assert not [1 for box in boxes for spot in spots if box.meets(spot)]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_lines_cross_where_compiling_has_paid(width):
    chart = charts.break_even(made.whole(), width)
    crossings = [m for m in chart.marks if m.style == "crossing"]
    assert len(crossings) == 2 and all(inside(chart)) and "1,229 calls (95%: 1,100 to 1,400)" in chart.summary
    lines = {m.style: [tuple(map(float, s[1:].split())) for s in _steps(m)] for m in chart.marks if "curve" in m.style}
    for mark, name in zip(crossings, ("curve static start0", "curve static start1"), strict=True):
        at = np.array([mark.at["cx"], mark.at["cy"]])
        for line in (lines["curve eager"], lines[name]):
            x, y = np.array(line).T
            assert np.interp(at[0], x, y) == pytest.approx(at[1], abs=3)


def _steps(mark):
    parts = mark.at["d"].split()
    return [" ".join(parts[i : i + 2]) for i in range(0, len(parts) - 1, 2)]


def test_where_it_never_pays_the_curve_says_so():
    chart = charts.break_even(made.never(), WIDE)
    assert "never" in chart.summary and not [m for m in chart.marks if m.style in ("crossing", "band")]
    assert charts.break_even(made.untraceable(), WIDE) is None


def test_the_histogram_counts_calls_and_forgives_a_pause():
    found = made.whole()
    found.modes["static"].times[3] = 5.0  # the machine slept
    chart = charts.latency(found, WIDE)
    assert sum(m.style.startswith("hill") for m in chart.marks) == 3
    texts = [m.text for m in chart.marks if m.style == "tick"]
    assert not any(text.endswith(" s") for text in texts), texts
