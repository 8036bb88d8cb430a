"""The loop nest of a group: which axes become one loop, and how each value in memory is indexed inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.buffers import Buffer, Place
from compiler.fuse import INLINE, AxisMap, Unit
from compiler.parameters import Parameters
from engine.lowering import Scalar, View
from engine.record import Record
from engine.sizes import Shape, Size, product, same

LANES = 8  # elements a vector instruction handles
UNKNOWN = 64  # what a named size is taken for
START = 10  # instructions before and after an innermost loop
DEAR = 20  # instructions of an elementary function


@dataclass(frozen=True)
class Access:
    """How a value is read or written inside the loops: a buffer, an offset and a stride for each axis of the space."""

    buffer: Buffer | None  # None: the loop index itself, for iota
    offset: Size
    strides: tuple[Size, ...]


@dataclass(frozen=True)
class Loop:
    """One loop over one axis of the space, or over several that every access walks as one."""

    counter: str
    size: str
    axis: int  # the last of its axes


class Nest:
    """The loops and accesses of a group; ``outer`` and ``inside`` are its loops on both sides of the cut."""

    def __init__(
        self,
        unit: Unit,
        outputs: dict[Record, Place],
        locate: Callable[[Record], Place],
        parameters: Parameters,
    ) -> None:
        self.unit = unit
        self.cut = 0 if unit.inner is None else unit.inner
        self.parameters = parameters
        self.loads: dict[tuple[Record, Record], Access] = {}
        for record in sorted(unit.members, key=lambda r: r.serial):
            if not isinstance(record.op.lower, View):
                for a in record.args:
                    if a not in unit.members and (a.op.name == "iota" or a.op.name not in INLINE):
                        self.loads[record, a] = self._load(unit.members[record], a, locate)
        self.stores = {r: self._access(unit.members[r], place, r.shape) for r, place in outputs.items()}
        self._lay_out()

    def move(self, places: Mapping[Record, Place]) -> None:
        """Store some results in another buffer, laid out as before."""
        for record, place in places.items():
            before = self.stores[record]
            self.stores[record] = after = Access(place.buffer, before.offset, before.strides)
            self.terms.update({(after, axis): text for (access, axis), text in self.terms.items() if access == before})

    def _load(self, axes: AxisMap, a: Record, locate: Callable[[Record], Place]) -> Access:
        own = axes[len(axes) - len(a.shape) :] if a.shape else ()
        if a.op.name == "iota":
            along = tuple(int(i == a.attrs["axis"]) for i in range(len(a.shape)))
            return Access(None, 0, strides_along(self.unit.space, own, a.shape, along))
        return self._access(own, locate(a), a.shape)

    def _access(self, axes: AxisMap, place: Place, shape: Shape) -> Access:
        strides = strides_along(self.unit.space, axes, shape, place.layout.strides)
        return Access(place.buffer, place.layout.offset, strides)

    def _lay_out(self) -> None:
        """Drop axes of size 1, put the cheapest innermost, join neighbours that every access walks as one."""
        accesses = list(dict.fromkeys([*self.loads.values(), *self.stores.values()]))
        space = self.unit.space
        joined = self._joined([k for k, n in enumerate(space) if not same(n, 1)], accesses)
        part = [group for group in joined if group[0] >= self.cut]
        if len(part) > 1:
            best = min(reversed(part), key=lambda group: self._cost(group, accesses))
            joined = self._joined([k for group in joined if group is not best for k in group] + best, accesses)
        loops = [
            Loop(f"i{d}", self.parameters.integer(product(space[k] for k in group)), group[-1])
            for d, group in enumerate(joined)
        ]
        self.extents = {x: product(space[k] for k in group) for x, group in zip(loops, joined, strict=True)}
        self.outer = [x for x, group in zip(loops, joined, strict=True) if group[0] < self.cut]
        self.inside = loops[len(self.outer) :]
        self.terms: dict[tuple[Access, int], str] = {}
        for access in accesses:
            for loop in loops:
                s = access.strides[loop.axis]
                if not same(s, 0):
                    unit_stride = loop is loops[-1] and same(s, 1)
                    self.terms[access, loop.axis] = (
                        loop.counter if unit_stride else f"{loop.counter} * {self.parameters.integer(s)}"
                    )

    def _joined(self, order: list[int], accesses: list[Access]) -> list[list[int]]:
        """Axes in groups, each of which every access walks as one axis."""
        joined: list[list[int]] = []
        for k in order:
            before = joined[-1][-1] if joined else None
            together = before is not None and (before < self.cut) == (k < self.cut)
            if together and all(same(x.strides[before], x.strides[k] * self.unit.space[k]) for x in accesses):
                joined[-1].append(k)
            else:
                joined.append([k])
        return joined

    def _cost(self, group: list[int], accesses: list[Access]) -> float:
        """What eight elements cost with these axes innermost, in vector instructions, roughly."""
        size = product(self.unit.space[k] for k in group)
        length = size if isinstance(size, int) else UNKNOWN
        strides = [x.strides[group[-1]] for x in accesses if x.buffer is not None]
        memory = sum(0 if same(s, 0) else 1 if same(s, 1) else LANES for s in strides)
        words = sum(DEAR if isinstance(r.op.lower, Scalar) and r.op.lower.expensive else 1 for r in self.unit.members)
        return memory + words * (LANES if length < LANES else 1) + LANES * START / max(length, 1)

    def at(self, access: Access) -> str:
        """The index of an access, an expression in the loop counters."""
        terms = [self.terms.get((access, loop.axis)) for loop in (*self.outer, *self.inside)]
        return " + ".join(t for t in terms if t) or "0"

    def element(self, access: Access) -> str:
        """An access as text: ``p0[i0 * n1 + i1]``."""
        assert access.buffer is not None
        return f"{self.parameters.pointer(access.buffer, access.offset)}[{self.at(access)}]"

    def varies(self, access: Access, loop: Loop) -> bool:
        """Whether an access moves with a loop."""
        return (access, loop.axis) in self.terms

    def varies_inside(self, access: Access) -> bool:
        """Whether an access moves with any loop behind the cut."""
        return any(not same(s, 0) for s in access.strides[self.cut :])


def strides_along(space: list[Size], axes: AxisMap, shape: Shape, own: tuple[Size, ...]) -> tuple[Size, ...]:
    """The stride along each axis of a space of a value with these strides of its own, 0 where it does not vary."""
    strides: list[Size] = [0] * len(space)
    for n, m, s in zip(shape, axes, own, strict=True):
        if m is not None and not same(n, 1):
            strides[m] = s + 0
    return tuple(strides)
