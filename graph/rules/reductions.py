"""Laws of reductions: two make one, and what was only moved or repeated is reduced before that."""

from __future__ import annotations

from typing import Any

from engine.op import OPS, apply
from engine.record import Record
from engine.sizes import product, same
from graph.pattern import Attr, computed, ops
from graph.rulebook import Rulebook, handles

reductions = Rulebook("reductions")
rule, generic = reductions.rule, reductions.generic
_EXACT = [OPS[name] for name in ("max", "min", "any", "all")]
_ALL = [OPS["sum"], *_EXACT]


def _either(a, b):
    return tuple(sorted({*a, *b}))


def _inner_unused(out, uses):
    return uses(out.args[0]) <= 1 or "the inner reduction is needed by itself"


@rule("rounding", zeros=True, integers=True, where=_inner_unused)
def sum_twice(x, a: Attr, b: Attr):
    """sum(sum(x, a), b) = sum(x, a and b)"""
    return ops.sum(ops.sum(x, axis=a), axis=b), ops.sum(x, axis=computed(_either))


@rule("bitwise", where=_inner_unused)
def max_twice(x, a: Attr, b: Attr):
    """max(max(x, a), b) = max(x, a and b)"""
    return ops.max(ops.max(x, axis=a), axis=b), ops.max(x, axis=computed(_either))


@rule("bitwise", where=_inner_unused)
def min_twice(x, a: Attr, b: Attr):
    """min(min(x, a), b) = min(x, a and b)"""
    return ops.min(ops.min(x, axis=a), axis=b), ops.min(x, axis=computed(_either))


@rule("rounding", zeros=True, integers=True)
def sum_of_minus(x, a: Attr):
    """sum(-x) = -sum(x)"""
    return ops.sum(-x, axis=a), -ops.sum(x, axis=a)


@generic("bitwise", _ALL)
def reduction_of_ones(record: Record) -> Any:
    """reduce(x) = x over axes of size 1, or over none"""
    (x,) = record.args
    if not all(same(x.shape[a], 1) for a in record.attrs["axis"]):
        return "an axis it reduces is longer than 1"
    return handles(record)[0] if x.dtype == record.dtype else f"it turns {x.dtype} into {record.dtype}"


def _of_permute(record: Record) -> Any:
    """reduce(permute(x)) = permute(reduce(x))"""
    x = record.args[0]
    if x.op is not OPS["permute_dims"]:
        return f"its operand is {x.op.name}, not permute_dims"
    order = x.attrs["axes"]
    inner = apply(record.op, handles(x)[0], axis=tuple(sorted(order[a] for a in record.attrs["axis"])))
    return ops.permute_dims(inner, axes=order)


def _of_reshape(record: Record) -> Any:
    """reduce(reshape(x)) = reshape(reduce(x)), over all axes"""
    x = record.args[0]
    if x.op is not OPS["reshape"]:
        return f"its operand is {x.op.name}, not reshape"
    if len(record.attrs["axis"]) != len(record.shape):
        return "it reduces some axes only"
    inner = handles(x)[0]
    return ops.reshape(apply(record.op, inner, axis=tuple(range(inner.ndim))), shape=record.shape)


def _of_broadcast(record: Record) -> Any:
    """The operand reduced before it is repeated, with the number of repetitions; or the reason why not."""
    wide = record.args[0]
    if wide.op is not OPS["broadcast_to"]:
        return f"its operand is {wide.op.name}, not broadcast_to"
    (x,) = wide.args
    lead = len(wide.shape) - len(x.shape)
    repeated = [
        a for a in record.attrs["axis"] if a < lead or (same(x.shape[a - lead], 1) and not same(wide.shape[a], 1))
    ]
    count = product(wide.shape[a] for a in repeated)
    if not repeated:
        return "it reduces axes that were not repeated"
    if not isinstance(count, int) or count == 0:
        return f"the number of repetitions, {count}, may be 0"
    kept = tuple(a - lead for a in record.attrs["axis"] if a not in repeated)
    (handle,) = handles(wide)
    inner = apply(record.op, handle, axis=kept) if kept else handle
    return (inner if inner.dtype == record.dtype else ops.astype(inner, dtype=record.dtype)), count


def _pair(kind: str, view: Any, function: Any) -> None:
    """The law for sums, whose order of summation changes, and for the reductions that have no order."""
    promise = {"over": [view]}
    generic("rounding", [OPS["sum"]], name=f"sum_of_{kind}", zeros=True, integers=True, **promise)(function)
    generic("bitwise", _EXACT, name=f"extreme_of_{kind}", **promise)(function)


_pair("permute", OPS["permute_dims"], _of_permute)
_pair("reshape", OPS["reshape"], _of_reshape)


@generic("rounding", [OPS["sum"]], over=[OPS["broadcast_to"]], zeros=True, integers=True)
def sum_of_broadcast(record: Record) -> Any:
    """sum(broadcast(x)) = sum(x) * number of repetitions"""
    found = _of_broadcast(record)
    return found if isinstance(found, str) else found[0] * found[1]


@generic("bitwise", _EXACT, over=[OPS["broadcast_to"]])
def extreme_of_broadcast(record: Record) -> Any:
    """max(broadcast(x)) = max(x)"""
    found = _of_broadcast(record)
    return found if isinstance(found, str) else found[0]
