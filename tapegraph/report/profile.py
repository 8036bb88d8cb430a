"""Where the time goes, both modes side by side, by line with its text and by op."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tapegraph.comparison.figures import Comparison


@dataclass(frozen=True)
class Line:
    """A row: name and text of the line, seconds in both modes, and their shares of the longest bar in percent."""

    name: str
    text: str
    times: dict[str, float | None]
    shares: dict[str, float]
    ratio: float | None
    bytes: float | None


def profiles(found: Comparison) -> dict[str, list[Line]]:
    """Rows "by line" and "by op", the dearest first; empty where no profile was made."""
    if not found.profiles:
        return {}
    made = {"line": found.profiles.line, "op": found.profiles.op}
    return {by: lines for by, rows in made.items() if (lines := _lines(rows))}


def _lines(rows: list[Any]) -> list[Line]:
    longest = max((t for row in rows for t in (row.eager_ms, row.static_ms) if t), default=0.0)
    made = []
    for row in rows:
        times = {"eager": row.eager_ms, "static": row.static_ms}
        seconds = {mode: None if ms is None else ms / 1e3 for mode, ms in times.items()}
        shares = {mode: 100 * ms / longest for mode, ms in times.items() if ms}
        made.append(Line(row.name, getattr(row, "text", ""), seconds, shares, row.ratio, row.bytes))
    return made


def profile_notes(found: Comparison) -> list[str]:
    """What the rows leave out."""
    if not found.profiles:
        return []
    return [f"{mode}: {seconds}" for mode, seconds in found.profiles.elsewhere.items()]
