"""The arena: one block of memory for a program's temporary buffers, shared by all sizes it is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.buffers import Buffer
from compiler.memory import ALIGNMENT, arrange, peak

Words = np.ndarray[Any, np.dtype[np.int64]]
_BYTE = np.dtype(np.uint8)
ROOM = 4  # a buffer that must grow again grows by this part of its size at least: sizes may rise call by call


@dataclass(eq=False)
class Scope:
    """The temporary buffers of a plan with their first and last steps; ``inner``: its subprograms' and their steps."""

    lives: Mapping[Buffer, tuple[int, int]]
    inner: list[tuple[int, Scope]] = field(default_factory=list)

    def buffers(self) -> list[Buffer]:
        """Those of the subprograms included."""
        return [*self.lives, *(b for _, scope in self.inner for b in scope.buffers())]

    def alive(self, room: Mapping[Buffer, int]) -> int:
        """The bytes alive at the fullest step: no arrangement can need less."""
        blocks = {Buffer("temp", _BYTE, room[b]): life for b, life in self.lives.items()}
        blocks |= {Buffer("temp", _BYTE, scope.alive(room)): (step, step) for step, scope in self.inner}
        return peak(blocks, {})[0]

    def arrange(self, room: Mapping[Buffer, int]) -> tuple[dict[Buffer, int], int]:
        """Byte offset of each buffer, and the size of it all: a subprogram's memory is needed at its step only.

        ``room``: the bytes each is to have.
        """
        blocks = {Buffer("temp", _BYTE, room[b]): (b, life) for b, life in self.lives.items()}
        inner = {}
        for step, scope in self.inner:
            offsets, size = scope.arrange(room)
            block = Buffer("temp", _BYTE, size)
            blocks[block] = (None, (step, step))
            inner[block] = offsets
        places, total = arrange({block: life for block, (_, life) in blocks.items()}, {})
        found = {b: places[block] for block, (b, _) in blocks.items() if b is not None}
        for block, offsets in inner.items():
            found.update({b: places[block] + offset for b, offset in offsets.items()})
        return found, total


class Arena:
    """Memory laid out for the largest size each buffer was seen with. ``addresses``: of the scope's buffers, in order."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.buffers = scope.buffers()
        self.room = np.zeros(len(self.buffers), np.int64)
        self.bytes = 0
        self.laid_out = False
        self.memory = np.empty(0, np.uint8)
        self.addresses = np.zeros(len(self.buffers), np.int64)

    def fit(self, needed: Words) -> bool:
        """Give each buffer as many bytes as needed, at least; whether they have moved for it."""
        if self.laid_out and (needed <= self.room).all():
            return False
        grown = np.maximum(needed, self.room + self.room // ROOM)
        self.room = np.maximum(1, np.where(needed > self.room, grown, self.room))
        self.room += -self.room % ALIGNMENT
        self.laid_out = True
        offsets, self.bytes = self.scope.arrange(dict(zip(self.buffers, self.room.tolist(), strict=True)))
        self.memory = np.empty(self.bytes + ALIGNMENT, np.uint8)
        start = self.memory.ctypes.data + -self.memory.ctypes.data % ALIGNMENT
        self.addresses = np.array([start + offsets[b] for b in self.buffers], np.int64)
        return True

    @property
    def alive(self) -> int:
        """The bytes that are alive at once at these sizes; what ``bytes`` has beyond is lost between buffers."""
        return self.scope.alive(dict(zip(self.buffers, self.room.tolist(), strict=True)))

    def arrays(self) -> dict[Buffer, np.ndarray[Any, Any]]:
        """Each buffer's room as a flat array."""
        starts = (self.addresses - self.memory.ctypes.data).tolist()
        ends = (starts + self.room).tolist()
        return {b: self.memory[s:e].view(b.dtype) for b, s, e in zip(self.buffers, starts, ends, strict=True)}
