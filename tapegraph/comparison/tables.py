"""A comparison as text for the terminal: the verdict, then its figures as tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tapegraph.comparison.figures import BreakEven, Comparison, Peer, Start
from tapegraph.comparison.units import count, duration, plural, ratio, size, span
from tapegraph.visual.palette import TERMINAL

GAPS, RETRACES = 5, 6  # rows at most


def as_text(found: Comparison, width: int = 100) -> str:
    """All of it without colours."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_jupyter=False).print(tables(found))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).rstrip()


def tables(found: Comparison) -> RenderableType:
    """The verdict, then speed, cost, peers, what was compiled again, where the time goes, faults, and how it was measured."""
    return Group(*_parts(found))


def _parts(found: Comparison) -> Iterator[RenderableType]:
    yield _head(found)
    yield Padding(Text(found.verdict), (0, 0, 1, 0))
    if found.modes:
        yield from _speed(found)
    if found.agreement is not None and not found.agreement.ok:
        yield from _gaps(found)
    if found.starts:
        yield from _costs(found)
    if found.peers:
        yield from _peers(found)
    if len(found.retraces) > 1:
        yield from _retraces(found)
    if found.profiles:
        from tapegraph.comparison.profile_table import table

        yield table(found.profiles, by="line")
    if found.faults:
        from tapegraph.comparison.fault_table import fault_tables

        yield from fault_tables(found.faults)
    yield from _said(found)
    yield from _notes(found)


def heading(text: str) -> Text:
    """The line above a table."""
    return Text(text, style="bold")


