"""Cutting: along which loops an emitted kernel may run in pieces, and how the sums of the pieces are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from compiler.buffers import Place, new_place
from compiler.fuse import Unit
from compiler.kernel import POINTER, Kernel, Param
from compiler.nest import Access, Loop, Nest
from compiler.share_text import LOOPS, ROOM
from compiler.step import Axis, Bind, Pieces, Step
from engine.lowering import Scalar, Shares
from engine.record import Record
from engine.sizes import Size, product, same

# Picoseconds on one core, roughly: only how far a row is cut depends on them.
OPERATION, ELEMENTARY, BYTE, MULTIPLICATION = 50, 600, 25, 40
PARTIALS = 16  # pieces that have sums of their own
LARGEST_PARTIAL = 1 << 12  # elements of such a sum
LINE = 64  # iterations, at least, of a piece of an innermost loop


def shared_loop(shares: Shares, params: list[Param]) -> Pieces:
    """How a loop whose op says so may be cut."""
    at = {p.name: (i, np.dtype(p.dtype).itemsize if p.kind == POINTER else 1) for i, p in enumerate(params)}
    moves = tuple((at[name][0], size * at[name][1]) for name, size in shares.moves.items())
    return Pieces(shares.work * MULTIPLICATION, (Axis(at[shares.count][0], 1, 1, moves),))


class Cutter:
    """Finds the loops along which a kernel may be cut. ``starts``: the number of elements that a sum's first loop sets."""

    def __init__(self, unit: Unit, nest: Nest, params: list[Param], starts: Mapping[Record, str]) -> None:
        self.unit, self.nest, self.starts = unit, nest, starts
        self.number = {p.name: i for i, p in enumerate(params)}

    def pieces(self) -> Pieces | None:
        """How the kernel may be cut; None where it has to run as a whole."""
        apart, adding = [], []
        for loop in self.nest.inside if self.unit.inner is None else self.nest.outer:
            axis = self._axis(loop)
            if axis is not None:
                constant = [r for r in self._sums() if not self.nest.varies(self.nest.stores[r], loop)]
                (adding if constant else apart).append((axis, constant))
        adding = [(axis, sums) for axis, sums in adding if all(_small(r) for r in sums)][:1]
        axes = tuple(axis for axis, _ in (*apart[: LOOPS - len(adding)], *adding))
        if not axes or len(self.number) > ROOM:
            return None
        partials = [(self._pointer(self.nest.stores[r]), r, _room(r)) for _, sums in adding for r in sums]
        return Pieces(self._work(), axes, tuple(partials))

    def _sums(self) -> list[Record]:
        return sorted(self.unit.sums, key=lambda r: r.serial)

    def _axis(self, loop: Loop) -> Axis | None:
        """A loop as one that may be cut; None where an address or a sum would not know of it."""
        moves: dict[int, Size] = {}
        counts: list[tuple[int, Size]] = []
        for access in (*self.nest.loads.values(), *self.nest.stores.values()):
            stride = access.strides[loop.axis]
            if access.buffer is None:
                if not same(stride, 0):
                    return None
                continue
            held = moves.setdefault(self._pointer(access), stride * access.buffer.dtype.itemsize)
            if not same(held, stride * access.buffer.dtype.itemsize):
                return None
        extent = self.nest.extents[loop]
        for record, access in self.nest.stores.items():
            stride = access.strides[loop.axis]
            if record not in self.unit.sums:
                if same(stride, 0):
                    return None
            elif not same(stride, 0):
                if not same(product(record.shape), extent * stride):
                    return None  # what a piece begins with 0 does not lie together
                counts.append((self.number[self.starts[record]], stride))
        innermost = loop is (self.nest.inside or self.nest.outer)[-1]
        least = LINE if innermost else 1
        moving = tuple((param, stride) for param, stride in moves.items() if not same(stride, 0))
        return Axis(self.number[loop.size], least, least, moving, tuple(counts))

    def _pointer(self, access: Access) -> int:
        assert access.buffer is not None
        return self.number[self.nest.parameters.pointer(access.buffer, access.offset)]

    def _work(self) -> Size:
        scalars = [r.op.lower for r in self.unit.members if isinstance(r.op.lower, Scalar)]
        work = sum(ELEMENTARY if s.expensive else OPERATION for s in scalars) + OPERATION
        accesses = {a for a in (*self.nest.loads.values(), *self.nest.stores.values()) if a.buffer is not None}
        work += sum(BYTE * a.buffer.dtype.itemsize for a in accesses if a.buffer is not None)
        return product(self.unit.space) * work


def _small(record: Record) -> bool:
    size = product(record.shape)
    return isinstance(size, int) and size <= LARGEST_PARTIAL and record.dtype != np.float16


def _room(record: Record) -> Place:
    return new_place("temp", record.dtype, (PARTIALS - 1, *record.shape))


def combined(step: Step, outputs: Mapping[Record, Place], folded: Callable[[Record, str, str], str]) -> list[Step]:
    """The rows that add what the pieces of a step but the first have summed up to what the first has."""
    found = []
    for _, record, place in step.pieces.partials if step.pieces else ():
        own = outputs[record]
        text = (
            "def kernel(p0, p1, p2, n0):\n    for k in range(p2[0]):\n        for z in range(n0):\n"
            f"            p0[z] = {folded(record, 'p0[z]', 'p1[k * n0 + z]')}\n    return 0\n"
        )
        dtype = record.dtype.name
        params = (Param("p0", "ptr", dtype), Param("p1", "ptr", dtype), Param("p2", "ptr"), Param("n0", "int"))
        binds = [
            Bind("ptr", own.buffer, own.layout.offset),
            Bind("ptr", place.buffer, 0),
            Bind("pieces", None, step),
            Bind("int", None, product(record.shape)),
        ]
        reads, writes = {own.buffer, place.buffer}, {own.buffer}
        found.append(Step(Kernel(text, params), binds, [record], {record: own}, reads, writes, joins=step))
    return found
