"""Rows of the plan: a kernel with what its parameters stand for, or a call back into Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compiler.buffers import Buffer, Place
from compiler.kernel import Kernel
from engine.record import Record


@dataclass(frozen=True)
class Bind:
    """What a parameter of a kernel is at run time.

    ``kind``: "ptr" (an address ``value`` elements into ``buffer``), "int" (a size or number), "float" (a number), or
    "blas" (the address of a BLAS routine: (dtype, 0 for gemm or 1 for gemv)).
    """

    kind: str
    buffer: Buffer | None = None
    value: Any = 0


@dataclass
class Step:
    """A kernel with its parameters bound, and the records it computes."""

    kernel: Kernel
    binds: list[Bind]
    records: list[Record]
    reads: set[Buffer] = field(default_factory=set)
    writes: set[Buffer] = field(default_factory=set)


@dataclass
class Callback:
    """An op without native code: its NumPy kernel runs between two native stretches.

    ``results``: where each result goes; None for one that nobody needs.
    """

    record: Record
    operands: list[Place]
    results: list[Place | None]

    @property
    def records(self) -> list[Record]:
        return [self.record]

    @property
    def reads(self) -> set[Buffer]:
        return {p.buffer for p in self.operands}

    @property
    def writes(self) -> set[Buffer]:
        return {p.buffer for p in self.results if p is not None}
