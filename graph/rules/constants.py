"""Laws of constants: what is known before the run is computed before the run, and constants have no axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.op import OPS, Trait, apply
from engine.record import Record, needed
from engine.sizes import product, same
from graph.fold import constant, folded
from graph.pattern import FULL, Const, computed
from graph.rulebook import Rulebook, handles

constants = Rulebook("constants")
_FOLDABLE = [op for op in OPS.values() if op.name not in ("leaf", "full", "iota", "size_of")]


@constants.generic("bitwise", _FOLDABLE, over=[FULL])
def fold(record: Record) -> Any:
    """f(constants) = the constant that f's kernel computes"""
    return folded(record)


@constants.generic("bitwise", [OPS["iota"]], measure=lambda r: float(r.op.name == "iota"))
def iota_of_one(record: Record) -> Any:
    """iota along an axis of size 1 = 0"""
    return constant(record, 0) if same(record.shape[record.attrs["axis"]], 1) else "it counts beyond 0"


def constant_axes(record: Record) -> float:
    """How many axes constants have as operands of elementwise ops below a record."""
    ops_ = [r for r in needed([record]) if Trait.ELEMENTWISE in r.op.traits]
    return sum(len(a.shape) for r in ops_ for a in r.args if a.op is FULL)


@constants.generic("bitwise", Trait.ELEMENTWISE, over=[FULL], measure=constant_axes)
def constant_without_axes(record: Record) -> Any:
    """f(x, full(shape, c)) = f(x, c) broadcast"""
    if not any(a.op is FULL and a.shape for a in record.args):
        return "no operand is a constant with axes"
    small = [
        apply(FULL, **{**a.attrs, "shape": ()}) if a.op is FULL and a.shape else h
        for a, h in zip(record.args, handles(record), strict=True)
    ]
    return apply(record.op, *small, **record.attrs)


# ------------------------------------------------------------------------------------------ constants that meet


def _times(c: Any, d: Any, out: Record) -> Any:
    """The product of two constants, computed in the dtype in which the ops would meet them."""
    with np.errstate(all="ignore"):
        return np.multiply(out.dtype.type(c), out.dtype.type(d)).item()


def _plus(c: Any, d: Any, out: Record) -> Any:
    with np.errstate(all="ignore"):
        return np.add(out.dtype.type(c), out.dtype.type(d)).item()


def _normal(value: Any, out: Record) -> bool:
    """Whether a number is neither zero, subnormal, infinite nor NaN in the record's dtype."""
    if out.dtype.kind != "f":
        return True
    limits = np.finfo(out.dtype)
    return bool(float(limits.smallest_normal) <= abs(value) <= float(limits.max))


def _same_side(c: Any, d: Any, out: Record) -> Any:
    if out.dtype.kind != "f":
        return True
    if not _normal(c, out) or not _normal(d, out) or not _normal(_times(c, d, out), out):
        return "a constant, or their product, is zero, subnormal, infinite or NaN"
    return (abs(c) >= 1) == (abs(d) >= 1) or "one constant enlarges, the other reduces: what overflows would differ"


@constants.rule("rounding", where=_same_side, integers=True)
def factors_meet(x, c: Const, d: Const):
    """(x * c) * d = x * (c * d)"""
    return (x * c) * d, x * computed(_times)


@constants.rule("finite", where=lambda c, d, out: _normal(_times(c, d, out), out) or "their product is not normal")
def factors_meet_anyway(x, c: Const, d: Const):
    """(x * c) * d = x * (c * d), where x * c does not overflow"""
    return (x * c) * d, x * computed(_times)


@constants.rule("finite", zeros=True, integers=True)
def summands_meet(x, c: Const, d: Const):
    """(x + c) + d = x + (c + d), where x does not cancel c"""
    return (x + c) + d, x + computed(_plus)


@constants.generic("rounding", [OPS["sum"]], over=[FULL], integers=True)
def sum_of_constant(record: Record) -> Any:
    """sum(full(shape, c)) = c * number of elements summed"""
    (x,) = record.args
    if x.op is not FULL:
        return "its operand is not a constant"
    count = product(x.shape[a] for a in record.attrs["axis"])
    if not isinstance(count, int):
        return f"the number of elements, {count}, is known only in the run"
    value = x.attrs["value"]
    if isinstance(value, float) and not (math.isfinite(value) and count):
        return "the constant is not finite, or there is nothing to sum"
    return constant(record, record.dtype.type(value).item() * count)
