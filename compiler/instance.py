"""An instance: the table of a program filled in for one set of sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.objects import address_of
from compiler.quick import Quick
from engine.evaluation import Numbers
from engine.state import STAMP

if TYPE_CHECKING:
    from compiler.runtime import Program

Array = np.ndarray[Any, Any]


class Instance:
    """Words of the table, the words a call must patch, and the shapes of what it returns."""

    def __init__(
        self, program: Program, shapes: tuple[tuple[int, ...], ...], sizes: dict[str, int], values: Numbers
    ) -> None:
        self.program, self.shapes, self.sizes = program, shapes, sizes
        self.memory = program.arena.memory  # kept alive, should the arena move
        self.words = program.form.fill(values, program.arena.addresses)
        self.table = self.words.ctypes.data + 8 * program.form.rows_at
        self.offsets = self.words[program.brought.words]  # where in its buffer each address of a call points to
        self.state_offsets = self.words[program.pointed.words]
        self.outputs = [
            (tuple(values[rows].tolist()), p.buffer.dtype)
            for rows, p in zip(program.shapes.outputs, program.plan.outputs, strict=True)
        ]
        self.quick: Quick | None = None
        self.stamp: Any = None  # STAMP.now when the words of the states were right

    def bring(self, addresses: list[int]) -> None:
        """Write the addresses of the arrays of a call: inputs, outputs, gradients read."""
        brought = self.program.brought
        self.words[brought.words] = np.array(addresses, np.int64)[brought.numbers] + self.offsets

    def point_at_states(self) -> None:
        """Write the addresses of the states' arrays."""
        self.point_at([s._value for s in self.program.plan.states])
        self.stamp = STAMP.now

    def point_at(self, arrays: Sequence[Array]) -> None:
        """Write the addresses of these arrays for those of the states, in order, until ``point_at_states`` is called."""
        pointed = self.program.pointed
        addresses = [address_of(a) for a in arrays]
        self.words[pointed.words] = np.array(addresses, np.int64)[pointed.numbers] + self.state_offsets
        self.stamp = None
