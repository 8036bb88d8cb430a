"""Inverse trigonometric functions, from an odd polynomial each and the symmetries of the circle.

The polynomials are minimax fits (Remez exchange at 200 bits, weighted for relative error, then rounded to the format);
the bound beside each is the fit's relative error after rounding its coefficients.
"""

import math

from compiler.vectormath.lane import Lane, fma, polynomial

# atan(t) = t + t*z*p(z), z = t*t, |t| <= 1; error below 2**-26.5 and 2**-54.7.
ATAN = {
    32: (
        -0.33333298563957214,
        0.19998548924922943,
        -0.14264242351055145,
        0.10952185839414597,
        -0.0840345025062561,
        0.057957593351602554,
        -0.03117784671485424,
        0.010914606973528862,
        -0.00179362203925848,
    ),
    64: (
        -0.3333333333333307,
        0.19999999999951462,
        -0.14285714282575218,
        0.11111111007029345,
        -0.09090907003047172,
        0.07692279839933137,
        -0.06666404062714676,
        0.05880527844692937,
        -0.05253518685049355,
        0.04722322660711651,
        -0.04219180108111464,
        0.03664193418288104,
        -0.029903895080862455,
        0.021984898000632604,
        -0.013900601947469,
        0.0071965327408182195,
        -0.0028849336505914207,
        0.0008313272132863726,
        -0.00015216202824661223,
        1.3225192123766914e-05,
    ),
}
# asin(t) = t + t*z*p(z), |t| <= 1/2; error below 2**-27.3 and 2**-55.8.
ASIN = {
    32: (
        0.16666752099990845,
        0.07495297491550446,
        0.04547037184238434,
        0.024179527536034584,
        0.04216628521680832,
    ),
    64: (
        0.16666666666665408,
        0.07500000000337013,
        0.044642856828329996,
        0.030381959136864402,
        0.022371758053451894,
        0.01735970471095425,
        0.013885236046835928,
        0.012169207439475973,
        0.00652799484441406,
        0.019528208711023506,
        -0.01622416084337918,
        0.03191220521054226,
    ),
}
# pi/2 and pi as a rounded value and the rest.
HALF_PI = {32: (1.5707963705062866, -4.371138828673793e-08), 64: (1.5707963267948966, 6.123233995736766e-17)}
PI = {32: (3.1415927410125732, -8.742277657347586e-08), 64: (3.141592653589793, 1.2246467991473532e-16)}


def odd(t: Lane, coefficients: dict[int, tuple[float, ...]]) -> Lane:
    z = t * t
    return fma(t * z, polynomial(z, coefficients[t.format.width]), t)


def from_constant(constant: tuple[float, float], amount: Lane) -> Lane:
    """constant - amount."""
    return constant[0] - (amount - constant[1])


def first_octants(y: Lane, x: Lane) -> Lane:
    """The angle of the point (x, y) with x, y >= 0, not both 0 and not both infinite."""
    steep = y > x
    angle = odd(steep.where(x, y) / steep.where(y, x), ATAN)
    return steep.where(from_constant(HALF_PI[x.format.width], angle), angle)


def atan(x: Lane) -> Lane:
    """The angle in [-pi/2, pi/2] whose tangent is x."""
    return first_octants(x.magnitude(), x.number(1.0)).with_sign_of(x)


def atan2(y: Lane, x: Lane) -> Lane:
    """The angle of the point (x, y) in [-pi, pi], with C99's values at zeros and infinities."""
    up, across = y.magnitude(), x.magnitude()
    # (inf, inf) lies at 45 degrees and (0, 0) at 0: both are replaced by points that do.
    endless = up.equals(math.inf) & across.equals(math.inf)
    origin = up.equals(0.0) & across.equals(0.0)
    angle = first_octants(endless.where(1.0, up), (endless | origin).where(1.0, across))
    left = x.bits() < 0
    angle = left.where(from_constant(PI[x.format.width], angle), angle)
    return angle.with_sign_of(y)


def asin(x: Lane) -> Lane:
    """The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1]."""
    size = x.magnitude()
    outer = size > 0.5
    angle = odd(outer.where(((1.0 - size) * 0.5).root(), size), ASIN)
    return outer.where(from_constant(HALF_PI[x.format.width], angle + angle), angle).with_sign_of(x)


def acos(x: Lane) -> Lane:
    """The angle in [0, pi] whose cosine is x; NaN outside [-1, 1]."""
    width = x.format.width
    size = x.magnitude()
    outer = size > 0.5
    angle = odd(outer.where(((1.0 - size) * 0.5).root(), size), ASIN)
    double = angle + angle
    outside = (x < 0.0).where(from_constant(PI[width], double), double)
    return outer.where(outside, from_constant(HALF_PI[width], angle.with_sign_of(x)))
