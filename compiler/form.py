"""The form of a plan's table: what is equal for all sizes is filled in, the rest is known by rule and filled in at once.

One array of 64-bit words holds the rows (a kernel's address and its argument block's) and the blocks, those of
subprograms too. A word is a number; or a size; or the address of a buffer, or of a place in the array itself, plus a
size in bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from compiler import blas, driver
from compiler.arena import Scope
from compiler.buffers import Buffer
from compiler.control import Turn, Wire, native
from compiler.kernel import FLOAT
from compiler.memory import lifetimes
from compiler.share_text import HEAD
from compiler.sharing import Here, Shareable, described, job, share
from compiler.step import Step
from engine.evaluation import Sizing
from engine.sizes import Dim, Size

Words = np.ndarray[Any, np.dtype[np.int64]]


class Form:
    """The words of a table without its sizes. ``scope``: the buffers that share the arena.

    ``rows_at``, ``count``: where the rows begin, in words, and how many there are.
    ``uses``: for each buffer outside the arena, the words that hold an address in it.
    """

    def __init__(self, steps: Sequence[Any], kernels: Mapping[str, int], sizing: Sizing) -> None:
        self._kernels, self._sizing = kernels, sizing
        self._words: list[int] = []
        self._sized: list[tuple[int, int]] = []  # (word, size)
        self._here: list[int] = []
        self.uses: dict[Buffer, list[tuple[int, Size]]] = {}
        self._described: dict[int, int] = {}  # where the description of a step that may be cut begins
        self.shareable: list[Shareable] = []
        self.rows_at, self.count, self.scope = self._table(steps)
        inside = {b: n for n, b in enumerate(self.scope.buffers())}
        placed = [(word, inside[b]) for b, words in self.uses.items() if b in inside for word, _ in words]
        for words in self.uses.values():
            for word, offset in words:
                self._put(word, offset)
        self.uses = {b: words for b, words in self.uses.items() if b not in inside}
        self.bytes = pairs((n, sizing.row(b.size * b.dtype.itemsize)) for b, n in inside.items()).numbers
        self.works = np.array([found.work for found in self.shareable], np.int64)
        self.words = np.array(self._words or [0], np.int64)
        self.sized, self.placed, self.here = pairs(self._sized), pairs(placed), np.array(self._here, np.int64)

    def fill(self, values: Words, arena: Words) -> Words:
        """The words for the values of all sizes and the addresses of the arena's buffers; others count as 0."""
        words = self.words.copy()
        words[self.sized.words] += values[self.sized.numbers]
        words[self.placed.words] += arena[self.placed.numbers]
        words[self.here] += words.ctypes.data
        share(self.shareable, values[self.works], words)
        return words

    # ------------------------------------------------------------------------------------ words

    def _put(self, word: int, value: Any) -> None:
        if isinstance(value, Dim):
            self._sized.append((word, self._sizing.row(value)))
        else:
            self._words[word] = int(value)

    def _block(self, values: Iterable[Any]) -> int:
        """Words one after the other; the place of the first. A pair is a buffer and the bytes into it."""
        words = self._words
        start = len(words)
        for word, value in enumerate(values, start):
            words.append(0)
            if isinstance(value, tuple):
                self.uses.setdefault(value[0], []).append((word, value[1]))
            elif isinstance(value, Here):
                words[word] = 8 * value.word
                self._here.append(word)
            else:
                self._put(word, value)
        return start

    def _table(self, steps: Sequence[Any]) -> tuple[int, int, Scope]:
        """The rows of a plan, its blocks before them."""
        scope = Scope(lifetimes(steps))
        rows: list[Any] = []
        shared: dict[int, Shareable] = {}
        for number, step in enumerate(steps):
            if isinstance(step, Step):
                block = self._block(self._step(step))
                if step.pieces:
                    shared[id(step)] = self._shareable(step, block, len(rows))
                if step.joins:
                    shared[id(step.joins)].joins.append((len(rows), step.kernel))
                rows += [0 if step.joins else self._kernels[step.kernel.key], Here(block)]
            elif native(step):
                rows += [driver.control(step.kind), Here(self._turn(step, number, scope))]
        rows_at = self._block(rows)
        self.shareable += [found.moved(rows_at) for found in shared.values()]
        return rows_at, len(rows) // 2, scope

    def _shareable(self, step: Step, block: int, row: int) -> Shareable:
        """What the table needs to know for sharing a step."""
        assert step.pieces
        description = self._block(described(step, self._kernels[step.kernel.key], block))
        self._described[id(step)] = description
        return Shareable(row, self._block(job(step.pieces.work, [description])), self._sizing.row(step.pieces.work))

    def _step(self, step: Step) -> Iterable[Any]:
        for param, bind in zip(step.kernel.params, step.binds, strict=True):
            if bind.buffer is not None:
                yield bind.buffer, bind.value * bind.buffer.dtype.itemsize
            elif bind.kind == "pieces":
                yield Here(self._described[id(bind.value)] + HEAD.index("more"))
            elif bind.kind == "blas":
                yield blas.addresses(bind.value[0])[bind.value[1]]
            elif param.kind == FLOAT:
                yield struct.unpack("=q", struct.pack(f"={param.format}", bind.value))[0]
            else:
                yield bind.value

    def _turn(self, turn: Turn, number: int, scope: Scope) -> int:
        """The argument block of a control row; the driver's text says what each word is."""
        tables = []
        fixed: list[Any] = []
        moving: list[Any] = []
        for plan, wires in zip(turn.parts, turn.wires, strict=True):
            rows_at, count, inner = self._table(plan.steps)
            scope.inner.append((number, inner))
            tables.append((Here(rows_at), count))
            for buffer, wire in wires.items():
                stride = wire.stride * wire.buffer.dtype.itemsize
                for word, offset in self.uses.pop(buffer, ()):
                    if isinstance(stride, Dim) or stride:
                        moving += [Here(word), _at(wire, offset), stride, wire.mask]
                    else:
                        fixed += [Here(word), _at(wire, offset)]
        if turn.kind == "switch":
            assert turn.index is not None
            return self._block([_at(turn.index), len(fixed) // 2, *fixed, *(w for t in tables for w in t)])
        test = tables[0] if len(tables) == 2 else (0, 0)
        counts = [len(turn.before), len(fixed) // 2, len(moving) // 4, len(turn.after)]
        head = [*test, _at(turn.flag) if turn.flag else 0, *tables[-1], turn.limit, *counts]
        ins: list[Any] = []
        for move in turn.before:
            ins += [_at(move.target), _at(move.source), _bytes(move)]
        outs: list[Any] = []
        for move in turn.after:
            stride = move.source.stride * move.source.buffer.dtype.itemsize
            outs += [_at(move.target), _at(move.source), stride, move.source.mask, _bytes(move)]
        return self._block([*head, *ins, *fixed, *moving, *outs])


def _at(wire: Wire, extra: Size = 0) -> tuple[Buffer, Size]:
    return wire.buffer, wire.offset * wire.buffer.dtype.itemsize + extra


def _bytes(move: Any) -> Size:
    size: Size = move.count * move.target.buffer.dtype.itemsize
    return size


class Pairs(NamedTuple):
    """Words of a table, and for each the number of what belongs there."""

    words: Words
    numbers: Words


def pairs(found: Iterable[tuple[int, int]]) -> Pairs:
    """(word, number) as two columns."""
    table = np.array(list(found), np.int64).reshape(-1, 2).T
    return Pairs(table[0].copy(), table[1].copy())
