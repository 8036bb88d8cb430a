"""Logarithms: x = 2**k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), then log(1 + f) as f plus a small tail.

The polynomials are minimax fits (Remez exchange at 200 bits, weighted for relative error, then rounded to the format);
the bound beside each is the fit's relative error after rounding its coefficients.
"""

import math

from compiler.vectormath.exponential import LN2
from compiler.vectormath.lane import Lane, fma, polynomial

# log(1 + f) = f + f*f*q(f); error below 2**-27.5.
SINGLE_TAIL = (
    -0.49999988079071045,
    0.33333325386047363,
    -0.25001582503318787,
    0.2000197470188141,
    -0.16609081625938416,
    0.14181821048259735,
    -0.13242989778518677,
    0.12904463708400726,
    -0.07621809840202332,
)
# log((1 + s) / (1 - s)) = 2s + s*z*p(z), z = s*s; error below 2**-58.9.
DOUBLE_SERIES = (
    0.6666666666666734,
    0.39999999999414615,
    0.28571428742404037,
    0.222221985713357,
    0.18183564430240404,
    0.15314047694194957,
    0.14795980137069367,
)
# 1/ln 2, 1/ln 10 and log10 2, each as a rounded value and the rest.
LOG2_E = {32: (1.4426950216293335, 1.925963033500011e-08), 64: (1.4426950408889634, 2.0355273740931033e-17)}
LOG10_E = {32: (0.4342944920063019, -1.0103049952192578e-08), 64: (0.4342944819032518, 1.098319650216765e-17)}
LOG10_2 = {
    32: (0.3010300099849701, -1.432098883924482e-08),
    64: (0.3010299956639812, -2.8037281277851704e-18),
}


def split(x: Lane) -> tuple[Lane, Lane]:
    """The integer k and the fraction m in [sqrt(1/2), sqrt(2)) with x = 2**k m, for finite x > 0, also subnormal."""
    form = x.format
    tiny = x < form.smallest_normal
    raised = tiny.where(x * 2.0 ** (form.digits + 1), x).bits()
    start = form.pattern(math.sqrt(0.5))
    offset = raised - start
    k = (offset >> form.digits) - tiny.where(x.integer(form.digits + 1), x.integer(0))
    return k, ((offset & ((1 << form.digits) - 1)) + start).as_float()


def tail(f: Lane) -> Lane:
    """log(1 + f) - f."""
    if f.format.width == 32:
        return f * f * polynomial(f, SINGLE_TAIL)
    s = f / (f + 2.0)
    z = s * s
    half_square = f * f * 0.5
    return fma(s, fma(z, polynomial(z, DOUBLE_SERIES), half_square), -half_square)


def at_the_edges(x: Lane, result: Lane) -> Lane:
    """`result` for finite x > 0, and what IEEE 754 says for zeros, negative numbers, infinity and NaN."""
    edge = x.equals(0.0).where(-math.inf, (x < 0.0).where(math.nan, x))
    return ((x > 0.0) & (x < math.inf)).where(result, edge)


def natural(k: Lane, f: Lane) -> Lane:
    """k ln 2 + log(1 + f)."""
    high, low = LN2[f.format.width]
    k = k.integer_to_float()
    return fma(k, high, f + fma(k, low, tail(f)))


def log(x: Lane) -> Lane:
    """The natural logarithm."""
    k, m = split(x)
    return at_the_edges(x, natural(k, m - 1.0))


def log1p(x: Lane) -> Lane:
    """log(1 + x), accurate near 0: the fraction is x/2**k + (1/2**k - 1), exact or rounded once."""
    k, m = split(x + 1.0)
    scale = (0 - k).power_of_two()
    f = (k < 64).where(fma(x, scale, scale - 1.0), m - 1.0)
    return at_the_edges(x + 1.0, natural(k, f).with_sign_of(x))


def scaled(k: Lane, f: Lane, per_e: tuple[float, float], per_two: tuple[float, float]) -> Lane:
    """k*per_two + log(1 + f)*per_e, the constants in two parts each."""
    k = k.integer_to_float()
    low = fma(tail(f), per_e[0], fma(f, per_e[1], k * per_two[1]))
    return fma(k, per_two[0], fma(f, per_e[0], low))


def log2(x: Lane) -> Lane:
    """The logarithm to base 2, exact at powers of two."""
    k, m = split(x)
    return at_the_edges(x, scaled(k, m - 1.0, LOG2_E[x.format.width], (1.0, 0.0)))


def log10(x: Lane) -> Lane:
    """The logarithm to base 10."""
    k, m = split(x)
    return at_the_edges(x, scaled(k, m - 1.0, LOG10_E[x.format.width], LOG10_2[x.format.width]))
