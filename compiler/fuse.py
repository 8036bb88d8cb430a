"""Fusion: nodes that can share one loop nest become one group; everything else stays a unit of its own.

A group has an iteration space (a list of sizes) and, for each member, a map from the member's axes to axes of that
space. Elementwise ops, folds and axis relabelings (broadcast, permutation, axes of size 1) are fused; a member's
value is then a function of the loop counters and need not exist in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.closing import closing
from compiler.dependence import Dependence
from engine.lowering import Fold, Scalar, View
from engine.record import Record
from engine.sizes import Shape, Size, product, same, same_shape
from graph.graph import Graph

ALONE = 1 << 15  # elements that one thread folds as quickly as several
MEMBERS = 64  # larger groups cost more to compile than another pass over memory costs to run
AxisMap = tuple[int | None, ...]

INLINE = ("full", "iota", "size_of")  # written into the kernels that use them: they read nothing


@dataclass(eq=False)
class Unit:
    """One thing to run: a group of fused records, or a single record of another kind.

    ``space``: sizes of the loops, outermost first. ``inner``: the first axis of the innermost part, over which folds
    run whose results the group itself uses; None while no fold has fixed it. ``sums``: members that are folds over
    other axes: they accumulate into memory and can be used by later units only.
    """

    members: dict[Record, AxisMap] = field(default_factory=dict)
    space: list[Size] = field(default_factory=list)
    inner: int | None = None
    sums: set[Record] = field(default_factory=set)
    fused: bool = False
    last: int = -1  # the serial number of the latest member

    def add(self, record: Record, axes: AxisMap) -> None:
        """Make a record a member."""
        self.members[record] = axes
        self.last = max(self.last, record.serial)


def _short(space: list[Size]) -> bool:
    size = product(space)
    return isinstance(size, int) and size < ALONE


def relabeling(record: Record) -> bool:
    """Whether a view only renames, permutes, repeats or drops axes, so that it can live inside a loop nest."""
    if record.op.name in ("broadcast_to", "permute_dims"):
        return True
    return record.op.name == "reshape" and same_shape(_without_ones(record.shape), _without_ones(record.args[0].shape))


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if not same(n, 1))


def relabeled(record: Record, source: AxisMap) -> AxisMap:
    """The axis map of a relabeling, given that of its operand; new axes map nowhere yet."""
    operand = record.args[0]
    if record.op.name == "permute_dims":
        return tuple(source[a] for a in record.attrs["axes"])
    if record.op.name == "broadcast_to":
        return (None,) * (len(record.shape) - len(source)) + source
    kept = iter([m for n, m in zip(operand.shape, source, strict=True) if not same(n, 1)])
    return tuple(None if same(n, 1) else next(kept) for n in record.shape)


class Fuser:
    """Grows groups along the edges of a graph, in dependence order."""

    def __init__(self, graph: Graph) -> None:
        self.unit_of: dict[Record, Unit] = {}
        self.graph = graph
        self.closing, self.updating = closing(graph)
        self.dependence = Dependence(graph.nodes, self.unit_of)

    def run(self) -> list[Unit]:
        """The units of the graph; each record that needs computing belongs to exactly one."""
        for record in self.graph.nodes:
            if not record.args and (record.op.name == "leaf" or record.op.name in INLINE):
                continue
            if not self._join(record):
                self._start(record)
        self._gather()
        seen: dict[Unit, None] = {}
        for record in self.graph.nodes:
            if record in self.unit_of:
                seen.setdefault(self.unit_of[record])
        return list(seen)

    # ------------------------------------------------------------------------------------ sums beside a reader

    def _gather(self) -> None:
        """Let a group that reads a whole value also add up what stands alone as a sum of that value."""
        alone = [
            r
            for r, u in self.unit_of.items()
            if len(u.members) == 1 and isinstance(r.op.lower, Fold) and r.args[0].op.name not in INLINE
        ]
        summed = {r.args[0] for r in alone}
        readers: dict[Record, list[tuple[Unit, Record]]] = {}
        for reader, unit in self.unit_of.items():
            if unit.fused and isinstance(reader.op.lower, Scalar):
                for a in summed.intersection(reader.args).difference(unit.members):
                    readers.setdefault(a, []).append((unit, reader))
        for record in alone:
            for unit, reader in readers.get(record.args[0], ()):
                if self._beside(unit, reader, record):
                    break

    def _beside(self, unit: Unit, reader: Record, record: Record) -> bool:
        operand = record.args[0]
        axes = unit.members[reader][len(reader.shape) - len(operand.shape) :]
        varying = {m for n, m in zip(operand.shape, axes, strict=True) if m is not None and not same(n, 1)}
        if varying != {k for k, n in enumerate(unit.space) if not same(n, 1)} or len(unit.members) >= MEMBERS:
            return False
        if not self.updating.isdisjoint(unit.members):
            return False
        own = self.unit_of[record]
        if self.dependence.any_needs(self.dependence.before[unit], {own}) or not self._add_fold(unit, record, axes):
            return False
        self.unit_of[record] = unit
        self.dependence.merged(unit, own)
        return True

    # ------------------------------------------------------------------------------------ starting

    def _start(self, record: Record) -> None:
        unit = Unit()
        match record.op.lower:
            case Scalar():
                unit.fused, unit.space = True, list(record.shape)
                unit.add(record, tuple(range(len(record.shape))))
            case Fold():
                unit.fused, unit.space = True, list(record.args[0].shape)
                self._add_fold(unit, record, tuple(range(len(unit.space))))
            case _:
                unit.add(record, ())
        self._place(record, unit)

    def _place(self, record: Record, unit: Unit) -> None:
        self.unit_of[record] = unit
        self.dependence.placed(record, unit)

    def _add_fold(self, unit: Unit, record: Record, source: AxisMap) -> bool:
        """Make a fold a member: as a value of the group where it runs over the last axes, else as a sum."""
        # An axis of size 1 is not folded: where the operand is itself a fold, the group's loop there is longer.
        shape = record.args[0].shape
        folded = {m for a in record.attrs["axis"] if (m := source[a]) is not None and not same(shape[a], 1)}
        start = min(folded, default=len(unit.space))
        suffix = folded == {k for k in range(start, len(unit.space)) if not same(unit.space[k], 1)}
        if all(same(n, 1) for n in unit.space[:start]) and not _short(unit.space):
            suffix = False  # one loop over everything: several threads may sum up parts of it
        if suffix and folded and (unit.inner is None or unit.inner == start):
            unit.inner = start
        elif suffix and folded and unit.inner is not None and start > unit.inner:
            return False  # a fold over fewer axes than the loops of this group fold
        else:
            unit.sums.add(record)
        unit.add(record, source)
        return True

    # ------------------------------------------------------------------------------------ joining

    def _join(self, record: Record) -> bool:
        lower = record.op.lower
        if not (isinstance(lower, Scalar | Fold) or (isinstance(lower, View) and relabeling(record))):
            return False
        units = {self.unit_of[a]: None for a in record.args if a in self.unit_of}
        candidates = sorted((u for u in units if u.fused), key=lambda u: u.last, reverse=True)
        for unit in candidates:
            if self._add(unit, record):
                self._place(record, unit)
                for other in candidates:
                    if other is not unit:
                        self._merge(unit, other, record)
                return True
        return False

    def _add(self, unit: Unit, record: Record) -> bool:
        if len(unit.members) >= MEMBERS or any(a in unit.sums for a in record.args):
            return False
        if record in self.updating and not unit.members.keys() <= self.closing:
            return False
        if isinstance(record.op.lower, Fold):
            operand = record.args[0]
            return operand in unit.members and self._add_fold(unit, record, unit.members[operand])
        axes = self._axes(unit, record)
        outside = [self.unit_of[a] for a in record.args if a not in unit.members and a in self.unit_of]
        if axes is None or self.dependence.any_needs(outside, {unit}):
            return False
        unit.add(record, axes)
        return True

    def _axes(self, unit: Unit, record: Record) -> AxisMap | None:
        """Which axes of the group's space the axes of a new member are, or None where it does not fit."""
        rank = len(record.shape)
        found: list[int | None] = [None] * rank
        for a in record.args:
            if a not in unit.members:
                continue
            source = relabeled(record, unit.members[a]) if isinstance(record.op.lower, View) else unit.members[a]
            source = (None,) * (rank - len(source)) + source
            for i, m in enumerate(source):
                if m is None:
                    continue
                if found[i] is None:
                    found[i] = m
                elif found[i] != m:
                    return None
        for i, n in enumerate(record.shape):
            m = found[i]
            if same(n, 1):
                continue
            if m is not None and not same(unit.space[m], n):
                return None
            if m is None:
                free = [k for k, size in enumerate(unit.space) if k not in found and same(size, n)]
                if not free:
                    return None
                found[i] = free[-1]
        used = [m for m in found if m is not None]
        if len(set(used)) != len(used) or not self._placed(unit, record, found):
            return None
        return tuple(found)

    def _placed(self, unit: Unit, record: Record, axes: list[int | None]) -> bool:
        """Whether a member of this shape has a place to be computed: in the innermost loop, or outside of it."""
        varying = {m for n, m in zip(record.shape, axes, strict=True) if m is not None and not same(n, 1)}
        full = {k for k, size in enumerate(unit.space) if not same(size, 1)}
        if varying == full:
            return True
        return unit.inner is not None and varying == {k for k in full if k < unit.inner}

    def _merge(self, unit: Unit, other: Unit, via: Record) -> None:
        """Join two groups that feed the same record, where one loop nest can serve both."""
        if len(unit.members) + len(other.members) > MEMBERS:
            return
        if via in self.updating and not other.members.keys() <= self.closing:
            return
        sums, members = unit.sums | other.sums, {**unit.members, **other.members}
        if any(a in sums for r in (via, *members) for a in r.args):
            return  # what a sum accumulates is complete only when its loop nest is over
        if len(unit.space) != len(other.space):
            return
        wanted, move = unit.members[via], dict[int, int]()
        for a in via.args:
            if a in other.members:
                source = other.members[a]
                source = (None,) * (len(wanted) - len(source)) + source
                for here, there in zip(wanted, source, strict=True):
                    if here is not None and there is not None and move.setdefault(there, here) != here:
                        return
        if sorted(move) != list(range(len(other.space))) or sorted(move.values()) != sorted(move):
            return
        if any(not same(other.space[k], unit.space[m]) for k, m in move.items()):
            return
        inner = unit.inner
        if other.inner is not None:
            if {move[k] for k in range(other.inner, len(other.space))} != set(range(other.inner, len(unit.space))):
                return
            if inner is not None and inner != other.inner:
                return
            inner = other.inner
        both = {unit, other}
        if self.dependence.any_needs((self.dependence.before[unit] | self.dependence.before[other]) - both, both):
            return
        unit.inner = inner
        unit.sums |= other.sums
        for record, axes in other.members.items():
            unit.add(record, tuple(None if m is None else move[m] for m in axes))
            self.unit_of[record] = unit
        self.dependence.merged(unit, other)


def fuse(graph: Graph) -> list[Unit]:
    """The units of a graph, in an order of first appearance (not yet of execution)."""
    return Fuser(graph).run()
