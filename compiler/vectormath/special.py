"""The error function, the reciprocal square root and the hypotenuse."""

import math

from compiler.vectormath.exponential import reduced
from compiler.vectormath.lane import Lane, fma, polynomial

# -log(erfc(x)) = x*p(x) on [0, END], where erf rounds to 1; weighted so that the error of erf stays below 2**-27.9 and
# 2**-57.5 of it (Lawson's iteration at 60 digits).
DECAY = {
    32: (
        1.128379225730896,
        0.6366193890571594,
        0.10277782380580902,
        -0.019153039902448654,
        -0.0001604455173946917,
        0.0016670809127390385,
        -0.0006328680901788175,
        0.00011765056115109473,
        -9.257362762582488e-06,
    ),
    64: (
        1.1283791670955126,
        0.6366197723675836,
        0.10277260330178833,
        -0.019128447005061503,
        -0.00020919469494823104,
        0.001696206386562651,
        -0.0005901255572508217,
        2.58786209622069e-05,
        6.449181357156586e-05,
        -2.9723944708257236e-05,
        3.4070976590757036e-06,
        2.8353574303382265e-06,
        -1.7417698012494699e-06,
        3.36546022505167e-07,
        1.3706367028945848e-07,
        -1.4169996717363492e-07,
        6.57075477338399e-08,
        -2.095401539185826e-08,
        4.995437983786675e-09,
        -9.077608735199266e-10,
        1.2476954388053477e-10,
        -1.2602905957365004e-11,
        8.839250931896125e-13,
        -3.8474843579216094e-14,
        7.827402094465794e-16,
    ),
}
END = {32: 3.95, 64: 5.95}


def erf(x: Lane) -> Lane:
    """The error function as -expm1(log(erfc(x))): one polynomial serves small and large arguments."""
    width = x.format.width
    size = x.magnitude()
    near = size.at_most(END[width])
    k, tail = reduced(-(near * polynomial(near, DECAY[width])))
    scale = k.power_of_two()
    return fma(-scale, tail, 1.0 - scale).with_sign_of(x)


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
