"""pow(x, y) = 2**(y log2|x|), the logarithm carried to more digits than the result has.

float32 is computed in float64. float64 carries log2|x| as a sum of two, good to about 2**-66.
The polynomials are minimax fits (Remez exchange at 200 bits, weighted for relative error, then rounded to float64).
"""

import math

from compiler.vectormath.lane import Lane, fma, long_polynomial, ordered_sum, two_product
from compiler.vectormath.logarithm import split

# 2**r = 1 + r*p(r) on |r| <= 1/2; error below 2**-34.3 for float32 and, with ln 2's own rounding, 2**-55.6.
EXP2 = {
    32: (
        0.6931471807045232,
        0.24022651066561837,
        0.05550410366014212,
        0.009618038131962898,
        0.0013333935039673628,
        0.00015466756348175316,
        1.5196159858738851e-05,
    ),
    64: (
        0.6931471805599453,
        0.24022650695910072,
        0.05550410866482169,
        0.00961812910762833,
        0.001333355814639269,
        0.0001540353039364071,
        1.5252733854318783e-05,
        1.3215486594920376e-06,
        1.0178051941765248e-07,
        7.054974475529258e-09,
        4.456570537699059e-10,
        2.5625424360527805e-11,
    ),
}
# log2(1 + f) = f*p(f) on [sqrt(1/2) - 1, sqrt(2) - 1]; error below 2**-35.8.
SINGLE_LOG2 = (
    1.4426950408687043,
    -0.7213475208687338,
    0.4808983613962977,
    -0.3606736748306125,
    0.28853729340089795,
    -0.24045316542401218,
    0.20617536160718355,
    -0.1803006069744081,
    0.15876977631168518,
    -0.14315637625635727,
    0.14474851824842808,
    -0.1428397675458561,
    0.07737074260417498,
)
# atanh(s) = s + s*z/3 + s*z*z*p(z), z = s*s; error below 2**-66 of atanh(s), most of it the rounding of 1/5.
ATANH = (
    0.2,
    0.14285714285714288,
    0.11111111111110641,
    0.09090909091014354,
    0.07692307678084982,
    0.06666667894821424,
    0.05882283568552815,
    0.05265707555839512,
    0.047033303871254886,
    0.05104616226188636,
)
THIRD = (0.3333333333333333, 1.850371707708594e-17)
TWO_LOG2_E = (2.8853900817779268, 4.0710547481862066e-17)


def pow(x: Lane, y: Lane) -> Lane:
    """x**y with the special values of C99, annex F.9.4.4."""
    size = x.magnitude()
    result = (single_power if x.format.width == 32 else double_power)(size, y)
    at_end = size.equals(0.0) | size.equals(math.inf)
    result = at_end.where((size.equals(0.0) ^ (y < 0.0)).where(size.number(0.0), math.inf), result)
    whole = y.rounded().equals(y)
    half = y * 0.5
    odd = whole & ~half.rounded().equals(half)
    result = (odd & (x.bits() < 0)).where(-result, result)
    undefined = (x < 0.0) & (size < math.inf) & (size > 0.0) & ~whole
    result = undefined.where(math.nan, result)
    result = (y.is_nan() | x.is_nan()).where(math.nan, result)
    always_one = y.equals(0.0) | x.equals(1.0) | (x.equals(-1.0) & y.magnitude().equals(math.inf))
    return always_one.where(1.0, result)


def single_power(size: Lane, y: Lane) -> Lane:
    """size**y for finite size > 0, in float64; one factor 2**k is enough there."""
    k, m = split(size.widened())
    f = m - 1.0
    logarithm = fma(f, long_polynomial(f, SINGLE_LOG2), k.integer_to_float())
    exponent = (y.widened() * logarithm).at_least(-200.0).at_most(200.0)
    whole = exponent.rounded()
    r = exponent - whole
    scale = ((whole + whole.format.rounder).bits() << whole.format.digits) + whole.format.pattern(1.0)
    return (fma(r, long_polynomial(r, EXP2[32]), 1.0) * scale.as_float()).narrowed()


def double_power(size: Lane, y: Lane) -> Lane:
    """size**y for finite size > 0."""
    high, low = precise_log2(size)
    exponent, error = two_product(y, high)
    error = fma(y, low, error)
    inside = exponent.at_least(-1100.0).at_most(1100.0)
    shifted = inside + inside.format.rounder
    whole = shifted - inside.format.rounder
    r = (inside - whole) + error
    k = shifted.bits() - inside.format.pattern(inside.format.rounder)
    half = k >> 1
    result = fma(r, long_polynomial(r, EXP2[64]), 1.0) * half.power_of_two() * (k - half).power_of_two()
    return (exponent > 1100.0).where(math.inf, (exponent < -1100.0).where(0.0, result))


def precise_log2(x: Lane) -> tuple[Lane, Lane]:
    """log2(x) as high + low, by atanh((m - 1) / (m + 1)) with every step compensated."""
    k, m = split(x)
    numerator = m - 1.0
    denominator = m + 1.0
    lost = m - (denominator - 1.0)
    reciprocal = 1.0 / denominator
    s = numerator * reciprocal
    s_low = (fma(-s, denominator, numerator) - s * lost) * reciprocal
    z, z_low = two_product(s, s)
    z_low = fma(s + s, s_low, z_low)
    third, third_low = two_product(z, THIRD[0])
    third_low = third_low + fma(z, THIRD[1], z_low * THIRD[0])
    series, series_low = ordered_sum(third, z * z * long_polynomial(z, ATANH))
    product, product_low = two_product(s, series)
    product_low = fma(s, series_low + third_low, fma(s_low, series, product_low))
    arc, arc_low = ordered_sum(s, product)
    arc_low = arc_low + (product_low + s_low)
    scaled, scaled_low = two_product(arc, TWO_LOG2_E[0])
    scaled_low = fma(arc, TWO_LOG2_E[1], fma(arc_low, TWO_LOG2_E[0], scaled_low))
    high, low = ordered_sum(k.integer_to_float(), scaled)
    return ordered_sum(high, low + scaled_low)
