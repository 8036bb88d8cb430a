"""The verdict: what the figures of a comparison come to, in a paragraph that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator

from tapegraph.comparison.figures import BreakEven, Comparison, Start
from tapegraph.comparison.starts import COLD
from tapegraph.comparison.units import count, duration, plural, ratio
from tapegraph.visual.scene import Place

NEAR = 5.0  # points of debuggability within which the modes count as alike
FEW = 6  # mistakes; of fewer nothing general is said
LITTLE = 0.05  # a change of time by less than this is no reason to compile


def paragraph(found: Comparison) -> str:
    """A few sentences: do the modes agree, what does compiling buy and cost, when does it pay, which mode to use when."""
    return " ".join(sentences(found))


def sentences(found: Comparison) -> Iterator[str]:
    """The sentences of the verdict one by one; the last is the advice."""
    if not found.complete:
        yield "Interrupted: these are the figures that were there by then."
    if "static" in found.failed:
        yield from _untraceable(found)
        return
    if found.agreement is None:
        return
    yield _agreement(found)
    if found.speedup is None:
        return
    yield _gain(found)
    if found.agreement.ok:
        yield from _cost(found)
    if len(found.retraces) > 1:
        yield _retraced(found)
    yield from _debugging(found)
    yield from _peers(found)
    yield _advice(found)


def _times(value: float) -> str:
    return ratio(value).removesuffix("×")


def _at(place: Place | None) -> str:
    return place.address if place else ""


def _untraceable(found: Comparison) -> Iterator[str]:
    said = found.failed["static"]
    lines = said.message.strip().splitlines() or [""]
    where = f" at {_at(said.place)}" if said.place else ""
    yield f"Static mode cannot run {found.function.name}: {said.error}{where}: {lines[0].rstrip('.')}."
    if "eager" in found.modes:
        yield f"In eager mode a call takes {duration(found.modes['eager'].median)}."
    fix = next((line.split("fix:", 1)[1].strip() for line in lines if line.strip().startswith("fix:")), "")
    if fix and not fix.endswith(":"):  # else it is code, which stands below
        yield f"To compile it, {fix.rstrip('.')}."
    yield "Until then, run it in eager mode."


def _agreement(found: Comparison) -> str:
    agreement = found.agreement
    assert agreement is not None
    calls = plural(agreement.calls, "call")
    if agreement.close:
        apart = "to the last bit" if agreement.largest == 0 else f"within {agreement.largest:.1g} after {calls}"
        return f"Both modes compute the same, {apart}."
    if agreement.ok:
        return (
            f"Both modes compute the same as far as can be told: after {calls} they are {agreement.largest:.1g} apart, and "
            f"one last bit changed at the start makes {agreement.control:.1g}."
        )
    gap = agreement.differs[0]
    where = f", first at {_at(gap.place)}" if gap.place else ""
    others = f" and {plural(len(agreement.differs) - 1, 'other value')}" if len(agreement.differs) > 1 else ""
    return (
        f"The modes disagree: {gap.what} differs by {gap.largest:.2g} where {gap.allowed:.1g} is allowed{where}{others}; "
        "until that is explained, the times compare different computations."
    )


def _gain(found: Comparison) -> str:
    gain = found.speedup
    assert gain is not None
    eager, static = found.modes["eager"], found.modes["static"]
    interval = f"{gain.level:.0%} interval {_times(gain.low)} to {_times(gain.high)}"
    if not gain.certain:
        return (
            f"Whether compiling makes it faster cannot be told: {duration(static.median)} a call compiled, "
            f"{duration(eager.median)} line by line, a factor of {_times(gain.value)} ({interval})."
        )
    if gain.value < 1:
        return (
            f"Compiled it is slower: a call takes {duration(static.median)} instead of {duration(eager.median)}, "
            f"{_times(1 / gain.value)} times as long ({gain.level:.0%} interval {_times(1 / gain.high)} to "
            f"{_times(1 / gain.low)})."
        )
    less = ""
    if eager.peak_bytes and static.peak_bytes and eager.peak_bytes >= 1.5 * static.peak_bytes:
        less = f", with {_times(eager.peak_bytes / static.peak_bytes)} times less memory"
    return (
        f"Compiled, a call takes {duration(static.median)} instead of {duration(eager.median)}: {_times(gain.value)} "
        f"times as fast ({interval}){less}."
    )


def _cost(found: Comparison) -> Iterator[str]:
    if not found.starts:
        return
    gain = found.speedup
    assert gain is not None
    pays = gain.value > 1 and gain.certain
    costs = [_start(start, pays) for start in found.starts]
    never = "" if pays or not gain.certain else "; that is never paid back"
    yield f"The first compiled call costs {', and '.join(costs)}{never}."


def _start(start: Start, pays: bool) -> str:
    cost = f"{duration(start.first_call)} {_when(start)}"
    return f"{cost}, which has paid after {_calls(start.break_even)}" if pays and start.break_even else cost


def _when(start: Start) -> str:
    known = {COLD: "with an empty kernel cache", "warm cache": "once the kernels are cached on disk"}
    return known.get(start.name, f"in {start.name}")


def _calls(even: BreakEven | None) -> str:
    assert even is not None
    if even.calls is None:
        return "no number of calls"
    high = "never" if even.high is None else count(even.high)
    low = "never" if even.low is None else count(even.low)
    span = "" if low == high else f" ({low} to {high})"
    return f"{plural(even.calls, 'call')}{span}"


def _retraced(found: Comparison) -> str:
    worst = max(found.retraces[1:], key=lambda retrace: retrace.seconds)
    where = f", needed at {_at(worst.place)}" if worst.place else ""
    total = sum(retrace.seconds for retrace in found.retraces[1:])
    return (
        f"It was compiled {len(found.retraces)} times, the further ones for {duration(total)}; the dearest because of "
        f"{worst.cause}{where}."
    )


def _debugging(found: Comparison) -> Iterator[str]:
    points = found.debuggability
    if not {"eager", "static"} <= points.keys():
        return
    eager, static = points["eager"], points["static"]
    tried = plural(len(found.faults), "mistake")
    scores = f"{eager:.0f} of 100 points in eager mode and {static:.0f} in static mode"
    if eager - static > NEAR:
        yield f"What is said about {tried} put into it is worth {scores}: debug it in eager mode."
    elif len(found.faults) < FEW:
        yield f"What is said about {tried} put into it is worth {scores}; so few say little of others."
    else:
        yield f"What is said about {tried} put into it is worth {scores}: as much when it is compiled."


def _peers(found: Comparison) -> Iterator[str]:
    timed = [p for p in found.peers.values() if p.speed is not None and p.ratio is not None and p.agrees is not False]
    if not timed:
        return
    quickest = min(timed, key=lambda p: p.speed.median if p.speed else 0.0)
    assert quickest.ratio is not None
    gain = quickest.ratio
    if not gain.certain:
        yield f"{quickest.name}, the fastest peer, is as fast as static mode as far as can be told."
    elif gain.value > 1:
        yield f"{quickest.name}, the fastest peer, takes {_times(gain.value)} times as long as static mode."
    else:
        yield f"{quickest.name}, the fastest peer, is {_times(1 / gain.value)} times as fast as static mode."


def _advice(found: Comparison) -> str:
    gain, agreement = found.speedup, found.agreement
    assert gain is not None and agreement is not None
    if not agreement.ok:
        return "Use eager mode, and look with tg.debug.bisect at where they part."
    if not (gain.certain and gain.value > 1 + LITTLE):
        return "Leave it in eager mode: nothing is gained by compiling it."
    if not any(s.break_even and s.break_even.calls is not None for s in found.starts):
        return "Compile it where it is called often."
    return "Compile it for runs longer than that; stay in eager mode for shorter ones."
