"""Both profiles as one table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from tapegraph.comparison.profiles import ProfileRow, Profiles
from tapegraph.comparison.tables import bare_table
from tapegraph.comparison.units import duration, plural, ratio

SHOWN = 10  # rows
MODES = ("eager", "static")


def table(found: Profiles, by: str = "line", limit: int = SHOWN) -> Table:
    """The longest rows by "line" or "op", what is left of the call, and the call itself."""
    rows: list[ProfileRow] = getattr(found, by)
    modes = [mode for mode in MODES if mode in found.call]
    made = bare_table(*modes, *(["ratio"] if len(modes) > 1 else []), first=f"Where the time goes, by {by}")
    for column in made.columns[1:]:
        column.no_wrap = True  # where it is narrow, names give way
    for row in rows[:limit]:
        times = {"eager": row.eager_ms, "static": row.static_ms}
        made.add_row(_label(row), *_cells(modes, times))
    if rest := rows[limit:]:
        sums = {mode: sum(getattr(row, f"{mode}_ms") or 0.0 for row in rest) for mode in modes}
        made.add_row(f"{plural(len(rest), by)} more", *_cells(modes, sums))
    made.add_row(
        "in Python around them", *_cells(modes, {mode: found.elsewhere[mode] or None for mode in modes}), style="dim"
    )
    made.add_row("a call when nobody watches", *_cells(modes, found.call), style="dim")
    return made


def _label(row: ProfileRow) -> Text:
    file = row.name.replace("\\", "/").rpartition("/")[2]
    text = Text.assemble((f"{file}  ", "dim"), row.text) if row.text else Text(file)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _cells(modes: list[str], times: Mapping[str, float | None]) -> list[str]:
    known = [times.get(mode) for mode in modes]
    shown = ["" if t is None else duration(t / 1e3) if t else "0" for t in known]
    if len(modes) > 1:
        shown.append(ratio(known[0] / known[1]) if known[0] and known[1] else "")
    return shown
