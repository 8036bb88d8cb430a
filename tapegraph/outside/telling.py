"""What is told of the world outside a trace: values that compiled calls keep, effects that they do not repeat."""

from __future__ import annotations

from typing import Any

from engine import origin
from engine.errors import Operand, TapegraphError, spec_of
from engine.notices import TraceWarning
from graph.difference import Difference
from tapegraph.outside.ledger import Effect, Ledger
from tapegraph.outside.reach import Call
from tapegraph.outside.spot import MISSING, Spot, simple


def of_effect(name: str, effect: Effect) -> TraceWarning:
    """The notice of what tracing did once and compiled calls do not do."""
    what = "".join(effect.touch.chain)
    if effect.kind == "counts":
        problem = f"{what} went from {effect.before} to {effect.after} while {name} was traced"
        fix = "count outside the function, or keep the count in a tg.State, which compiled calls update"
    elif effect.kind == "grows":
        problem = f"{what} went from {effect.before} to {effect.after} entries while {name} was traced"
        fix = f"return what is to be kept, and change {what} where the function is called"
    else:
        problem = f"{what} is given a result of {name}, but only while it is traced"
        fix = f"keep it in a tg.State (state.assign(...) inside the function), or pass {what} in and return the new one"
    if effect.symbols:
        problem += "; what was put there is a symbol without a value"
    thing = effect.touch.thing
    operand = _named(thing[-1], f"{what}[-1]") if effect.kind == "grows" and thing else _named(effect.after, what)
    problem += "; compiled calls do not run this line"
    return TraceWarning(problem, op=name, operands=(operand,), fix=fix, origin=effect.touch.frame)


def of_shown(name: str, place: origin.Origin) -> TraceWarning:
    """The notice of a symbol that was printed."""
    return TraceWarning(
        "a symbol is printed or made into text, once, while the function is traced; compiled calls do not run this line",
        op=name,
        fix='use tg.print("{}", x), which prints values at each call, or print what the function returns',
        origin=place,
    )


def of_spot(name: str, spot: Spot, found: Difference | TapegraphError, others: int) -> TraceWarning:
    """The notice of a Python value that the trace read and that is another one now."""
    now = spot.now()
    more = f" (and {others} more)" if others else ""
    return TraceWarning(
        f"{spot.name} was {shown(spot.value)} when {name} was traced and is {shown(now)} now{more}; "
        f"compiled calls keep {shown(spot.value)}{_where(found)}",
        op=name,
        operands=(_named(now, spot.name),),
        fix=f"pass {spot.chain[-1].lstrip('.')} as an argument (each value is then traced), or keep it in a tg.State",
        origin=spot.frame or _origin(found),
    )


def of_call(name: str, call: Call, found: Difference | TapegraphError) -> TraceWarning:
    """The notice of a draw or a time that the graph holds as a constant."""
    what = "".join(call.chain)
    if call.kind == "random":
        problem = f"{what} drew numbers in Python while {name} was traced; every compiled call uses the same ones"
        fix = (
            "draw with tg.uniform or tg.normal (anew at each call), or draw outside and pass the numbers as an argument"
        )
    else:
        problem = f"{what} was read in Python while {name} was traced; every compiled call uses that value"
        fix = "read it outside and pass it as an argument"
    value = found.was if isinstance(found, Difference) else None
    written = origin.resolve(call.frame[0]).expression if call.frame else what  # type: ignore[arg-type]
    operands = () if value is None else (_named(value, written),)
    return TraceWarning(f"{problem}{_where(found)}", op=name, operands=operands, fix=fix, origin=call.frame)


def of_difference(name: str, found: Difference | TapegraphError) -> TraceWarning:
    """The notice of a graph that would be another one now, for a reason that is not known."""
    return TraceWarning(
        f"tracing {name} again gives another graph{_where(found)}; compiled calls keep the first",
        op=name,
        fix="pass what has changed as an argument, or keep it in a tg.State",
        origin=_origin(found),
    )


def _named(value: Any, name: str) -> Operand:
    """A value as an operand of the notice, under the name that the program gives it."""
    spec = (
        f"{type(value).__name__} {shown(value)}" if simple(value) else spec_of(value) if hasattr(value, "dtype") else ""
    )
    return Operand(value, spec or shown(value), name)


def shown(value: Any) -> str:
    """A value in a few characters."""
    if value is MISSING or hasattr(value, "dtype") or hasattr(value, "forward"):
        kind = type(value).__name__
        return "missing" if value is MISSING else f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _origin(found: Difference | TapegraphError) -> origin.Origin:
    if isinstance(found, TapegraphError):
        return found.origin
    record = found.new or found.old
    return () if record is None else record.origin


def _where(found: Difference | TapegraphError) -> str:
    """Where the difference shows, in a clause."""
    if isinstance(found, TapegraphError):
        return f" (traced now, it raises {type(found).__name__}: {found.problem})"
    frames = origin.user_frames(_origin(found))
    return f" (traced now, {found.what}" + (f", at {origin.short(frames[0])})" if frames else ")")


def lines(ledger: Ledger) -> list[str]:
    """All that a trace met outside, a line each: values read, effects, draws, clocks, prints."""
    found = [f"reads   {s.name} = {shown(s.value)}{_at(s.frame)}" for s in ledger.spots]
    words = {"counts": "counts ", "grows": "appends", "keeps": "keeps  ", "sets": "writes "}
    found += [f"{words[e.kind]} {''.join(e.touch.chain)}{_at(e.touch.frame)}" for e in ledger.effects]
    calls = {id(c): c for c in (*ledger.draws, *ledger.clocks, *(c for c in ledger.reach.calls if c.kind == "out"))}
    kinds = {"random": "draws  ", "clock": "clock  ", "out": "calls  "}
    found += [f"{kinds[c.kind]} {''.join(c.chain)}{_at(c.frame)}" for c in calls.values()]
    found += [f"shows   a symbol{_at(place)}" for place in ledger.shown]
    return found


def summary(ledger: Ledger) -> str:
    """What a trace met outside, in numbers."""
    counts = {
        "values read": len(ledger.spots),
        "changes made": len(ledger.effects),
        "draws and clocks": len(ledger.draws) + len(ledger.clocks),
        "symbols printed": len(ledger.shown),
    }
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing"


def _at(place: origin.Origin) -> str:
    frames = origin.user_frames(place)
    return f"  at {origin.short(frames[0])}" if frames else ""
