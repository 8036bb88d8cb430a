"""Laws of scattering: one number written into each row is a choice that fuses with what comes before and after it."""

from __future__ import annotations

from typing import Any

from engine import dispatch, dtypes
from engine.op import OPS, apply
from engine.record import Record
from engine.spec import same_shape
from graph.pattern import FULL, ops
from graph.rulebook import Rulebook, handles

scatter = Rulebook("scatter")


@scatter.generic("rounding", [OPS["index_add"]], over=[FULL], zeros=True, integers=True)
def one_of_each_row(record: Record) -> Any:
    """zeros with v added at (row, k[row]) = where(k == 0, 1, 2, .., v, 0), k being checked by a gather already"""
    zeros, v, *index = record.args
    if zeros.op is not FULL or zeros.attrs["value"] != 0:
        return "it does not add to zeros"
    if record.attrs["axis"] != 0 or len(index) != len(zeros.shape):
        return "the index does not name a whole position"
    chosen = [axis for axis, i in enumerate(index) if i.op is not OPS["iota"] or i.attrs["axis"] != axis]
    if len(chosen) != 1:
        return "more than one axis is chosen"
    axis = chosen[0]
    if not same_shape(v.shape, tuple(1 if a == axis else n for a, n in enumerate(zeros.shape))):
        return "it does not write one number to each row"
    if (*index, *map(str, zeros.shape)) not in dispatch.current().trace.gathers:
        return "no gather in the graph checks that the index is in range"
    place = handles(record)[2 + axis]
    if place.dtype != dtypes.int64:
        place = ops.astype(place, dtype=dtypes.int64)
    n = zeros.shape[axis]
    if not isinstance(n, int):
        return f"the number of columns, {n}, is known only in the run"
    shape = tuple(n if a == axis else 1 for a in range(len(zeros.shape)))
    line = apply(OPS["iota"], shape=shape, axis=axis, dtype=dtypes.int64)
    place = ops.where(ops.less(place, 0), place + n, place)
    return ops.where(ops.equal(place, line), handles(record)[1], 0)
