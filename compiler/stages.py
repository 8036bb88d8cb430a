"""When each member of a group is computed: once for each outer index, or in which pass over the innermost part."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from compiler.buffers import Place
from compiler.fuse import Unit
from engine.lowering import Fold, Scalar, View
from engine.record import Record
from engine.sizes import same, same_shape


class Stages:
    """A fold whose result the group uses ends a pass; what depends on it is computed in the next one.

    ``order``: the members with their numbers, operands first.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.cut = 0 if unit.inner is None else unit.inner
        self.order = {r: i for i, r in enumerate(sorted(unit.members, key=lambda r: r.serial))}
        self.inside: dict[Record, bool] = {}
        self.stage: dict[Record, int] = {}
        for record in self.order:
            own = [a for a in record.args if a in unit.members]
            self.inside[record] = self._varies_inside(record, own)
            before = max((self.stage[a] for a in own), default=0)
            self.stage[record] = before + self.is_row_fold(record)

    def is_row_fold(self, record: Record) -> bool:
        """Whether a member is a fold over the innermost part, whose result is a value of the group."""
        return isinstance(record.op.lower, Fold) and record not in self.unit.sums

    def _varies_inside(self, record: Record, own: list[Record]) -> bool:
        if isinstance(record.op.lower, Fold):
            return False
        if self.unit.inner is None or any(self.inside[a] for a in own):
            return True
        axes = self.unit.members[record]
        return any(m is not None and m >= self.cut and not same(n, 1) for n, m in zip(record.shape, axes, strict=True))

    def passes(self, record: Record, stored: Collection[Record]) -> set[int]:
        """The passes in which a member is needed for its own sake: to be folded, summed or stored."""
        if isinstance(record.op.lower, Fold):
            return {self.stage[record] - self.is_row_fold(record)}
        return {self.stage[record]} if record in stored else set()

    def spilled(self, stored: Collection[Record]) -> dict[Record, int]:
        """Members worth storing although nobody outside needs them, with the last pass that uses each.

        They are costly, and used in more than one pass.
        """
        uses: dict[Record, set[int]] = {}
        for record in reversed(self.order):
            own = self.passes(record, stored)
            uses.setdefault(record, set()).update(own)
            for a in record.args:
                if self.inside.get(a):
                    uses.setdefault(a, set()).update(uses[record] if self.inside[record] else own)
        return {
            r: max(uses[r])
            for r in self.order
            if isinstance(r.op.lower, Scalar)
            and r.op.lower.expensive
            and r not in stored
            and self.inside[r]
            and len(uses[r]) > 1
        }

    def host(self, record: Record, until: int, places: Mapping[Record, Place]) -> Record | None:
        """A member of these places whose place can hold another one up to a pass, because it is written there later."""
        for other, place in places.items():
            if (
                place.buffer.kind != "state"
                and isinstance(other.op.lower, Scalar | View)
                and self.inside[other]
                and self.stage[other] >= until
                and other.dtype == record.dtype
                and self.unit.members[other] == self.unit.members[record]
                and same_shape(other.shape, record.shape)
            ):
                return other
        return None
