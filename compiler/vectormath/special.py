"""The error function, the reciprocal square root and the hypotenuse."""

import math

from compiler.vectormath.exponential import exp
from compiler.vectormath.lane import Lane, fma, long_polynomial

# erf(x) = x + x*p(x*x) on |x| <= 1; error below 2**-27.7 and 2**-56.3 (Remez, weighted for relative error).
NEAR = {
    32: (
        0.12837916612625122,
        -0.3761262595653534,
        0.1128358542919159,
        -0.026853810995817184,
        0.005188327748328447,
        -0.0008010193705558777,
        7.853860734030604e-05,
    ),
    64: (
        0.1283791670955126,
        -0.3761263890318375,
        0.11283791670954857,
        -0.026866170645072896,
        0.0052239776247808714,
        -0.000854832697874242,
        0.00012055331036906218,
        -1.4925593507021922e-05,
        1.6460972818781747e-06,
        -1.6350025238326967e-07,
        1.4657879932816842e-08,
        -1.1365666271055627e-09,
        5.945262225111614e-11,
    ),
}
# -log(erfc(x)) as a polynomial in x - 1 on [1, END], where erf rounds to 1; weighted by erfc/erf, so that the
# error of erf stays below 2**-26.7 and 2**-55.9.
FAR = {
    32: (
        1.8496055603027344,
        2.638967514038086,
        0.8431070446968079,
        0.04156355187296867,
        -0.010046589188277721,
        0.0020120989065617323,
        -0.00028958937036804855,
        2.169761501136236e-05,
    ),
    64: (
        1.8496055099332482,
        2.6389675142347775,
        0.8431072563593303,
        0.041561098026684666,
        -0.010033825195181359,
        0.0019779013111060426,
        -0.00023731679949622316,
        -2.629537739823454e-05,
        2.7197231068595512e-05,
        -9.66907497838474e-06,
        2.1297184328633265e-06,
        -2.03239686932183e-07,
        -5.8824531841397635e-08,
        3.369395616368336e-08,
        -8.597606600872972e-09,
        1.3327011586579832e-09,
        -1.207187174792528e-10,
        4.929037639694629e-12,
    ),
}
END = {32: 3.95, 64: 5.95}


def erf(x: Lane) -> Lane:
    """The error function: odd polynomial up to 1, then 1 - exp(-g)."""
    width = x.format.width
    size = x.magnitude()
    near = fma(size, long_polynomial(size * size, NEAR[width]), size)
    far = 1.0 - exp(-long_polynomial(size.at_most(END[width]) - 1.0, FAR[width]))
    return (size < 1.0).where(near, far).with_sign_of(x)


def rsqrt(x: Lane) -> Lane:
    """1 / sqrt(x)."""
    return 1.0 / x.root()


def hypot(x: Lane, y: Lane) -> Lane:
    """sqrt(x*x + y*y), infinite where either is; scaled by a power of two, so that no square overflows or vanishes."""
    up, across = x.magnitude(), y.magnitude()
    endless = up.equals(math.inf) | across.equals(math.inf)
    steep = up > across
    high, low = steep.where(up, across), steep.where(across, up)
    limit = high.format.bias - 1
    power = (high.integer(high.format.bias) - high.bits().shift_in_zeros(high.format.digits)).at_least(-limit)
    power = power.at_most(limit)
    scale = power.power_of_two()
    high, low = high * scale, low * scale
    root = fma(high, high, low * low).root() * (power.integer(0) - power).power_of_two()
    return endless.where(math.inf, root)
