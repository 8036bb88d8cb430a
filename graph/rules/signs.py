"""Laws of signs: a negation is pulled outwards until it meets another, a difference or a constant."""

from __future__ import annotations

from graph.pattern import Const, computed, ops
from graph.rulebook import Rulebook

signs = Rulebook("signs", {"subtract": 20})
rule = signs.rule


@rule("bitwise")
def minus_minus(x):
    """-(-x) = x"""
    return -(-x), x  # noqa: B002


@rule("bitwise")
def plus_minus(x, y):
    """x + (-y) = x - y"""
    return x + (-y), x - y


@rule("bitwise")
def less_minus(x, y):
    """x - (-y) = x + y"""
    return x - (-y), x + y


@rule("bitwise")
def minus_times(x, y):
    """(-x) * y = -(x * y)"""
    return (-x) * y, -(x * y)


@rule("bitwise")
def minus_over(x, y):
    """(-x) / y = -(x / y)"""
    return (-x) / y, -(x / y)


@rule("bitwise")
def over_minus(x, y):
    """x / (-y) = -(x / y)"""
    return x / (-y), -(x / y)


def _negated(c, out):
    return -c if out.dtype.kind == "f" else (-out.dtype.type(c)).item()


@rule("bitwise")
def minus_scaled(x, c: Const):
    """-(x * c) = x * (-c)"""
    return -(x * c), x * computed(_negated)


@rule("bitwise")
def times_minus_one(x):
    """x * -1 = -x"""
    return x * -1, -x


@rule("rounding", zeros=True, integers=True)
def minus_difference(x, y):
    """-(x - y) = y - x, but for x = y, where it is -0"""
    return -(x - y), y - x


@rule("rounding", zeros=True, integers=True)
def zero_minus(x):
    """0 - x = -x, but for x = 0, where it is 0"""
    return 0 - x, -x


@rule("bitwise")
def square_of_minus(x):
    """square(-x) = square(x)"""
    return ops.square(-x), ops.square(x)


@rule("bitwise")
def abs_of_minus(x):
    """|-x| = |x|"""
    return ops.abs(-x), ops.abs(x)


@rule("rounding", zeros=True)
def minus_matmul(x, y):
    """(-x) @ y = -(x @ y)"""
    return ops.matmul(-x, y), -ops.matmul(x, y)


@rule("rounding", zeros=True)
def matmul_minus(x, y):
    """x @ (-y) = -(x @ y)"""
    return ops.matmul(x, -y), -ops.matmul(x, y)
