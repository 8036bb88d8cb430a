"""The page of a comparison and its short form for notebooks."""

from __future__ import annotations

import itertools
from typing import Any

from tapegraph.comparison.figures import Comparison
from tapegraph.report import charts
from tapegraph.report.canvas import both_widths
from tapegraph.report.graphs import graphs
from tapegraph.report.profile import profiles
from tapegraph.report.reading import facts, headlines, legend, notes, sections
from tapegraph.report.scatter import scatter
from tapegraph.report.tables import memory, speeds, starts
from tapegraph.report.templates import render

_numbers = itertools.count(1)  # ids of fragments: several may stand on one notebook page


def page(found: Comparison) -> str:
    """A whole HTML page, with the figures as JSON inside. Raises ImportError where jinja2 is missing."""
    return render(
        "comparison.html",
        **_common(found),
        title=f"{found.title}: eager and static mode compared",
        facts=facts(found),
        latency=both_widths(lambda width: charts.latency(found, width)),
        scatter=both_widths(lambda width: scatter(charts.dots(found), width)),
        profiles=profiles(found),
        memory=memory(found),
        graphs=graphs(found),
        sections=sections(found),
        notes=notes(found),
        figures={name: part for name, part in found.to_json().items() if name != "scene"},  # the picture holds that
    )


def fragment(found: Comparison) -> str:
    """What a notebook shows of a comparison: verdict, headline figures, break-even curve and table; without a script."""
    return render("fragment.html", **_common(found), key=f"c{next(_numbers)}")


def _common(found: Comparison) -> dict[str, Any]:
    return {
        "found": found,
        "headlines": headlines(found),
        "break_even": both_widths(lambda width: charts.break_even(found, width)),
        "legend": legend(found),
        "speeds": speeds(found),
        "starts": starts(found),
    }
