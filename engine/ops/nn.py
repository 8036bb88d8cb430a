"""What networks are made of, as functions over ops: activations, normalisation, losses (PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axes, normal_axis
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.makers import composite, elementwise, publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import abs as abs_
from engine.ops.arithmetic import divide, maximum, multiply, subtract
from engine.ops.compare import greater, where
from engine.ops.dtype import astype, stop_gradient
from engine.ops.index import take
from engine.ops.math import erf, exp, expm1, log, log1p, rsqrt, sigmoid, tanh
from engine.ops.random import Generator, bernoulli
from engine.ops.reduce import max as max_
from engine.ops.reduce import sum
from engine.ops.statistics import mean
from engine.sizes import agree
from engine.spec import DType, Spec


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
    x = as_handle(x)
    return where(greater(x, 0), x, x * negative_slope)


@composite(samples=_points, onnx="Elu")
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016)."""
    x = as_handle(x)
    below = greater(x, 0)
    return where(below, x, expm1(where(below, 0.0, x)) * alpha)


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
    linear = greater(scaled, threshold)
    # |.| keeps the exponential small on both sides
    soft = maximum(scaled, 0.0) + log1p(exp(-abs_(where(linear, 0.0, scaled))))
    return where(linear, x, soft / beta if beta != 1 else soft)


@composite(samples=_rows, onnx="Softmax")
def softmax(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """exp(x) divided by its sum along ``axis``, without overflow."""
    x = as_handle(x) if dtype is None else astype(x, dtype)
    place = normal_axis(axis, x.ndim, "softmax", x)
    e = exp(subtract(x, stop_gradient(max_(x, axis=place, keepdims=True))))
    return divide(e, sum(e, axis=place, keepdims=True))


def _log_softmax_kernel(x: Any, axis: int) -> Any:
    shifted = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _log_softmax_in_ops(x: Any, axis: int) -> Any:
    shifted = subtract(x, stop_gradient(max_(x, axis=axis, keepdims=True)))
    return subtract(shifted, log(sum(exp(shifted), axis=axis, keepdims=True)))


_log_softmax = Op(
    "log_softmax",
    _log_softmax_kernel,
    lambda x, axis: Spec(x.shape, x.dtype),
    vjp=(lambda g, y, x, axis: subtract(g, exp(y) * sum(g, axis=axis, keepdims=True)),),
    expand=_log_softmax_in_ops,
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


# ---------------------------------------------------------------------------------------- layers

_DROPS = ((0.5, False), (0.0, True), (1.0, True), (0.4, True))


def _norm_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype)
    w, b = rng.uniform(0.5, 2, (4,)).astype(dtype), rng.uniform(-1, 1, (4,)).astype(dtype)
    return [Sample((x, (4,))), Sample((x, (4,), w, b)), Sample((x, (3, 4)))]


def _norm_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype), (4,)), {}, ShapeError)]


@composite(samples=_norm_samples, errors=_norm_errors, onnx="LayerNormalization")
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(var + eps) over the last axes, times weight plus bias (Ba et al. 2016).

    ``normalized_shape``: the sizes of those axes, also the shape of weight and bias. Raises ShapeError otherwise.
    """
    x = as_handle(x)
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    tail = x.shape[x.ndim - len(wanted) :]
    if len(wanted) > x.ndim or not all(agree(n, m) for n, m in zip(tail, wanted, strict=True)):
        raise ShapeError(f"the last axes of the input must be {wanted}", op="layer_norm", operands=(x,))
    axes = normal_axes(tuple(range(-len(wanted), 0)), x.ndim, "layer_norm", x)
    centred = subtract(x, mean(x, axis=axes, keepdims=True))
    y = centred * rsqrt(mean(centred * centred, axis=axes, keepdims=True) + eps)
    if weight is not None:
        y = multiply(y, weight)
    return y if bias is None else y + bias


@composite(
    samples=lambda rng, dtype: [
        Sample((s.args[0], p, training)) for s in _points(rng, dtype)[:1] for p, training in _DROPS
    ]
)
def dropout(x: Any, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Any:
    """Each element zeroed with probability ``p`` and the rest scaled by 1/(1-p), while ``training`` (Srivastava et al. 2014)."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"p must lie in [0, 1], not {p}", op="dropout")
    x = as_handle(x)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    return where(bernoulli(1 - p, x.shape, generator=generator), x * (1 / (1 - p)), 0.0)


def _embedding_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.array([[0, 3], [2, 0]]), rng.uniform(-1, 1, (4, 3)).astype(dtype)))]


def _embedding_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.array([0.0]), np.ones((4, 3), dtype)), {}, DTypeError)]


@composite(samples=_embedding_samples, errors=_embedding_errors, onnx="Gather")
def embedding(input: Any, weight: Any) -> Any:
    """Rows of ``weight`` [n, d] chosen by integers ``input`` [...]: [..., d]. Raises IndexRangeError outside [-n, n)."""
    return take(weight, input, axis=0)
