"""Memory: which temporary buffers may share bytes, given when each is first written and last read."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compiler.buffers import Buffer
from engine.sizes import evaluate

ALIGNMENT = 64  # a cache line, and the widest vector register


def lifetimes(steps: Sequence[Any], times: Sequence[int]) -> dict[Buffer, tuple[int, int]]:
    """First and last time of each temporary buffer; steps of one time may run at once."""
    found: dict[Buffer, tuple[int, int]] = {}
    for number, step in zip(times, steps, strict=True):
        for buffer in (*step.reads, *step.writes):
            if buffer.kind == "temp":
                first, _ = found.get(buffer, (number, number))
                found[buffer] = (first, number)
    return found


def peak(lives: Mapping[Buffer, tuple[int, int]], sizes: Mapping[str, int]) -> tuple[int, int]:
    """The bytes alive at the step where most are, and that step: no arrangement of these buffers can need less."""
    change: dict[int, int] = {}
    for buffer, (first, last) in lives.items():
        taken = bytes_of(buffer, sizes)
        change[first] = change.get(first, 0) + taken
        change[last + 1] = change.get(last + 1, 0) - taken
    most = at = alive = 0
    for step in sorted(change):
        alive += change[step]
        if alive > most:
            most, at = alive, step
    return most, at


def bytes_of(buffer: Buffer, sizes: Mapping[str, int]) -> int:
    """The bytes a buffer takes in an arena."""
    return -(-max(1, evaluate(buffer.size, sizes)) * buffer.dtype.itemsize // ALIGNMENT) * ALIGNMENT


def arrange(lives: Mapping[Buffer, tuple[int, int]], sizes: Mapping[str, int]) -> tuple[dict[Buffer, int], int]:
    """Byte offset of each buffer in one arena, and the arena's size.

    One buffer after the other, each at the lowest place where nothing alive at the same time lies; largest first (greedy
    by size; Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020), and where that wastes
    memory, in two other orders as well, of which the best is taken.
    """
    taken = {b: bytes_of(b, sizes) for b in lives}
    wanted = WASTE * peak(lives, sizes)[0]
    best: tuple[dict[Buffer, int], int] | None = None
    for order in ORDERS:
        found = _placed(sorted(lives, key=lambda b: order(taken[b], *lives[b])), lives, taken)
        if best is None or found[1] < best[1]:
            best = found
        if best[1] <= wanted:
            break
    assert best is not None
    return best


WASTE = 1.03  # an arena this much larger than the bytes alive at once is good enough
ORDERS: tuple[Callable[[int, int, int], Any], ...] = (
    lambda size, first, last: -size,
    lambda size, first, last: -size * (last - first + 1),
    lambda size, first, last: (first - last, -size),
)


def _placed(
    order: Sequence[Buffer], lives: Mapping[Buffer, tuple[int, int]], taken: Mapping[Buffer, int]
) -> tuple[dict[Buffer, int], int]:
    """Offsets of buffers that are placed in this order."""
    offsets: dict[Buffer, int] = {}
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last; in order of offset
    total = 0
    for buffer in order:
        first, last = lives[buffer]
        place = 0
        for offset, end, begin, finish in placed:
            if finish < first or begin > last:
                continue
            if place + taken[buffer] <= offset:
                break
            if end > place:
                place = end
        offsets[buffer] = place
        insort(placed, (place, place + taken[buffer], first, last))
        total = max(total, place + taken[buffer])
    return offsets, total
