"""Two runs side by side, figure by figure: what has changed is what has intervals that are well apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tapegraph.comparison.tables import bare_table, heading
from tapegraph.comparison.units import count, duration, ratio, size

Figures = dict[str, Any]
MATTERS = 0.05  # of a figure without an interval, the least change that is told
DRIFT = 0.05  # by which the same figure moves from run to run, whatever its interval within a run says
ALONE = 0.25  # the same for what was measured once
LOAD = 1.0  # difference of the machine's load from which a warning is given


@dataclass(frozen=True)
class Reading:
    """A figure of one run, and the ends between which it lies; both None where it never comes to be."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Change:
    """A figure in both runs. ``word``: "less", "more" or "" where no change can be told; ``better``: whether that is good."""

    name: str
    before: Reading
    after: Reading
    show: Callable[[float], str]
    word: str
    better: bool | None


def changes(before: Figures, after: Figures) -> list[Change]:
    """Every figure that both runs have."""
    found = []
    for name, read, show, less in _FIGURES:
        old, new = read(before), read(after)
        if old is not None and new is not None:
            word = _word(old, new)
            found.append(Change(name, old, new, show, word, None if not word else (word == "less") == less))
    return found


def _word(old: Reading, new: Reading) -> str:
    never = float("inf")
    low = [never if r.low is None else r.low for r in (old, new)]
    high = [never if r.high is None else r.high for r in (old, new)]
    return "less" if high[1] < low[0] else "more" if low[1] > high[0] else ""


def warnings(before: Figures, after: Figures) -> Iterator[str]:
    """What else is different between the runs, so that figures may have changed for that reason."""
    old, new = before["machine"], after["machine"]
    for name in ("processor", "system", "cores", "python", "numpy", "tapegraph"):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name)} then, {new.get(name)} now"
    if abs((old.get("load") or 0.0) - (new.get("load") or 0.0)) >= LOAD:
        yield f"load of the machine: {old['load']:.1f} then, {new['load']:.1f} now"
    for name in sorted({*before["settings"], *after["settings"]} - {"took"}):
        if before["settings"].get(name) != after["settings"].get(name):
            yield f"setting {name}: {before['settings'].get(name)} then, {after['settings'].get(name)} now"
    for figures, when in ((before, "then"), (after, "now")):
        if not figures["complete"]:
            yield f"the run was interrupted: {when}"


def described(figures: Figures) -> str:
    """A run in a few words: when, and of which commit."""
    origin = figures["origin"]
    commit = origin.get("commit", "")[:10] or "no commit"
    return f"{origin.get('when', 'some time')}, {commit}{' with changes' if origin.get('dirty') else ''}"


def summary(found: list[Change], before: Figures, after: Figures) -> str:
    """What has changed, in a sentence or two."""
    told = []
    if before["ok"] != after["ok"]:
        told.append("The modes agree now." if after["ok"] else "The modes do not agree any more.")
    for word, better in (("better", True), ("worse", False)):
        names = [change.name for change in found if change.better is better]
        if names:
            told.append(f"{word.capitalize()}: {', '.join(names)}.")
    return " ".join(told) or "Nothing has changed as far as can be told."


def table(before: Figures, after: Figures) -> RenderableType:
    """Both runs side by side, what changed in words, and what else is different."""
    found = changes(before, after)
    rows = bare_table("then", "now", "")
    for change in found:
        rows.add_row(change.name, _shown(change.before, change), _shown(change.after, change), _told(change))
    parts: list[RenderableType] = [
        heading(f"Against {described(before)}"),
        Text(summary(found, before, after)),
        rows,
        Text(
            f"A change is one where the 95 % intervals of the two runs are apart, each widened by {DRIFT:.0%} for what "
            f"differs from run to run ({ALONE:.0%} where something was measured once).",
            style="dim",
        ),
    ]
    parts += [Text(f"Not the same: {warning}", style="yellow") for warning in warnings(before, after)]
    return Group(*parts)


