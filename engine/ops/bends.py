"""Activations with a bend as single steps: the lines and the curve that the public ones are made of."""

from __future__ import annotations

import numpy as np

from engine import dtypes
from engine.makers import elementwise
from engine.ops.compare import greater, greater_equal, less, less_equal, logical_and, where
from engine.ops.math import expm1

leaky = elementwise(
    lambda x, slope: np.where(x > 0, x, x * slope),
    2,
    name="leaky",
    lower="where({0} > {zero}, {0}, {0} * {1})",
    accepts=dtypes.FLOATS,
    floating=True,
    onnx="PRelu",
    order=23,
    vjp=(
        lambda g, y, x, slope: where(greater(x, 0), g, g * slope),
        lambda g, y, x, slope: where(greater(x, 0), 0.0, g * x),
    ),
    doc="x above 0, slope * x below.",
    hidden=True,
)
saturate = elementwise(
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    3,
    name="saturate",
    lower="minimum(maximum({0}, {1}), {2})",
    accepts=dtypes.FLOATS,
    floating=True,
    onnx="Clip",
    order=17,
    domain=((-3, 3), (-2, -1), (1, 2)),
    vjp=(
        lambda g, y, x, low, high: where(logical_and(greater(x, low), less(x, high)), g, 0.0),
        lambda g, y, x, low, high: where(less_equal(x, low), g, 0.0),
        lambda g, y, x, low, high: where(greater_equal(x, high), g, 0.0),
    ),
    doc="x held between low and high, flat at the bounds themselves (where clip still passes gradients).",
    hidden=True,
)
exponential = elementwise(
    lambda x, alpha: np.where(x > 0, x, np.expm1(x) * alpha),
    2,
    name="bent_exponential",
    lower="where({0} > {zero}, {0}, expm1({0}) * {1})",
    expensive=True,
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="xy",
    onnx="Elu",
    order=62,
    vjp=(
        lambda g, y, x, alpha: where(greater(x, 0), g, g * (y + alpha)),
        lambda g, y, x, alpha: where(greater(x, 0), 0.0, g * expm1(where(greater(x, 0), 0.0, x))),
    ),
    doc="x above 0, alpha * (exp(x) - 1) below.",
    hidden=True,
)
