"""The loop nest of a group: which axes become one loop, and how each value in memory is indexed inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.buffers import Buffer, Place
from compiler.fuse import INLINE, AxisMap, Unit
from compiler.parameters import Parameters
from engine.lowering import View
from engine.record import Record
from engine.sizes import Shape, Size, product, same


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
            return Access(None, 0, self._strides(own, a.shape, [i == a.attrs["axis"] for i in range(len(a.shape))]))
        return self._access(own, locate(a), a.shape)

    def _access(self, axes: AxisMap, place: Place, shape: Shape) -> Access:
        return Access(place.buffer, place.layout.offset, self._strides(axes, shape, place.layout.strides))

    def _strides(self, axes: AxisMap, shape: Shape, own: object) -> tuple[Size, ...]:
        """The stride of a value along each axis of the space, 0 where it does not vary."""
        strides: list[Size] = [0] * len(self.unit.space)
        for n, m, s in zip(shape, axes, own, strict=True):  # type: ignore[call-overload]
            if m is not None and not same(n, 1):
                strides[m] = s + 0
        return tuple(strides)

    def _lay_out(self) -> None:
        """Drop axes of size 1 and join neighbours that every access walks as one; name sizes and strides."""
        accesses = list(dict.fromkeys([*self.loads.values(), *self.stores.values()]))
        space = self.unit.space
        joined: list[list[int]] = []
        for k in (k for k, n in enumerate(space) if not same(n, 1)):
            before = joined[-1][-1] if joined else None
            together = before is not None and (before < self.cut) == (k < self.cut)
            if together and all(same(x.strides[before], x.strides[k] * space[k]) for x in accesses):
                joined[-1].append(k)
            else:
                joined.append([k])
        loops = [
            Loop(f"i{d}", self.parameters.integer(product(space[k] for k in group)), group[-1])
            for d, group in enumerate(joined)
        ]
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
