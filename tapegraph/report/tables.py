"""The tables of a comparison as headings and words: speeds, starts, memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapegraph.comparison.figures import Comparison, Peer, Speed
from tapegraph.comparison.units import count, duration, ratio, size, span
from tapegraph.report.reading import calls, interval


@dataclass
class Table:
    """Headings and rows of words; the first of a row is its name."""

    caption: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)


def speeds(found: Comparison) -> Table | None:
    """Every contender that was timed, and every one that was not with the reason."""
    if not found.modes:
        return None
    sampled = any(s.samples > 1 for s in found.modes.values())
    head = ["contender", "median", "middle half", "95 % below", "calls/s"]
    made = Table(
        "Time of a call, and its ratio to that of static mode",
        head + (["samples/s"] if sampled else []) + ["to static"],
    )
    static = found.modes.get("static")
    if found.peers:
        made.head.append("as eager mode computes")

    def row(name: str, s: Speed) -> list[str]:
        against = "" if static is None or s is static else ratio(s.median / static.median)
        more = [count(s.samples_per_second)] if sampled else []
        return [name, duration(s.median), span(s.low, s.high), duration(s.p95), count(1 / s.median), *more, against]

    made.rows += [row(name, s) + [""] * bool(found.peers) for name, s in found.modes.items()]
    for peer in found.peers.values():
        name = f"{peer.name} {peer.version}".strip()
        told = [f"not timed: {peer.note}"] if peer.speed is None else [*row(name, peer.speed)[1:], _agrees(peer)]
        made.rows.append([name, *told])
    return made


def _agrees(peer: Peer) -> str:
    far = "" if peer.difference is None else f"{peer.difference:.1g} apart"
    return ", ".join(filter(None, ["" if peer.agrees is None else "yes" if peer.agrees else "no", far, peer.note]))


def starts(found: Comparison) -> Table | None:
    """What the first call of static mode is made of."""
    if not found.starts:
        return None
    made = Table("What compiling costs", ["first call", *(s.name for s in found.starts)])
    for stage in found.starts[0].seconds:
        name = "load kernels, else compile" if stage == "compile" else stage
        made.rows.append([name, *(duration(s.seconds.get(stage, 0.0)) for s in found.starts)])
    made.rows.append(["first result", *(duration(s.first_call) for s in found.starts)])
    made.rows.append(
        ["kernels compiled", *(str(s.kernels.get("compiled", 0)) for s in found.starts)],
    )
    made.rows.append(
        ["kernels found", *(str(s.kernels.get("disk", 0) + s.kernels.get("shared", 0)) for s in found.starts)],
    )
    if any(s.imports is not None for s in found.starts):
        made.rows.append(
            ["start of Python and imports", *("" if s.imports is None else duration(s.imports) for s in found.starts)]
        )
    made.rows.append(["calls until it has paid", *(calls(s.break_even) if s.break_even else "" for s in found.starts)])
    made.rows.append(["  interval", *(interval(s.break_even) for s in found.starts)])
    return made


def memory(found: Comparison) -> Table | None:
    """Peak memory of a call in both modes, and its parts."""
    known = {name: s for name, s in found.modes.items() if s.peak_bytes is not None}
    if not known:
        return None
    made = Table("Peak memory of a call", ["memory", *known])
    made.rows.append(["all of it", *(size(s.peak_bytes or 0) for s in known.values())])
    parts = dict.fromkeys(part for s in known.values() for part in s.peak_parts)
    for part in parts:
        made.rows.append([part, *(size(s.peak_parts[part]) if part in s.peak_parts else "" for s in known.values())])
    return made
