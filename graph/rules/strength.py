"""Laws that save time: a power, a root or a division as something cheaper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.record import Record
from engine.sizes import same
from graph.pattern import FULL, OPS, Const, computed, ops
from graph.rulebook import Rulebook

strength = Rulebook("strength")
rule = strength.rule


@rule("rounding", integers=True)
def square_as_power(x):
    """x ** 2 = square(x)"""
    return x**2, ops.square(x)


@rule("rounding", integers=True)
def cube_as_power(x):
    """x ** 3 = square(x) * x"""
    return x**3, ops.square(x) * x


@rule("rounding", integers=True)
def fourth_power(x):
    """x ** 4 = square(square(x))"""
    return x**4, ops.square(ops.square(x))


def nonnegative(record: Record, depth: int = 4) -> bool:
    """Whether a value is seen to be at least +0 (or NaN) from the ops that made it."""
    name = record.op.name
    if name in ("abs", "square", "exp", "sigmoid"):
        return True
    if record.op is FULL:
        return math.copysign(1, record.attrs["value"]) > 0
    inner = (
        "sum",
        "max",
        "min",
        "relu",
        "sqrt",
        "reshape",
        "permute_dims",
        "broadcast_to",
        "add",
        "multiply",
        "divide",
        "maximum",
    )
    return depth > 0 and name in inner and all(nonnegative(a, depth - 1) for a in record.args)


def _nonnegative(x) -> Any:
    return nonnegative(x) or "its operand may be -0 or -inf, where the power and the root differ"


# NumPy's power with a scalar exponent of 0.5 is its sqrt, for -0 and -inf too.
@rule("rounding", zeros=True)
def root_as_power(x):
    """x ** 0.5 = sqrt(x)"""
    return x**0.5, ops.sqrt(x)


@rule("rounding", where=_nonnegative)
def inverse_root_as_power(x):
    """x ** -0.5 = rsqrt(x) for x >= 0"""
    return x**-0.5, ops.rsqrt(x)


@rule("rounding")
def reciprocal_as_power(x):
    """x ** -1 = reciprocal(x)"""
    return x**-1, ops.reciprocal(x)


@rule("bitwise")
def reciprocal_named(x):
    """1 / x = reciprocal(x)"""
    return 1 / x, ops.reciprocal(x)


@rule("bitwise")
def inverse_root(x):
    """1 / sqrt(x) = rsqrt(x)"""
    return ops.reciprocal(ops.sqrt(x)), ops.rsqrt(x)


@rule("rounding", where=lambda out, uses: uses(out.args[1]) <= 1 or "the root is needed by itself")
def over_root(x, y):
    """x / sqrt(y) = x * rsqrt(y)"""
    return x / ops.sqrt(y), x * ops.rsqrt(y)


def _inverse(c: Any, out: Record) -> Any:
    with np.errstate(all="ignore"):
        return np.reciprocal(out.dtype.type(c)).item()


def _normal(value: float, out: Record) -> bool:
    limits = np.finfo(out.dtype)
    return bool(float(limits.smallest_normal) <= abs(value) <= float(limits.max))


def _power_of_two(c, out) -> Any:
    if not (_normal(c, out) and _normal(_inverse(c, out), out)):
        return "the divisor or its reciprocal is zero, subnormal, infinite or NaN"
    return abs(math.frexp(c)[0]) == 0.5 or "the divisor is no power of two, so its reciprocal is rounded"


@rule("bitwise", where=_power_of_two)
def over_power_of_two(x, c: Const):
    """x / 2^k = x * 2^-k"""
    return x / c, x * computed(_inverse)


def _invertible(c, out) -> Any:
    fits = _normal(c, out) and _normal(_inverse(c, out), out)
    return fits or "the divisor or its reciprocal is zero, subnormal, infinite or NaN"


@rule("rounding", where=_invertible)
def over_constant(x, c: Const):
    """x / c = x * (1 / c)"""
    return x / c, x * computed(_inverse)


def _fewer(x, y) -> Any:
    if y.op is FULL:
        return "the divisor is a constant"
    lead = len(x.shape) - len(y.shape)
    wide = lead > 0 and any(not same(n, 1) for n in x.shape[:lead])
    repeated = any(same(n, 1) and not same(m, 1) for n, m in zip(y.shape[::-1], x.shape[::-1], strict=False))
    return wide or repeated or "the divisor has as many elements as the dividend"


@rule("finite", where=_fewer)
def over_fewer(x, y):
    """x / y = x * (1 / y) where y is repeated, so that fewer numbers are divided; 1 / y must not overflow"""
    return x / y, x * ops.reciprocal(y)


def _sum_with_one(x, y) -> Any:
    """Whether y is a sum of exponentials of which the greatest is exp(0), so that it is 1 or more (or 0, inf or NaN)."""
    if y.op is OPS["where"] and y.args[1].op is FULL and y.args[1].attrs["value"] == 1:
        y = y.args[2]
    if y.op is not OPS["sum"] or y.args[0].op is not OPS["exp"] or y.args[0].args[0].op is not OPS["subtract"]:
        return "the divisor is no sum of exponentials of differences"
    values, top = y.args[0].args[0].args
    while top.op.name in ("stop_gradient", "where") and top.args:
        top = next((a for a in top.args if a.op is not FULL and a.dtype == top.dtype), top.args[0])
    held = top.op is OPS["max"] and top.args[0] is values and top.attrs["axis"] == y.attrs["axis"]
    return _fewer(x, y) if held else "nothing keeps the exponentials from vanishing together"


@rule("rounding", where=_sum_with_one)
def over_exponentials(x, y):
    """x / y = x * (1 / y) where y is a sum of exponentials, the greatest exp(0), and repeated"""
    return x / y, x * ops.reciprocal(y)
