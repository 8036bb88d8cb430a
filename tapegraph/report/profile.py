"""Where the time goes, both modes side by side, by line with its text and by op."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tapegraph.comparison.figures import Comparison

MOST = 20  # rows of a table


@dataclass(frozen=True)
class Line:
    """A row: name and text of the line, seconds in both modes, and their shares of the longest bar in percent."""

    name: str
    text: str
    times: dict[str, float | None]
    shares: dict[str, float]
    ratio: float | None


@dataclass(frozen=True)
class Part:
    """The dearest rows by "line" or by "op", and how many more there are."""

    by: str
    rows: list[Line]
    more: int


def profiles(found: Comparison) -> list[Part]:
    """By line and by op; empty where no profile was made."""
    if not found.profiles:
        return []
    both = {"line": found.profiles.line, "op": found.profiles.op}
    return [Part(by, _lines(rows[:MOST]), max(0, len(rows) - MOST)) for by, rows in both.items() if rows]


def _lines(rows: list[Any]) -> list[Line]:
    longest = max(t or 0.0 for row in rows for t in (row.eager_ms, row.static_ms))
    made = []
    for row in rows:
        times = {"eager": row.eager_ms, "static": row.static_ms}
        seconds = {mode: None if ms is None else ms / 1e3 for mode, ms in times.items()}
        shares = {mode: 100 * ms / longest for mode, ms in times.items() if ms}
        made.append(Line(row.name, row.text, seconds, shares, row.ratio))
    return made
