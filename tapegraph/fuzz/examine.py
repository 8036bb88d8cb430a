"""One program examined: run line by line and in some other ways, and compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tapegraph.fuzz.difference import Difference, judge
from tapegraph.fuzz.outcome import Maker, Outcome, run
from tapegraph.fuzz.ways import WAYS

# How often each way is taken: the ways that compile take a hundred times as long as those that do not.
SHARES = {"graph": 1.0, "kernels": 0.35, "native": 0.1}
BESIDE = ("threads", "unwatched", "bare", "bitwise", "pinned", "many", "")  # one of these with every "native"


@dataclass
class Examined:
    """A program and what was found. ``why``: what explained differences, with the ways they were in."""

    text: str
    calls: int = 0
    errors: int = 0
    ways: list[str] = field(default_factory=list)
    why: list[tuple[str, str]] = field(default_factory=list)
    found: dict[str, Difference] = field(default_factory=dict)  # by the way it was found


def chosen(seed: int, number: int) -> list[str]:
    """The ways for one of many programs."""
    rng = random.Random(f"ways {seed}:{number}")
    ways = [name for name, share in SHARES.items() if rng.random() < share]
    if "native" in ways and (beside := rng.choice(BESIDE)):
        ways.append(beside)
    return ways


def examine(text: str, ways: Sequence[str]) -> Examined:
    """Run a program in these ways and compare each with eager mode, or with the way that runs the same code."""
    outcomes: dict[Maker | str, Outcome] = {}
    result = Examined(text, ways=list(ways))
    for name in ways:
        way = WAYS[name]
        like = WAYS[way.like] if way.like else None
        base, key = (like.make, like.name) if like else (way.base, way.base)
        if key not in outcomes:
            outcomes[key] = run(text, base)
        found = outcomes[name] = run(text, way.make)
        verdict = judge(text, outcomes[key], found, way.base, bitwise=like is not None)
        if verdict.why:
            result.why.append((name, verdict.why))
        if verdict.difference is not None:
            result.found[name] = verdict.difference
    eager = outcomes.get(WAYS["graph"].base, [])
    result.calls, result.errors = len(eager), sum(c.failure is not None for c in eager)
    return result
