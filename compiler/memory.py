"""Memory: which temporary buffers may share bytes, given when each is first written and last read."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Any

from compiler.buffers import Buffer
from engine.sizes import evaluate

ALIGNMENT = 64  # a cache line, and the widest vector register


def lifetimes(steps: Sequence[Any]) -> dict[Buffer, tuple[int, int]]:
    """First and last step of each temporary buffer."""
    found: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(steps):
        for buffer in (*step.reads, *step.writes):
            if buffer.kind == "temp":
                first, _ = found.get(buffer, (number, number))
                found[buffer] = (first, number)
    return found


def arrange(lives: Mapping[Buffer, tuple[int, int]], sizes: Mapping[str, int]) -> tuple[dict[Buffer, int], int]:
    """Byte offset of each buffer in one arena, and the arena's size.

    Largest first, each at the lowest place where nothing alive at the same time lies (greedy by size; Pisarchyk and
    Lee, "Efficient memory management for deep neural net inference", 2020).
    """
    bytes_of = {b: -(-max(1, evaluate(b.size, sizes)) * b.dtype.itemsize // ALIGNMENT) * ALIGNMENT for b in lives}
    offsets: dict[Buffer, int] = {}
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last; in order of offset
    total = 0
    for buffer in sorted(lives, key=lambda b: -bytes_of[b]):
        first, last = lives[buffer]
        place = 0
        for offset, end, begin, finish in placed:
            if finish < first or begin > last:
                continue
            if place + bytes_of[buffer] <= offset:
                break
            if end > place:
                place = end
        offsets[buffer] = place
        insort(placed, (place, place + bytes_of[buffer], first, last))
        total = max(total, place + bytes_of[buffer])
    return offsets, total
