"""Logarithms of the logistic function as single steps: softplus, and the cross-entropy of a probability."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.makers import elementwise
from engine.ops.arithmetic import maximum
from engine.ops.math import log, log1p, sigmoid


def _log1pexp(x: Any) -> Any:
    # exp of a non-positive number only, so nothing overflows on either side
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


log1pexp = elementwise(
    _log1pexp,
    1,
    name="log1pexp",
    lower="maximum({0}, {zero}) + log1p(exp(-fabs({0})))",
    expensive=True,
    accepts=dtypes.FLOATS,
    floating=True,
    order=68,
    onnx="Softplus",
    vjp=(lambda g, y, x: g * sigmoid(x),),
    doc="log(1 + exp(x)) without overflow.",
    hidden=True,
)


def _chance_entropy(x: Any, target: Any, floor: Any) -> Any:
    hit, miss = np.log(x), np.log1p(-x)
    return (target - 1) * np.where(miss < floor, floor, miss) - target * np.where(hit < floor, floor, hit)


def _chance_slope(g: Any, y: Any, x: Any, target: Any, floor: Any) -> Any:
    # 1e-12 keeps the gradient finite where the probability is 0 or 1, as PyTorch does
    return g * ((x - target) / maximum((1.0 - x) * x, 1e-12))


def _target_slope(g: Any, y: Any, x: Any, target: Any, floor: Any) -> Any:
    return g * (maximum(log1p(-x), floor) - maximum(log(x), floor))


chance_entropy = elementwise(
    _chance_entropy,
    3,
    name="chance_entropy",
    lower="({1} - {one}) * where(log1p(-{0}) < {2}, {2}, log1p(-{0})) - {1} * where(log({0}) < {2}, {2}, log({0}))",
    expensive=True,
    accepts=dtypes.FLOATS,
    floating=True,
    order=69,
    domain=((0.2, 0.8), (0.0, 1.0), (-100.0, -99.0)),
    vjp=(_chance_slope, _target_slope, None),
    doc="-(t log x + (1 - t) log(1 - x)) with no logarithm below a floor.",
    hidden=True,
)
