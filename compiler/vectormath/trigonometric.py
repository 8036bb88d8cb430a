"""Sine, cosine and tangent from polynomials on a quarter turn and the quarter the angle lies in.

The polynomials are minimax fits (Remez exchange at 200 bits, weighted for relative error, then rounded to the format);
the bound beside each is the fit's relative error after rounding its coefficients. float32 is computed in float64: the
reduction needs float64 anyway, and float32 lanes beside it would fill half a register.
"""

import math

from compiler.vectormath.lane import Lane, fma, polynomial
from compiler.vectormath.reduction import double_turns, single_turns

# sin(r) = r + r*z*p(z), z = r*r, |r| <= pi/4; error below 2**-26.9 and 2**-56.4.
SIN = {
    32: (-0.16666655242443085, 0.00833216030150652, -0.00019515218446031213),
    64: (
        -0.1666666666666663,
        0.008333333333322108,
        -0.00019841269829580136,
        2.7557313618005434e-06,
        -2.5050747216231705e-08,
        1.5896197520553168e-10,
    ),
}
# cos(r) = 1 - z/2 + z*z*p(z); error below 2**-32.6 and 2**-59.6.
COS = {
    32: (0.04166664555668831, -0.0013887315290048718, 2.4433082217001356e-05),
    64: (
        0.041666666666666595,
        -0.001388888888887304,
        2.480158728884142e-05,
        -2.755731417624643e-07,
        2.08757004169488e-09,
        -1.1358513995194753e-11,
    ),
}


def quarter(x: Lane) -> tuple[Lane, Lane, Lane]:
    """sin(r), cos(r) and q for |x| = q pi/2 + r, in float64."""
    if x.format.width == 32:
        q, r = single_turns(x.magnitude())
        z = r * r
        sine = fma(r * z, polynomial(z, SIN[32]), r)
        return sine, fma(z * z, polynomial(z, COS[32]), fma(z, -0.5, 1.0)), q
    q, r, low = double_turns(x.magnitude())
    z = r * r
    sine = r + fma(r * z, polynomial(z, SIN[64]), fma(low, z * -0.5, low))
    half = z * 0.5
    top = 1.0 - half
    lost = (1.0 - top) - half
    return sine, top + fma(z * z, polynomial(z, COS[64]), fma(r, -low, lost)), q


def with_sign_bit(x: Lane, bit: Lane) -> Lane:
    """x, negated where the integer `bit` is odd."""
    return (x.bits() ^ (bit << (x.format.width - 1))).as_float()


def finished(x: Lane, result: Lane, odd: bool) -> Lane:
    """`result` in x's format, with x's sign if the function is odd; NaN where x is infinite or NaN."""
    result = result.narrowed() if x.format.width == 32 else result
    result = with_sign_bit(result, x.bits().shift_in_zeros(x.format.width - 1)) if odd else result
    return (x.magnitude() < math.inf).where(result, math.nan)


def sin(x: Lane) -> Lane:
    """The sine of x radians."""
    sine, cosine, q = quarter(x)
    return finished(x, with_sign_bit((q & 1).equals(0).where(sine, cosine), q >> 1), odd=True)


def cos(x: Lane) -> Lane:
    """The cosine of x radians."""
    sine, cosine, q = quarter(x)
    return finished(x, with_sign_bit((q & 1).equals(0).where(cosine, sine), (q + 1) >> 1), odd=False)


def tan(x: Lane) -> Lane:
    """The tangent of x radians."""
    sine, cosine, q = quarter(x)
    even = (q & 1).equals(0)
    return finished(x, with_sign_bit(even.where(sine, cosine) / even.where(cosine, sine), q), odd=True)
