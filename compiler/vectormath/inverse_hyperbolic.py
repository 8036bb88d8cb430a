"""The inverse hyperbolic functions, as log1p of an argument that keeps its small digits."""

import math

from compiler.vectormath.lane import Lane, fma
from compiler.vectormath.logarithm import LN2, log1p


def log1p_or_log_of_twice(inner: Lane, size: Lane) -> Lane:
    """log1p(inner), or log(2 size) where size is so large that its square is no use."""
    large = size > 2.0 ** (size.format.digits // 2 + 3)
    high, low = LN2[size.format.width]
    return log1p(large.where(size - 1.0, inner)) + large.where(size.number(high + low), 0.0)


def asinh(x: Lane) -> Lane:
    """The inverse hyperbolic sine: log1p(x + x*x / (1 + sqrt(1 + x*x)))."""
    size = x.magnitude()
    square = size * size
    return log1p_or_log_of_twice(size + square / (fma(size, size, 1.0).root() + 1.0), size).with_sign_of(x)


def acosh(x: Lane) -> Lane:
    """The inverse hyperbolic cosine: log1p(t + sqrt(2t + t*t)), t = x - 1; NaN below 1."""
    t = x - 1.0
    inside = log1p_or_log_of_twice(t + fma(t, t, t + t).root(), x)
    return (x < 1.0).where(math.nan, inside)


def atanh(x: Lane) -> Lane:
    """The inverse hyperbolic tangent: log1p(2x / (1 - x)) / 2; NaN outside [-1, 1]."""
    size = x.magnitude()
    inside = log1p((size + size) / (1.0 - size)) * 0.5
    return (size > 1.0).where(math.nan, inside).with_sign_of(x)
