"""Rows of the plan: a kernel with what its parameters stand for, or a call back into Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compiler.buffers import Buffer, Place
from compiler.kernel import Kernel
from engine.record import Record
from engine.sizes import Size


@dataclass(frozen=True)
class Bind:
    """What a parameter of a kernel is at run time.

    ``kind``: "ptr" (an address ``value`` elements into ``buffer``), "int" (a size or number), "float" (a number),
    "blas" (the address of a BLAS routine: (dtype, 0 for gemm or 1 for gemv)), or "pieces" (the address of the number of
    pieces that put their sums elsewhere when step ``value`` ran).
    """

    kind: str
    buffer: Buffer | None = None
    value: Any = 0


@dataclass(frozen=True)
class Axis:
    """A loop of a kernel that may be cut: parameter ``count`` holds its number of iterations.

    ``least``: iterations of a piece; ``coarse``: if there are more than two pieces. ``rival``: a parameter, or -1; this
    loop stays whole where that one is larger. ``counts``: (parameter, factor), which hold as many times the iterations.
    ``moves``: (parameter, bytes), addresses that move with each iteration.
    """

    count: int
    least: int
    coarse: int
    moves: tuple[tuple[int, Size], ...]
    counts: tuple[tuple[int, Size], ...] = ()
    rival: int = -1


@dataclass(frozen=True)
class Pieces:
    """How a step may be cut into pieces that several threads compute.

    ``work``: picoseconds on one core, roughly. ``partials``: (parameter, the sum it points at, where the pieces of the
    last axis but the first put theirs).
    """

    work: Size
    axes: tuple[Axis, ...]
    partials: tuple[tuple[int, Record, Place], ...] = ()


@dataclass
class Step:
    """A kernel with its parameters bound, and the records it computes.

    ``stored``: those it leaves in memory, and where. ``pieces``: how it may be cut. ``joins``: the step whose pieces' sums
    it adds, if that is what it does.
    """

    kernel: Kernel
    binds: list[Bind]
    records: list[Record]
    stored: dict[Record, Place] = field(default_factory=dict)
    reads: set[Buffer] = field(default_factory=set)
    writes: set[Buffer] = field(default_factory=set)
    pieces: Pieces | None = None
    joins: Step | None = None


@dataclass(eq=False)
class InPython:
    """A row that runs Python for one op. ``results``: where each result goes; None for one that nobody needs."""

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


class Callback(InPython):
    """An op without native code: its NumPy kernel runs between two native stretches."""