def bare_table(*columns: str, first: str = "") -> Table:
    """A table with a line under its head; numbers stand to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(first)
    for name in columns:
        table.add_column(name, justify="right", style=TERMINAL.get(name, ""))
    return table


def _head(found: Comparison) -> RenderableType:
    place, machine = found.function, found.machine
    where = f", {place.file}:{place.line}" if place.file else ""
    first = Text.assemble((found.title, "bold"), (where, "dim"))
    load = f", load {machine['load']:.1f}" if machine.get("load") is not None else ""
    threads = "threads as they were" if found.threads is None else plural(found.threads, "thread")
    second = (
        f"{machine.get('processor') or machine.get('system')}, {plural(machine.get('cores') or 1, 'core')}, {threads}{load}, "
        f"Python {machine.get('python')}, NumPy {machine.get('numpy')}"
    )
    return Group(first, Text(second, style="dim"), Text())


def _speed(found: Comparison) -> Iterator[RenderableType]:
    modes = found.modes
    some = next(iter(modes.values()))
    yield heading(
        f"A call: {plural(some.samples, 'sample')}, {plural(some.calls, 'timed call')} in each mode, by turns"
    )
    table = bare_table(*modes, "")
    both = [modes[name] for name in ("eager", "static") if name in modes]

    def row(label: str, show: Any, gain: str = "") -> None:
        table.add_row(label, *(show(figures) for figures in modes.values()), gain)

    gain = found.speedup
    faster = ""
    if gain is not None:
        word = "faster" if gain.value >= 1 else "as fast"
        faster = f"{ratio(gain.value)} {word}" if gain.certain else "no difference that can be told"
    row("time, median", lambda s: duration(s.median), faster)
    row(
        "  middle half",
        lambda s: span(s.low, s.high),
        f"{ratio(gain.low)} to {ratio(gain.high)}" if gain is not None else "",
    )
    row("  19 of 20 within", lambda s: duration(s.p95))
    row("samples a second", lambda s: count(s.samples_per_second))
    if all(s.peak_bytes is not None for s in both):
        less = both[0].peak_bytes / max(1, both[-1].peak_bytes)  # type: ignore[operator, type-var]
        told = f"{ratio(less)} less" if less >= 1.05 else f"{ratio(1 / less)} more" if less <= 0.95 else ""
        row("peak memory", lambda s: size(s.peak_bytes), told if len(both) > 1 else "")
    if all(s.score is not None for s in both):
        row(found.score_name, lambda s: f"{s.score:.4f}", "equal" if len({s.score for s in both}) == 1 else "")
    yield table


def _gaps(found: Comparison) -> Iterator[RenderableType]:
    assert found.agreement is not None
    yield heading("Where the modes differ")
    table = bare_table("largest difference", "allowed")
    table.add_column("computed at", overflow="fold")
    for gap in found.agreement.differs[:GAPS]:
        table.add_row(gap.what, f"{gap.largest:.3g}", f"{gap.allowed:.1g}", gap.place.address if gap.place else "")
    yield table
    more = len(found.agreement.differs) - GAPS
    if more > 0:
        yield Text(f"and {more} more", style="dim")
    if blame := found.agreement.differs[0].blame:
        yield Text(f"To blame: {blame}.\n")


def _costs(found: Comparison) -> Iterator[RenderableType]:
    yield heading("What compiling costs, and when it has paid")
    table = bare_table(*(start.name for start in found.starts))

    def row(label: str, show: Any) -> None:
        table.add_row(label, *(show(start) for start in found.starts))

    for stage in dict.fromkeys(stage for start in found.starts for stage in start.seconds):
        label = "load kernels, else compile" if stage == "compile" else stage
        row(label, lambda s, stage=stage: duration(s.seconds.get(stage, 0.0)))
    row("kernels compiled, reused", lambda s: f"{s.kernels['compiled']}, {s.kernels['disk'] + s.kernels['shared']}")
    row(f"first call ({_runs(found.starts)})", lambda s: duration(s.first_call))
    if any(s.imports is not None for s in found.starts):
        row("start of Python, imports", _imports)
    row("calls until it has paid", lambda s: _calls(s.break_even))
    if any(s.break_even and s.break_even.calls is not None for s in found.starts):
        row("  95 % interval", lambda s: _interval(s.break_even))
    yield table


def _runs(starts: list[Start]) -> str:
    return "median of " + ", ".join(str(len(start.runs)) for start in starts)


def _imports(start: Start) -> str:
    if start.imports is None:
        return ""
    return duration(start.imports) + (" (with numba)" if start.imported_numba else "")


def _calls(even: BreakEven | None) -> str:
    return "" if even is None else "never" if even.calls is None else count(even.calls)


def _interval(even: BreakEven | None) -> str:
    if even is None:
        return ""
    low, high = ("never" if end is None else count(end) for end in (even.low, even.high))
    return f"{low} to {high}" if low != high else low


def _peers(found: Comparison) -> Iterator[RenderableType]:
    yield heading("Peers, in the same turns")
    table = bare_table("a call", "to static", "first call")
    table.add_column("agrees with eager mode", overflow="fold")
    for peer in found.peers.values():
        if peer.speed is None:
            table.add_row(peer.name, "", "", "", Text(peer.note, style="dim"))
            continue
        first = "" if peer.first_call is None else duration(peer.first_call)
        table.add_row(
            f"{peer.name} {peer.version}", duration(peer.speed.median), _to_static(peer), first, _agrees(peer)
        )
    yield table


def _to_static(peer: Peer) -> str:
    if peer.ratio is None:
        return ""
    return ratio(peer.ratio.value) if peer.ratio.certain else "≈"


def _agrees(peer: Peer) -> str:
    far = "" if peer.difference is None else f"{peer.difference:.1g} apart"
    return ", ".join(filter(None, ["" if peer.agrees is None else "yes" if peer.agrees else "no", far, peer.note]))


def _retraces(found: Comparison) -> Iterator[RenderableType]:
    total = sum(retrace.seconds for retrace in found.retraces)
    yield heading(f"Compiled {len(found.retraces)} times, for {duration(total)} in all")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("because", ratio=3, overflow="fold")
    table.add_column("at", overflow="fold")
    table.add_column("cost", justify="right", no_wrap=True)
    for retrace in found.retraces[:RETRACES]:
        table.add_row(retrace.cause, retrace.place.address if retrace.place else "", duration(retrace.seconds))
    yield table
    if len(found.retraces) > RETRACES:
        yield Text(f"and {len(found.retraces) - RETRACES} more\n", style="dim")


def _said(found: Comparison) -> Iterator[RenderableType]:
    for name, failure in found.failed.items():
        yield heading(f"What {name} mode says")
        yield Padding(Text(f"{failure.error}: {failure.message}", style="red"), (0, 0, 1, 2))
    for name, told in found.notices.items():
        for notice in told:
            often = f" ({notice.count} times)" if notice.count > 1 else ""
            yield heading(f"A warning in {name} mode{often}")
            yield Padding(Text(f"{notice.error}: {notice.message}"), (0, 0, 1, 2))


def _notes(found: Comparison) -> Iterator[RenderableType]:
    for note in found.notes:
        yield Text(note, style="dim")
