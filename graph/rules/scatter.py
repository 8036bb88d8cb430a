"""Laws of scattering: one number written into each row is a choice that fuses with what comes before and after it."""

from __future__ import annotations

from typing import Any

from engine import dispatch, dtypes
from engine.op import OPS, apply
from engine.record import Record
from engine.sizes import Size, same, same_shape
from graph.pattern import FULL, ops
from graph.rulebook import Rulebook, handles

scatter = Rulebook("scatter", {"concat": 10})


@scatter.generic("bitwise", [OPS["in_range"]])
def checked_by_a_pick(record: Record) -> Any:
    """in_range(k) = k, k being checked by a pick already"""
    size = str(record.attrs["size"])
    seen = dispatch.current().trace.checks
    if any(c and c[0] == "pick" and c[1] is record.args[0] and c[3] == size for c in seen):
        return handles(record)[0]
    return "no pick in the graph checks that it is in range"


@scatter.generic("rounding", [OPS["add_at"]], over=[FULL], zeros=True, integers=True)
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
    if ("gather", tuple(index), tuple(map(str, zeros.shape))) not in dispatch.current().trace.checks:
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


@scatter.generic("rounding", [OPS["sum"]], over=[OPS["where"]], zeros=True, integers=True)
def sum_of_one_choice(record: Record) -> Any:
    """sum(where(k == 0, 1, 2, .., v, 0)) = v, k being checked by a pick already"""
    condition, v, zero = record.args[0].args
    if zero.op is not FULL or zero.attrs["value"] != 0 or condition.op is not OPS["equal"]:
        return "it is not a choice between a value and zeros where two things are equal"
    if len(record.attrs["axis"]) != 1 or not (same_shape(v.shape, record.shape) or not v.shape):
        return "the value differs along the axis that is summed"
    (axis,) = record.attrs["axis"]
    line, place = condition.args if condition.args[0].op is OPS["iota"] else condition.args[::-1]
    if line.op is not OPS["iota"] or line.attrs["axis"] != axis or len(line.shape) != len(record.shape):
        return "nothing counts along the axis that is summed"
    index = place.args[0] if place.op is OPS["reshape"] else place
    if not same_shape(index.shape, record.shape[:axis] + record.shape[axis + 1 :]):
        return "it does not choose one place in each row"
    if ("pick", index, axis, str(line.shape[axis])) not in dispatch.current().trace.checks:
        return "no pick in the graph checks that the place is in range"
    value = handles(record.args[0])[1]
    return value if v.dtype == record.dtype else ops.astype(value, dtype=record.dtype)


@scatter.generic("rounding", [OPS["add"]], over=[OPS["slice_set"]], zeros=True, integers=True)
def sum_of_parts(record: Record) -> Any:
    """the sum of arrays of zeros with one part set in each, all parts side by side = the parts joined"""
    parts: list[Record] = []
    stack = [record]
    while stack:
        part = stack.pop()
        if part.op is OPS["add"]:
            stack += part.args
        elif part.op is OPS["slice_set"] and part.args[0].op is FULL and part.args[0].attrs["value"] == 0:
            parts.append(part)
        else:
            return f"{part.op.name} is not zeros with a part set"
    cut = {i for p in parts for i, n in enumerate(p.attrs["sizes"]) if not same(n, record.shape[i])}
    if len(cut) != 1 or any(step != 1 for p in parts for step in p.attrs["steps"]):
        return "the parts do not lie side by side along one axis"
    (axis,) = cut
    if not all(isinstance(p.attrs["starts"][axis], int) for p in parts):
        return "where a part begins is known only in the run"
    place: Size = 0
    parts.sort(key=lambda p: p.attrs["starts"][axis])
    for part in parts:
        if not same(part.attrs["starts"][axis], place):
            return "there are gaps between the parts, or they overlap"
        place = place + part.attrs["sizes"][axis]
    if not same(place, record.shape[axis]):
        return "there is a gap behind the parts"
    return apply(OPS["concat"], *(handles(part)[1] for part in parts), axis=axis)