def listed(runs: Sequence[Figures]) -> RenderableType:
    """Runs as a table, the oldest first."""
    rows = bare_table("commit", "eager", "static", "", "agree", first="when (UTC)")
    for figures in runs:
        times = [figures["modes"].get(mode) for mode in ("eager", "static")]
        origin, gain = figures["origin"], figures["speedup"]
        rows.add_row(
            origin.get("when", "").removesuffix(" UTC"),
            f"{origin.get('commit', '')[:8]}{' changed' if origin.get('dirty') else ''}",
            *("" if t is None else duration(t["median"]) for t in times),
            "" if gain is None else ratio(gain["value"]),
            "yes" if figures["ok"] else "no",
        )
    return rows


def _shown(reading: Reading, change: Change) -> str:
    return "never" if reading.value is None else change.show(reading.value)


def _told(change: Change) -> Text:
    if not change.word:
        return Text("no change that can be told", style="dim")
    style = "green" if change.better else "red"
    if change.before.value and change.after.value:
        return Text(f"{ratio(change.after.value / change.before.value)}, {change.word}", style=style)
    return Text(change.word, style=style)


# ------------------------------------------------------------------------------------ figures


def _median(mode: str) -> Callable[[Figures], Reading | None]:
    def read(figures: Figures) -> Reading | None:
        found = figures["modes"].get(mode)
        if found is None:
            return None
        low, high = found["interval"] or (found["low"], found["high"])
        return _widened(found["median"], low, high)

    return read


def _widened(value: float | None, low: float | None, high: float | None, share: float = DRIFT) -> Reading:
    return Reading(value, low and low * (1 - share), high and high * (1 + share))


def _speedup(figures: Figures) -> Reading | None:
    found = figures["speedup"]
    return found and _widened(found["value"], found["low"], found["high"])


def _first_call(number: int) -> Callable[[Figures], Reading | None]:
    def read(figures: Figures) -> Reading | None:
        if len(figures["starts"]) <= number:
            return None
        start = figures["starts"][number]
        if len(start["runs"]) > 1:
            return _widened(start["first_call"], min(start["runs"]), max(start["runs"]))
        return _exact(start["first_call"], 2 * ALONE)

    return read


def _break_even(number: int) -> Callable[[Figures], Reading | None]:
    def read(figures: Figures) -> Reading | None:
        if len(figures["starts"]) <= number:
            return None
        start = figures["starts"][number]
        even = start["break_even"]
        return even and _widened(even["calls"], even["low"], even["high"], DRIFT if len(start["runs"]) > 1 else ALONE)

    return read


def _memory(mode: str) -> Callable[[Figures], Reading | None]:
    return lambda figures: _exact(figures["modes"].get(mode, {}).get("peak_bytes"))


def _points(mode: str) -> Callable[[Figures], Reading | None]:
    return lambda figures: _exact(figures["debuggability"].get(mode), 0.01)


def _exact(value: float | None, share: float = MATTERS) -> Reading | None:
    return None if value is None else Reading(value, value * (1 - share / 2), value * (1 + share / 2))


_FIGURES: list[tuple[str, Callable[[Figures], Reading | None], Callable[[float], str], bool]] = [
    # name, how to read it, how to show it, whether less of it is better
    ("time of a call, eager", _median("eager"), duration, True),
    ("time of a call, static", _median("static"), duration, True),
    ("eager to static", _speedup, ratio, False),
    ("first call, cold", _first_call(0), duration, True),
    ("first call, warm", _first_call(1), duration, True),
    ("calls until paid, cold", _break_even(0), count, True),
    ("calls until paid, warm", _break_even(1), count, True),
    ("versions compiled", lambda f: _exact(len(f["retraces"]) or None, 0.01), count, True),
    ("peak memory, eager", _memory("eager"), size, True),
    ("peak memory, static", _memory("static"), size, True),
    ("debuggability, eager", _points("eager"), lambda p: f"{p:.0f}", False),
    ("debuggability, static", _points("static"), lambda p: f"{p:.0f}", False),
]
