"""The exponential and the functions made of it, by x = k ln 2 + r with |r| <= ln(2) / 2 and a polynomial in r.

The polynomials are minimax fits (Remez exchange at 200 bits, weighted for relative error, then rounded to the format);
the bound beside each is the fit's relative error after rounding its coefficients.
"""

from compiler.vectormath.lane import Lane, fma, polynomial

# expm1(r) = r + r*r*q(r); error of expm1 below 2**-25.8 and 2**-59.7.
Q = {
    32: (
        0.4999999701976776,
        0.1666654348373413,
        0.04166720062494278,
        0.008366580121219158,
        0.0013882513158023357,
    ),
    64: (
        0.5,
        0.16666666666666677,
        0.041666666666666505,
        0.008333333333321608,
        0.00138888888889629,
        0.000198412698862078,
        2.4801587171846875e-05,
        2.755724410426632e-06,
        2.7557402935039114e-07,
        2.5109081389642762e-08,
        2.0875330665887443e-09,
    ),
}
# sinh(x) = x + x*z*p(z), z = x*x, on |x| <= 1; error below 2**-27.5 and 2**-56.6.
SINH = {
    32: (0.1666666716337204, 0.008333349600434303, 0.0001983615948120132, 2.8169513370812638e-06),
    64: (
        0.16666666666666669,
        0.008333333333333148,
        0.00019841269841431873,
        2.7557319157071806e-06,
        2.5052123136735372e-08,
        1.605725976770862e-10,
        7.758748833046086e-13,
    ),
}
LOG2_E = 1.4426950408889634
# ln 2 in two parts. The first ends in zeros, so that k times it is exact for every exponent k.
LN2 = {32: (0.693145751953125, 1.4286068203094173e-06), 64: (0.693147180559663, 2.8235290563031577e-13)}
# Beyond these, exp is infinite or rounds to zero.
RANGE = {32: (-104.0, 89.0), 64: (-746.0, 710.0)}
# Below the first, expm1 rounds to -1. Above the second, tanh rounds to 1.
EXPM1_FLOOR = {32: -18.0, 64: -38.0}
TANH_ONE = {32: 9.1, 64: 19.1}


def reduced(x: Lane) -> tuple[Lane, Lane]:
    """The integer k and expm1(r) where x = k ln 2 + r; x must be clamped to a range where k is a valid exponent."""
    form = x.format
    shifted = fma(x, LOG2_E, form.rounder)
    k = shifted - form.rounder
    high, low = LN2[form.width]
    r = fma(k, -low, fma(k, -high, x))
    exponent = shifted.bits() - form.pattern(form.rounder)
    return exponent, fma(r * r, polynomial(r, Q[form.width]), r)


def exp(x: Lane) -> Lane:
    """e**x. 2**k is applied in two factors, so results overflow and underflow through subnormals as they should."""
    low, high = RANGE[x.format.width]
    k, tail = reduced(x.at_least(low).at_most(high))
    half = k >> 1
    scale = half.power_of_two()
    return fma(tail, scale, scale) * (k - half).power_of_two()


def expm1(x: Lane) -> Lane:
    """e**x - 1, accurate near 0. The factor 2**(k-1) stays finite where 2**k does not."""
    width = x.format.width
    k, tail = reduced(x.at_least(EXPM1_FLOOR[width]).at_most(RANGE[width][1]))
    scale = (k - 1).power_of_two()
    return k.equals(0).where(tail, fma(scale, tail, scale - 0.5) * 2.0).with_sign_of(x)


def sigmoid(x: Lane) -> Lane:
    """1 / (1 + e**-x), written so that the exponential never overflows."""
    decay = exp(-x.magnitude())
    return (x < 0.0).where(decay, 1.0) / (decay + 1.0)


def tanh(x: Lane) -> Lane:
    """The hyperbolic tangent as t / (t + 2) with t = expm1(2|x|)."""
    size = x.magnitude().at_most(TANH_ONE[x.format.width])
    k, tail = reduced(size + size)
    scale = k.power_of_two()
    t = fma(scale, tail, scale - 1.0)
    return (t / (t + 2.0)).with_sign_of(x)


def half_exp(x: Lane) -> Lane:
    """e**x / 2 for x >= 0, finite as long as sinh and cosh are."""
    form = x.format
    k, tail = reduced(x.at_most(RANGE[form.width][1] + 1.0))
    half = k >> 1
    return (tail + 1.0) * half.power_of_two() * (k - half - 1).power_of_two()


def sinh(x: Lane) -> Lane:
    """The hyperbolic sine."""
    size = x.magnitude()
    half = half_exp(size)
    square = size * size
    small = fma(size * square, polynomial(square, SINH[x.format.width]), size)
    return (size < 1.0).where(small, half - 0.25 / half).with_sign_of(x)


def cosh(x: Lane) -> Lane:
    """The hyperbolic cosine."""
    half = half_exp(x.magnitude())
    return half + 0.25 / half
