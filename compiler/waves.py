"""Waves: steps that need nothing of each other, so that several threads may run them at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from compiler.buffers import Buffer
from compiler.control import Turn, native, outward
from compiler.step import Step
from engine.lowering import Product
from engine.sizes import Size, product

# How many steps ahead one may be that joins a wave: what is computed long before it is needed takes memory. Loop nests
# that can be cut into as many pieces as there are threads gain little by company.
FAR, NEAR = 32, 4
ELEMENT = 1000  # picoseconds that a loop of an op's own takes for each element it touches, roughly


def in_waves(steps: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """The steps in an order by waves, and for each the place where its wave begins.

    The order given is kept but for steps that join a wave before their turn. Steps that write states come after all that
    may find a mistake in the data.
    """
    after, missing = _dependences(steps)
    commits = [_writes_state(step) for step in steps]
    reach = [(NEAR if _cut_at_will(step) else FAR) if _sociable(step) else 0 for step in steps]
    order: list[int] = []
    times: list[int] = []
    placed = [False] * len(steps)
    for first in range(len(steps)):
        if placed[first]:
            continue
        wave = [first]
        checked = commits[first]  # nothing in between may still find a mistake
        for i in range(first + 1, min(len(steps), first + FAR) if reach[first] else 0):
            if not placed[i]:
                checked = checked and commits[i]
                if not missing[i] and checked == commits[i] and i - first < reach[i]:
                    wave.append(i)
        times += [len(order)] * len(wave)
        order += wave
        for i in wave:
            placed[i] = True
            for follower in after[i]:
                missing[follower] -= 1
    return [steps[i] for i in order], times


def _written(step: Any) -> set[Buffer]:
    return step.changes if isinstance(step, Turn) else step.writes  # type: ignore[no-any-return]


def _writes_state(step: Any) -> bool:
    return any(buffer.kind == "state" for buffer in _written(step))


def _sociable(step: Any) -> bool:
    # An effect belongs to the thread that made the call.
    return native(step) and not (isinstance(step, Step) and step.joins) and not outward(step)


def _cut_at_will(step: Any) -> bool:
    return isinstance(step, Step) and step.pieces is not None and not isinstance(step.records[0].op.lower, Product)


def _dependences(steps: Sequence[Any]) -> tuple[list[list[int]], list[int]]:
    """For each step those that must wait for it, and for how many it waits."""
    before: list[set[int]] = [set() for _ in steps]
    writer: dict[Buffer, int] = {}
    readers: dict[Buffer, list[int]] = {}
    for number, step in enumerate(steps):
        wanted = before[number]
        written = _written(step)
        for buffer in (*step.reads, *written):
            if buffer in writer:
                wanted.add(writer[buffer])
        for buffer in written:
            wanted.update(readers.pop(buffer, ()))
            writer[buffer] = number
        for buffer in step.reads:
            readers.setdefault(buffer, []).append(number)
        wanted.discard(number)
    after: list[list[int]] = [[] for _ in steps]
    for number, wanted in enumerate(before):
        for earlier in wanted:
            after[earlier].append(number)
    return after, [len(wanted) for wanted in before]


def wave_ends(times: Sequence[int]) -> list[tuple[int, int]]:
    """Where each wave begins and ends."""
    return list(pairwise([*dict.fromkeys(times), len(times)]))


def work_of(step: Any) -> Size:
    """Picoseconds that a step takes on one core, roughly."""
    if isinstance(step, Turn):
        inner = sum((work_of(s) for part in step.parts for s in part.steps), 0)
        return inner * (1 if isinstance(step.limit, int) and step.limit < 0 else step.limit)
    if isinstance(step, Step) and step.pieces:
        return step.pieces.work
    specs = [s for r in step.records for s in (*(a.spec for a in r.args), *(r.spec if r.op.many else [r.spec]))]
    return sum((product(s.shape) for s in specs), 0) * ELEMENT
