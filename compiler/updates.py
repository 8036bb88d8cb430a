"""Which new values of states may be written over the old ones while the group that computes them still reads these."""

from __future__ import annotations

from compiler.buffers import Place, base_of, view_of
from compiler.fuse import Unit
from compiler.nest import strides_along
from engine.lowering import Fold, Scalar, View
from engine.record import Record
from engine.sizes import same, same_shape


def written_over(unit: Unit, record: Record, leaf: Record, places: dict[Record, Place]) -> bool:
    """Whether every element of ``leaf`` is read where ``record``, its new value, is written, and nowhere else in the group.

    Groups that may find out a mistake of the user's while they run are left out: no state may have changed by then.
    """
    if isinstance(record.op.lower, Fold):
        return False
    if any(r.op.lower.traps for r in unit.members if isinstance(r.op.lower, Scalar) and r.dtype.kind in "iu"):
        return False
    written = strides_along(unit.space, unit.members[record], leaf.shape, places[leaf].layout.strides)
    for reader in unit.members:
        for a in reader.args:
            if a in unit.members or base_of(a) is not leaf:
                continue
            read = _viewed(a, places)
            if read is None or isinstance(reader.op.lower, Fold) or unit.inner is not None:
                return False
            axes = unit.members[reader][len(reader.shape) - len(a.shape) :]
            found = strides_along(unit.space, axes, a.shape, read.layout.strides)
            if not same(read.layout.offset, 0) or not same_shape(found, written):
                return False
    return True


def _viewed(record: Record, places: dict[Record, Place]) -> Place | None:
    """The place of a view of a leaf, or None where its elements would have to be copied."""
    if not isinstance(record.op.lower, View):
        return places[record]
    base = _viewed(record.args[0], places)
    return None if base is None else view_of(base, record)
