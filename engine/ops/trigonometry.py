"""Trigonometric and hyperbolic functions and their inverses, beyond sine, cosine and tanh."""

from __future__ import annotations

import numpy as np

from engine import dtypes
from engine.makers import elementwise
from engine.op import Op
from engine.ops.math import smooth, sqrt

tan = smooth(
    np.tan,
    "tan({0})",
    lambda g, y, x: g * (y * y + 1),
    keeps="y",
    domain=(-1.2, 1.2),
    onnx="Tan",
    doc="Tangent of x radians (Array API).",
)
asin = smooth(
    np.arcsin,
    "asin({0})",
    lambda g, y, x: g / sqrt(1 - x * x),
    name="asin",
    domain=(-0.9, 0.9),
    onnx="Asin",
    doc="The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1] (Array API).",
)
acos = smooth(
    np.arccos,
    "acos({0})",
    lambda g, y, x: -g / sqrt(1 - x * x),
    name="acos",
    domain=(-0.9, 0.9),
    onnx="Acos",
    doc="The angle in [0, pi] whose cosine is x; NaN outside [-1, 1] (Array API).",
)
atan = smooth(
    np.arctan,
    "atan({0})",
    lambda g, y, x: g / (x * x + 1),
    name="atan",
    onnx="Atan",
    doc="The angle in [-pi/2, pi/2] whose tangent is x (Array API).",
)
sinh: Op = smooth(np.sinh, "sinh({0})", lambda g, y, x: g * cosh(x), onnx="Sinh", doc="Hyperbolic sine (Array API).")
cosh: Op = smooth(np.cosh, "cosh({0})", lambda g, y, x: g * sinh(x), onnx="Cosh", doc="Hyperbolic cosine (Array API).")
asinh = smooth(
    np.arcsinh,
    "asinh({0})",
    lambda g, y, x: g / sqrt(x * x + 1),
    name="asinh",
    onnx="Asinh",
    doc="The number whose hyperbolic sine is x (Array API).",
)
acosh = smooth(
    np.arccosh,
    "acosh({0})",
    lambda g, y, x: g / sqrt(x * x - 1),
    name="acosh",
    domain=(1.3, 4),
    onnx="Acosh",
    doc="The number >= 0 whose hyperbolic cosine is x; NaN below 1 (Array API).",
)
atanh = smooth(
    np.arctanh,
    "atanh({0})",
    lambda g, y, x: g / (1 - x * x),
    name="atanh",
    domain=(-0.9, 0.9),
    onnx="Atanh",
    doc="The number whose hyperbolic tangent is x; infinite at -1 and 1, NaN beyond (Array API).",
)
atan2 = elementwise(
    np.arctan2,
    2,
    name="atan2",
    lower="atan2({0}, {1})",
    expensive=True,
    accepts=dtypes.FLOATS,
    floating=True,
    order=54,
    domain=((-3, 3), (0.3, 3)),
    vjp=(
        lambda g, y, a, b: g * b / (a * a + b * b),
        lambda g, y, a, b: -g * a / (a * a + b * b),
    ),
    doc="The angle in [-pi, pi] of the point with ordinate x1 and abscissa x2 (Array API).",
)
