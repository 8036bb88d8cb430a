"""Activations, from relu to softmax, as functions over ops (PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError
from engine.makers import composite, elementwise, publish
from engine.op import OPS, Op, Sample, apply, as_handle
from engine.ops.arithmetic import divide, subtract
from engine.ops.bends import exponential, leaky
from engine.ops.compare import equal, greater, where
from engine.ops.dtype import astype, stop_gradient
from engine.ops.logistic import log1pexp
from engine.ops.math import erf, exp, log, sigmoid, tanh
from engine.ops.reduce import sum
from engine.spec import DType, Spec

_MAX = OPS["max"]  # the op alone: the public function asks for an element, a softmax does not


def _points(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(0.1, 3, (2, 3)) * np.where(rng.uniform(size=(2, 3)) < 0.5, -1, 1)
    return [Sample((x.astype(dtype),)), Sample((x[0, 0].astype(dtype),)), Sample((np.zeros((0, 2), dtype),))]


def _rows(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype)
    return [Sample((x,)), Sample((x,), {"axis": 1}), Sample((x.transpose(1, 2, 0),), {"axis": 0})]


# ---------------------------------------------------------------------------------------- activations


relu = elementwise(
    lambda x: np.maximum(x, x.dtype.type(0)),
    1,
    name="relu",
    lower="maximum({0}, {zero})",
    accepts=dtypes.NUMERIC,
    keeps="y",
    onnx="Relu",
    order=16,
    domain=((0.1, 3),),
    vjp=(lambda g, y, x: where(greater(y, 0), g, 0.0),),
    doc="max(x, 0), with gradient 0 at 0; NaN stays NaN.",
)


@composite(samples=_points, onnx="LeakyRelu")
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x above 0, ``negative_slope * x`` below."""
    return leaky(x, float(negative_slope))


@composite(samples=_points, onnx="Elu")
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016)."""
    return exponential(x, float(alpha))


@composite(samples=_points, onnx="Gelu")
def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the normal distribution function of x; ``approximate="tanh"`` for the cheaper form (Hendrycks and Gimpel 2016)."""
    x = as_handle(x)
    if approximate == "tanh":
        return x * 0.5 * (tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)
    if approximate != "none":
        raise ArgumentError(f"approximate must be 'none' or 'tanh', not {approximate!r}", op="gelu")
    return x * 0.5 * (erf(x * math.sqrt(0.5)) + 1.0)


@composite(samples=_points, onnx="Swish")
def silu(x: Any) -> Any:
    """x * sigmoid(x)."""
    x = as_handle(x)
    return x * sigmoid(x)


@composite(samples=_points, onnx="Softplus")
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta x)) / beta; x itself where beta x is above ``threshold``."""
    x = as_handle(x)
    scaled = x * beta if beta != 1 else x
    soft = log1pexp(scaled)
    return where(greater(scaled, threshold), x, soft / beta if beta != 1 else soft)


def _softmax_kernel(x: Any, axis: int, empty: bool) -> Any:
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)
    if empty:
        top[top == -np.inf] = 0
    e = x - top
    np.exp(e, out=e)
    total = e.sum(axis=axis, keepdims=True)
    if empty:
        total[total == 0] = 1
    e /= total
    return e


def _softmax_in_ops(x: Any, axis: int, empty: bool) -> Any:
    top = stop_gradient(apply(_MAX, x, axis=(axis,)))
    e = exp(subtract(x, where(equal(top, -math.inf), 0.0, top) if empty else top))
    total = sum(e, axis=axis, keepdims=True)
    return divide(e, where(equal(total, 0.0), 1.0, total) if empty else total)


_softmax = Op(
    "softmax",
    _softmax_kernel,
    lambda x, axis, empty: Spec(x.shape, x.dtype),
    vjp=(lambda g, y, x, axis, empty: y * (g - sum(g * y, axis=axis, keepdims=True)),),
    expand=_softmax_in_ops,
    batch="shift",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    onnx="Softmax",
    order=72,
    samples=_rows,
    doc="exp(x) divided by its sum; ``empty``: a row of nothing but -inf gives zeros, not NaN.",
)


@publish(_softmax)
def softmax(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """exp(x) divided by its sum along ``axis``, without overflow."""
    x = as_handle(x) if dtype is None else astype(x, dtype)
    return apply(_softmax, x, axis=normal_axis(axis, x.ndim, "softmax", x), empty=False)


def softmax_of_masked(x: Any) -> Any:
    """softmax along the last axis, where a row of nothing but -inf gives zeros (attention to nothing)."""
    return apply(_softmax, x, axis=x.ndim - 1, empty=True)


def _log_softmax_kernel(x: Any, axis: int) -> Any:
    shifted = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _log_softmax_in_ops(x: Any, axis: int) -> Any:
    shifted = subtract(x, stop_gradient(apply(_MAX, x, axis=(axis,))))
    return subtract(shifted, log(sum(exp(shifted), axis=axis, keepdims=True)))


_log_softmax = Op(
    "log_softmax",
    _log_softmax_kernel,
    lambda x, axis: Spec(x.shape, x.dtype),
    vjp=(lambda g, y, x, axis: subtract(g, exp(y) * sum(g, axis=axis, keepdims=True)),),
    expand=_log_softmax_in_ops,
    batch="shift",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    onnx="LogSoftmax",
    order=72,
    samples=_rows,
    doc="log(softmax(x)) in one step.",
)


@publish(_log_softmax)
def log_softmax(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """log(softmax(x)) along ``axis``, without overflow or cancellation."""
    x = as_handle(x) if dtype is None else astype(x, dtype)
    return apply(_log_softmax, x, axis=normal_axis(axis, x.ndim, "log_softmax", x))
