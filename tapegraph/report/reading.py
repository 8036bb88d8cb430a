"""What a page says of a comparison beside its verdict: facts, headline figures, sections, notes."""

from __future__ import annotations

from dataclasses import dataclass

from tapegraph.comparison.faults import Fault, FaultVerdict
from tapegraph.comparison.figures import BreakEven, Comparison, Ratio, Start
from tapegraph.comparison.units import count, duration, plural, ratio


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


def facts(found: Comparison) -> list[str]:
    """Where and when it ran, with which versions."""
    m, o = found.machine, found.origin
    made = [
        m.get("system"),
        m.get("processor"),
        f"{m['cores']} cores" if "cores" in m else None,
        plural(found.threads, "BLAS thread") if found.threads else None,
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
        made.append(Headline("Compiling has paid after", [Part(calls(found.break_even))], _paid(found.starts)))
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


def calls(found: BreakEven) -> str:
    if found.calls is None:
        return "never" if found.low is None else "never, perhaps"
    return plural(found.calls, "call")


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
    known += [f"{calls(s.break_even)} with {s.name}" for s in others if s.break_even is not None]
    return "; ".join(known)


def legend(found: Comparison) -> list[tuple[str, str]]:
    """The lines of the break-even curve."""
    return [("eager", "eager"), *((f"static start{i}", f"static, {s.name}") for i, s in enumerate(found.starts))]


def sections(found: Comparison) -> list[tuple[str, str]]:
    """Anchors and names of the sections that the page has."""
    named = [
        ("pays", "When compiling pays", found.starts and len(found.modes) > 1),
        ("speed", "Speed", found.modes),
        ("agreement", "Agreement", found.agreement),
        ("debugging", "Debugging", found.faults),
        ("profile", "Profile", found.profiles),
        ("memory", "Memory", any(s.peak_bytes is not None for s in found.modes.values())),
        ("retraces", "Compiled versions", found.retraces),
        ("notices", "Warnings", any(found.notices.values())),
        ("graphs", "Graphs", found.scene is not None),
        ("measured", "How it was measured", True),
    ]
    return [(anchor, name) for anchor, name, there in named if there]


def notes(found: Comparison) -> list[str]:
    """How it was measured, and what could not be."""
    made = []
    if found.modes:
        calls = " and ".join(f"{count(s.calls)} calls of {name}" for name, s in found.modes.items())
        others = " and all peers" if any(p.speed is not None for p in found.peers.values()) else ""
        made.append(
            f"{calls} were timed, on the wall clock. The modes{others} took turns, so that what else "
            "the machine does hits all of them; a time is the median."
            if len(found.modes) > 1
            else f"{calls} were timed, on the wall clock; a time is the median."
        )
    return [*made, *found.notes]


def voices(fault: Fault) -> list[tuple[str, FaultVerdict]]:
    """What was said to a fault; modes that say the same word for word are named together."""
    made: dict[tuple[str, str], tuple[list[str], FaultVerdict]] = {}
    for name, verdict in fault.verdicts.items():
        made.setdefault((verdict.found, verdict.message), ([], verdict))[0].append(name)
    return [(" and ".join(names), verdict) for names, verdict in made.values()]
