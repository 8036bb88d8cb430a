"""Table: the rows of a plan for one set of sizes, each a kernel's address and its argument block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compiler import blas, driver
from compiler.buffers import Buffer
from compiler.control import Turn, Wire
from compiler.memory import ALIGNMENT, arrange, lifetimes
from compiler.step import Bind, Step
from engine.sizes import evaluate

Array = np.ndarray[Any, Any]


class Arena:
    """Memory shared by the temporary buffers of a plan, for one set of sizes."""

    def __init__(self, lives: Mapping[Buffer, tuple[int, int]], sizes: Mapping[str, int]) -> None:
        offsets, self.bytes = arrange(lives, sizes)
        self.memory = np.empty(self.bytes + ALIGNMENT, np.uint8)
        start = -self.memory.ctypes.data % ALIGNMENT
        base = self.memory.ctypes.data + start
        self.address = {b: base + o for b, o in offsets.items()}
        self.arrays: dict[Buffer, Array] = {
            b: self.memory[start + o : start + o + evaluate(b.size, sizes) * b.dtype.itemsize].view(b.dtype)
            for b, o in offsets.items()
        }


class Table:
    """Argument blocks and rows. ``patches``: for each buffer whose address a call brings, the slots that wait for it.

    A slot is an index into ``blocks``; what goes there is the buffer's address plus a number of bytes.
    """

    def __init__(
        self,
        steps: Sequence[Any],
        sizes: Mapping[str, int],
        kernels: Mapping[str, int],
        address: Mapping[Buffer, int],
    ) -> None:
        self.sizes, self.kernels, self.address = sizes, kernels, address
        self.patches: dict[Buffer, list[tuple[int, int]]] = {}
        self.parts: list[tuple[Table, Arena]] = []  # of control rows: kept alive with this one
        rows = [step for step in steps if isinstance(step, Step | Turn)]
        words = [self._step(s) if isinstance(s, Step) else self._turn(s) for s in rows]
        self.blocks = np.zeros(sum(map(len, words)) + 1, np.int64)
        start = self.blocks.ctypes.data
        blocks, slot = [], 0
        for step, block in zip(rows, words, strict=True):
            values = []
            for number, word in enumerate(block):
                if isinstance(word, tuple):
                    buffer, offset = word
                    known = address.get(buffer)
                    if known is None:
                        self.patches.setdefault(buffer, []).append((slot + number, offset))
                        known = -offset
                    word = known + offset
                values.append(word)
            if isinstance(step, Step):
                step.kernel.layout.pack_into(self.blocks, 8 * slot, *values)
            else:
                self.blocks[slot : slot + len(values)] = values
            blocks.append(start + 8 * slot)
            slot += len(block)
        addresses = [kernels[s.kernel.key] if isinstance(s, Step) else driver.control(s.kind) for s in rows]
        self.rows = driver.table(addresses, blocks) if blocks else np.zeros((1, 2), np.int64)
        self.count = len(rows)

    def _step(self, step: Step) -> list[Any]:
        return [self._bound(b) for b in step.binds]

    def _bound(self, bind: Bind) -> Any:
        if bind.buffer is not None:
            return bind.buffer, evaluate(bind.value, self.sizes) * bind.buffer.dtype.itemsize
        if bind.kind == "blas":
            return blas.addresses(bind.value[0])[bind.value[1]]
        return evaluate(bind.value, self.sizes) if bind.kind == "int" else bind.value

    def _at(self, wire: Wire, extra: int = 0) -> tuple[Buffer, int]:
        return wire.buffer, evaluate(wire.offset, self.sizes) * wire.buffer.dtype.itemsize + extra

    def _turn(self, turn: Turn) -> list[Any]:
        """The argument block of a control row; the driver's text says what each word is."""
        tables = []
        fixed: list[Any] = []
        moving: list[Any] = []
        for plan, wires in zip(turn.parts, turn.wires, strict=True):
            arena = Arena(lifetimes(plan.steps), self.sizes)
            table = Table(plan.steps, self.sizes, self.kernels, arena.address)
            self.parts.append((table, arena))
            tables.append(table)
            for buffer, slots in table.patches.items():
                wire = wires[buffer]
                stride = evaluate(wire.stride, self.sizes) * wire.buffer.dtype.itemsize
                for slot, offset in slots:
                    place = table.blocks.ctypes.data + 8 * slot
                    if stride:
                        moving += [place, self._at(wire, offset), stride, wire.mask]
                    else:
                        fixed += [place, self._at(wire, offset)]
        if turn.kind == "switch":
            assert turn.index is not None
            walks = [w for t in tables for w in (t.rows.ctypes.data, t.count)]
            return [self._at(turn.index), len(fixed) // 2, *fixed, *walks]
        test = tables[0] if len(tables) == 2 else None
        head = [
            test.rows.ctypes.data if test else 0,
            test.count if test else 0,
            self._at(turn.flag) if turn.flag else 0,
            tables[-1].rows.ctypes.data,
            tables[-1].count,
            evaluate(turn.limit, self.sizes),
            len(turn.before),
            len(fixed) // 2,
            len(moving) // 4,
            len(turn.after),
        ]
        ins: list[Any] = []
        for move in turn.before:
            ins += [self._at(move.target), self._at(move.source), self._bytes(move)]
        outs: list[Any] = []
        for move in turn.after:
            stride = evaluate(move.source.stride, self.sizes) * move.source.buffer.dtype.itemsize
            outs += [self._at(move.target), self._at(move.source), stride, move.source.mask, self._bytes(move)]
        return [*head, *ins, *fixed, *moving, *outs]

    def _bytes(self, move: Any) -> int:
        return evaluate(move.count, self.sizes) * move.target.buffer.dtype.itemsize
