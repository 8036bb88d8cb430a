"""Where the time of a call goes in both modes, the rows of each side by side: by op, and by line of the user's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.errors import TapegraphError
from engine.ops.random import default_generator
from tapegraph.comparison.lane import Lane
from tapegraph.comparison.subject import bodies
from tapegraph.comparison.units import duration
from tapegraph.debug.profile_report import Profile
from tapegraph.debug.profile_rows import Row
from tapegraph.debug.profiling import profile
from tapegraph.reached import states_of

WARM = 2  # calls before the first that counts
LEAST, MOST = 3, 31  # watched calls
SECONDS = 0.4  # after which there are no more of them, in each mode
ALONE = 0.3  # of that, for calls that nobody watches


@dataclass
class ProfileRow:
    """An op or a line in both modes: milliseconds of a call, the median of several; None where it is in one mode only.

    ``text``: of a line. ``ratio``: how many times as long in eager mode. ``bytes`` and ``flops``: of a call in eager
    mode, where it is there. In static mode the time of a fused kernel is divided among its ops by their estimated work.
    """

    name: str
    text: str = ""
    eager_ms: float | None = None
    static_ms: float | None = None
    eager_calls: int = 0
    static_calls: int = 0
    bytes: int = 0
    flops: int = 0
    ratio: float | None = None


@dataclass
class Profiles:
    """Both profiles, rows with the longest first; by mode, in milliseconds of a call, medians.

    call       as long as it takes when nobody watches
    inside     in ops and kernels: what the rows add up to
    elsewhere  the rest of it: Python around them
    watched    as long as it takes when each op and kernel is timed
    calls      how many were watched
    left_out   why a mode has no profile
    """

    op: list[ProfileRow] = field(default_factory=list)
    line: list[ProfileRow] = field(default_factory=list)
    call: dict[str, float] = field(default_factory=dict)
    inside: dict[str, float] = field(default_factory=dict)
    elsewhere: dict[str, float] = field(default_factory=dict)
    watched: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What the rows do not say, a sentence for each mode."""
        found = []
        for mode, whole in self.call.items():
            inside, watched = duration(self.inside[mode] / 1e3), duration(self.watched[mode] / 1e3)
            more = ", more than the call takes," if self.inside[mode] > whole else ""
            found.append(
                f"In {mode} mode the rows, timed one by one, add up to {inside}{more} and a call that nobody watches takes "
                f"{duration(whole / 1e3)}. Watching makes it {watched}, which is in no row."
            )
        return found + [f"In {mode} mode there is no profile: {why}" for mode, why in self.left_out.items()]


def side_by_side(fn: Callable[..., Any], *args: Any, seconds: float = SECONDS) -> Profiles:
    """Profile ``fn(*args)`` in both modes: medians over several calls, after some to warm up.

    States, gradients and random streams are as before afterwards. ``seconds``: for the calls of each mode. A
    function that cannot be compiled has the profile of eager mode only. Raises what ``fn`` raises in eager mode.
    """
    both = bodies(fn)
    held = states_of([both.plain, args, default_generator])
    found = Profiles()
    tables: dict[str, dict[str, dict[str, Row]]] = {}
    for mode, program in (("eager", both.plain), ("static", both.compiled)):
        lane = Lane(mode, program, held)
        try:
            with lane.inside():
                alone, profiles = _watched(partial(program, *args), seconds)
        except TapegraphError as refused:
            if mode == "eager":
                raise
            found.left_out[mode] = f"{type(refused).__name__}: {refused.problem}"
            continue
        table = tables[mode] = {by: _medians([p.rows(by) for p in profiles]) for by in ("op", "line")}
        found.call[mode] = 1e3 * alone
        found.inside[mode] = 1e3 * sum(row.seconds for row in table["line"].values())
        found.elsewhere[mode] = max(0.0, found.call[mode] - found.inside[mode])
        found.watched[mode] = 1e3 * statistics.median(p.wall for p in profiles)
        found.calls[mode] = len(profiles)
    found.op, found.line = (_joined({mode: table[by] for mode, table in tables.items()}) for by in ("op", "line"))
    return found


def _watched(call: Callable[[], Any], seconds: float) -> tuple[float, list[Profile]]:
    """Seconds of a call that nobody watches, and profiles of further calls."""
    for _ in range(WARM):
        call()
    times: list[float] = []
    profiles: list[Profile] = []
    until = time.perf_counter() + seconds * ALONE
    # In a row, as programs make calls: a compiled call is quicker after one that was not watched either.
    while len(times) < LEAST or (len(times) < MOST and time.perf_counter() < until):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    until = time.perf_counter() + seconds * (1 - ALONE)
    while len(profiles) < LEAST or (len(profiles) < MOST and time.perf_counter() < until):
        with profile() as watched:
            call()
        profiles.append(watched)
    return statistics.median(times), profiles


def _medians(tables: list[list[Row]]) -> dict[str, Row]:
    """One table of the rows of several calls: the median of each row's times, nothing where a call had none."""
    rows = [{row.name: row for row in table} for table in tables]
    names = dict.fromkeys(name for table in rows for name in table)
    found = {}
    for name in names:
        same = [table.get(name, Row(name)) for table in rows]
        found[name] = Row(
            name,
            round(statistics.median(r.calls for r in same)),
            statistics.median(r.forward for r in same),
            statistics.median(r.backward for r in same),
            round(statistics.median(r.flops for r in same)),
            round(statistics.median(r.bytes for r in same)),
        )
    return found


def _joined(tables: dict[str, dict[str, Row]]) -> list[ProfileRow]:
    eager, static = (tables.get(mode, {}) for mode in ("eager", "static"))
    found = []
    for name in dict.fromkeys([*eager, *static]):
        one, other = eager.get(name), static.get(name)
        some = one or other
        assert some is not None
        place, _, text = name.partition(": ")
        times = [None if row is None else 1e3 * row.seconds for row in (one, other)]
        ratio = times[0] / times[1] if times[0] and times[1] else None
        made = ProfileRow(place, text, times[0], times[1], bytes=some.bytes, flops=some.flops, ratio=ratio)
        made.eager_calls, made.static_calls = (row.calls if row else 0 for row in (one, other))
        found.append(made)
    return sorted(found, key=lambda row: -(row.eager_ms or 0.0) - (row.static_ms or 0.0))
