"""The parts of a floating-point number that arithmetic hides: its sign, its neighbours, its size beside another."""

from __future__ import annotations

import numpy as np

from engine import dtypes
from engine.makers import elementwise
from engine.op import Op, Trait
from engine.ops.arithmetic import sign

signbit = elementwise(
    np.signbit,
    1,
    lower="copysign({one}, {0}) < {zero}",
    accepts=dtypes.FLOATS,
    keeps="",
    order=13,
    doc="Whether the sign bit is set, as it is for -0.0 too (Array API).",
)
copysign: Op = elementwise(
    np.copysign,
    2,
    lower="copysign({0}, {1})",
    accepts=dtypes.FLOATS,
    floating=True,
    order=17,
    domain=((0.2, 3), (-3, -0.2)),
    vjp=(lambda g, y, a, b: g * sign(a) * copysign(1.0, b), None),
    doc="The magnitude of x1 with the sign of x2, be it that of a zero or a NaN (Array API).",
)
nextafter = elementwise(
    np.nextafter,
    2,
    lower="nextafter({0}, {1})",
    accepts=dtypes.FLOATS,
    keeps="",
    order=17,
    vjp=(lambda g, y, a, b: g, None),
    doc="The floating-point number next to x1 on the side of x2 (Array API).",
)
hypot = elementwise(
    np.hypot,
    2,
    lower="hypot({0}, {1})",
    expensive=True,
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="xy",
    order=54,
    domain=((0.3, 3), (-3, -0.3)),
    traits=[Trait.COMMUTATIVE],
    vjp=(lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y),
    doc="sqrt(x1**2 + x2**2) without overflow; infinite where either is, even beside NaN (Array API).",
)
