"""What a page says of a comparison beside its verdict: facts, headline figures, tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from tapegraph.comparison.faults import Fault, FaultVerdict
from tapegraph.comparison.figures import BreakEven, Comparison, Ratio, Start
from tapegraph.comparison.units import count, duration, ratio, size, span


@dataclass(frozen=True)
class Part:
    """A figure, in the colour of a mode where it belongs to one."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Headline:
    """A figure that a reader takes along: what it is, the figure or one for each mode, and its interval."""

    name: str
    parts: list[Part]
    note: str = ""


@dataclass
class Table:
    """Headings and rows of words; the first of a row is its name."""

    caption: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)


def facts(found: Comparison) -> list[str]:
    """Where and when it ran, with which versions."""
    m, o = found.machine, found.origin
    made = [
        m.get("system"),
        m.get("processor"),
        f"{m['cores']} cores" if "cores" in m else None,
        f"{found.threads} BLAS thread{'s' * (found.threads != 1)}" if found.threads else None,
        f"load {m['load']:.1f}" if isinstance(m.get("load"), float) else None,
        *(f"{word} {m[key]}" for word, key in (("Python", "python"), ("NumPy", "numpy")) if key in m),
        o.get("when"),
        f"commit {o['commit'][:10]}{' with changes' if o.get('dirty') else ''}" if o.get("commit") else None,
    ]
    return [fact for fact in made if fact]


def headlines(found: Comparison) -> list[Headline]:
    """Speed, cost of compiling, when it has paid, debuggability: those that were measured."""
    made = []
    if (r := found.speedup) is not None:
        made.append(_speed(r))
    if found.starts:
        first, *others = found.starts
        note = "; ".join([first.name, *(f"{duration(s.first_call)} with {s.name}" for s in others)])
        made.append(Headline("First call of static mode", [Part(duration(first.first_call))], note))
    if found.break_even is not None:
        made.append(Headline("Compiling has paid after", [Part(_calls(found.break_even))], _paid(found.starts)))
    points = {name: found.debuggability[name] for name in ("eager", "static") if name in found.debuggability}
    if points:
        tried = f"points of 100, {' / '.join(points)}; {len(found.faults)} mistakes tried"
        made.append(Headline("Debuggability", [Part(f"{p:.0f}", name) for name, p in points.items()], tried))
    return made


def _speed(found: Ratio) -> Headline:
    interval = f"{found.level:.0%} interval {ratio(found.low)} to {ratio(found.high)}"
    if not found.certain:
        return Headline(
            "Compiled, a call is", [Part("as fast")], f"as far as can be told: {ratio(found.value)}, {interval}"
        )
    if found.value < 1:
        slower = f"{found.level:.0%} interval {ratio(1 / found.high)} to {ratio(1 / found.low)}"
        return Headline("Compiled, a call is", [Part(f"{ratio(1 / found.value)} slower")], slower)
    return Headline("Compiled, a call is", [Part(f"{ratio(found.value)} faster")], interval)


def _calls(found: BreakEven) -> str:
    if found.calls is None:
        return "never" if found.low is None else "never, perhaps"
    return f"{count(found.calls)} call{'s' * (found.calls != 1)}"


def interval(found: BreakEven | None) -> str:
    """The interval of a number of calls in words."""
    if found is None or found.low is None:
        return ""
    return f"{count(found.low)} to {'never' if found.high is None else count(found.high)}"


def _paid(starts: list[Start]) -> str:
    first, *others = starts
    known = (
        [f"{first.break_even.level:.0%} interval {interval(first.break_even)}"] if interval(first.break_even) else []
    )
    known += [f"{_calls(s.break_even)} with {s.name}" for s in others if s.break_even is not None]
    return "; ".join(known)


def legend(found: Comparison) -> list[tuple[str, str]]:
    """The lines of the break-even curve."""
    return [("eager", "eager"), *((f"static start{i}", f"static, {s.name}") for i, s in enumerate(found.starts))]


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
    rows = [(name, s, None) for name, s in found.modes.items()]
    rows += [(f"{p.name} {p.version}".strip(), p.speed, p) for p in found.peers.values()]
    for name, s, peer in rows:
        if s is None:
            made.rows.append([name, f"not timed: {peer.note if peer else ''}"])
            continue
        against = "" if static is None or s is static else ratio(s.median / static.median)
        more = [count(s.samples_per_second)] if sampled else []
        made.rows.append(
            [name, duration(s.median), span(s.low, s.high), duration(s.p95), count(1 / s.median), *more, against]
        )
    return made


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
    made.rows.append(["calls until it has paid", *(_calls(s.break_even) if s.break_even else "" for s in found.starts)])
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


def sections(found: Comparison) -> list[tuple[str, str]]:
    """Anchors and names of the sections that the page has."""
    named = [
        ("pays", "When compiling pays", found.starts and len(found.modes) > 1),
        ("speed", "Speed", found.modes),
        ("agreement", "Agreement", found.agreement),
        ("debugging", "Debugging", found.faults),
        ("profile", "Profile", found.profiles),
        ("memory", "Memory", memory(found)),
        ("retraces", "Compiled versions", found.retraces),
        ("notices", "Warnings", any(found.notices.values())),
        ("graphs", "Graphs", found.scene is not None),
        ("measured", "How it was measured", True),
    ]
    return [(anchor, name) for anchor, name, there in named if there]


def notes(found: Comparison) -> list[str]:
    """How it was measured, and what could not be."""
    return found.notes


def voices(fault: Fault) -> list[tuple[str, FaultVerdict]]:
    """What was said to a fault; modes that say the same word for word are named together."""
    made: dict[tuple[str, str], tuple[list[str], FaultVerdict]] = {}
    for name, verdict in fault.verdicts.items():
        made.setdefault((verdict.found, verdict.message), ([], verdict))[0].append(name)
    return [(" and ".join(names), verdict) for names, verdict in made.values()]
