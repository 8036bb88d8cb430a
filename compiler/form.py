"""The form of a plan's table: what is equal for all sizes is filled in, the rest is known by rule and filled in at once.

One array of 64-bit words holds the rows (a kernel's address and its argument block's) and the blocks, those of
subprograms too. A word is a number; or a size; or the address of a buffer, or of a place in the array itself, plus a
size in bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from compiler import blas, driver
from compiler.arena import Scope
from compiler.buffers import Buffer
from compiler.control import Turn, Wire
from compiler.kernel import FLOAT
from compiler.memory import lifetimes
from compiler.outward import Outside
from compiler.share_text import HEAD, SHARE
from compiler.sharing import Here, Shareable, description, job, share
from compiler.step import Step
from compiler.waves import wave_ends, work_of
from engine.evaluation import Sizing
from engine.sizes import Dim, Size

if TYPE_CHECKING:
    from compiler.plan import Plan

Words = np.ndarray[Any, np.dtype[np.int64]]


class Form:
    """The words of a table without its sizes. ``scope``: the buffers that share the arena.

    ``rows_at``, ``count``: where the rows begin, in words, and how many there are.
    ``uses``: for each buffer outside the arena, the words that hold an address in it.
    """

    def __init__(self, plan: Plan, kernels: Mapping[str, int], sizing: Sizing) -> None:
        self._kernels, self._sizing = kernels, sizing
        self._words: list[int] = []
        self._sized: list[tuple[int, int]] = []  # (word, size)
        self._here: list[int] = []
        self.uses: dict[Buffer, list[tuple[int, Size]]] = {}
        self._described: dict[int, int] = {}  # where the description of a step that may be cut begins
        self.shareable: list[Shareable] = []
        self.rows_at, self.count, self.scope = self._table(plan)
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

    def failed(self, words: Words, row: int) -> int:
        """The row of the step that failed, where the driver stopped at a row that may have had other rows' steps shared."""
        place = self.rows_at + 2 * row
        for shared in self.shareable:
            if shared.row == place and words[place + 1] == words.ctypes.data + 8 * shared.job:
                return row + int(words[shared.job + SHARE.index("failed")])
        return row

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

    def _table(self, plan: Plan) -> tuple[int, int, Scope]:
        """The rows of a plan, its blocks before them."""
        scope = Scope(lifetimes(plan.steps, plan.times))
        rows: list[Any] = []
        found: list[Shareable] = []
        cut: dict[int, Shareable] = {}  # by the step that is cut
        for first, last in wave_ends(plan.times):
            begin, described = len(rows), []
            for step in plan.steps[first:last]:
                if isinstance(step, Step):
                    kernel, block = self._kernels.get(step.kernel.key, 0), self._block(self._step(step))
                elif isinstance(step, Turn):
                    kernel, block = driver.control(step.kind), self._turn(step, first, scope)
                elif isinstance(step, Outside):
                    kernel, block = step.address, self._block(step.words())
                else:
                    continue
                if isinstance(step, Step) and step.joins:
                    cut[id(step.joins)].joins.append((len(rows), step.kernel))
                    kernel = 0
                elif last - first > 1 or (isinstance(step, Step) and step.pieces):
                    described.append(self._block(description(step, kernel, block)))
                    self._described[id(step)] = described[-1]
                rows += [kernel, Here(block)]
            if described:
                work = sum((work_of(step) for step in plan.steps[first:last]), 0)
                shared = Shareable(begin, last - first, self._block(job(work, described)), self._sizing.row(work))
                found.append(shared)
                cut.update((id(step), shared) for step in plan.steps[first:last])
        rows_at = self._block(rows)
        self.shareable += [shared.moved(rows_at) for shared in found]
        return rows_at, len(rows) // 2, scope

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
            rows_at, count, inner = self._table(plan)
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
