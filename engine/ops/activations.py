"""Activations beyond the few that most networks use (PyTorch's names and meaning, ONNX's parameters)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, AxisError, ShapeError
from engine.makers import composite, elementwise
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import abs as abs_
from engine.ops.arithmetic import clip, divide, fma, maximum, negative, sign, subtract
from engine.ops.bends import exponential, leaky, saturate
from engine.ops.compare import equal, less_equal, where
from engine.ops.create import iota
from engine.ops.dtype import astype, stop_gradient
from engine.ops.logistic import log1pexp
from engine.ops.math import log, log1p, sigmoid, tanh
from engine.ops.nn import softmax
from engine.ops.random import Generator, uniform
from engine.ops.reduce import argmax
from engine.ops.samples import calls
from engine.ops.shape import reshape
from engine.ops.slices import part
from engine.sizes import agree, same
from engine.spec import DType

_POINTS = calls(((2, 3),), ((),), ((0, 2),))

# ---------------------------------------------------------------------------------------- bent lines


def _prelu_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, weight = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype), rng.uniform(0.1, 0.5, 3).astype(dtype)
    return [Sample((x, weight)), Sample((x, weight[:1])), Sample((x, weight[0])), Sample((x[0, 0], weight[:1]))]


def _prelu_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((2, 3), dtype), np.ones(2, dtype)), {}, ShapeError),
        Sample((np.ones((2, 3), dtype), np.ones((2, 3), dtype)), {}, ShapeError),
    ]


@composite(samples=_prelu_samples, errors=_prelu_errors, onnx="PRelu")
def prelu(x: Any, weight: Any) -> Any:
    """x above 0, ``weight * x`` below, with a learned weight (He et al. 2015).

    x: [n, channels, ...]; weight: [channels], or one element for all. Raises ShapeError otherwise.
    """
    x, weight = as_handle(x), as_handle(weight)
    if weight.ndim == 0 or (weight.ndim == 1 and same(weight.shape[0], 1)):
        return leaky(x, reshape(weight, ()))
    if weight.ndim != 1 or x.ndim < 2 or not agree(weight.shape[0], x.shape[1]):
        raise ShapeError(
            "the weight must have one element, or one for each channel (axis 1) of the input",
            op="prelu",
            operands=(x, weight),
        )
    return leaky(x, reshape(weight, (-1,) + (1,) * (x.ndim - 2)))


@composite(samples=calls(((2, 3),), ((2, 3), 0.2, 0.4, True), ((0, 2),)))
def rrelu(
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """x above 0; below, x times a slope drawn from [lower, upper) for each element while ``training``, their mean otherwise.

    Source: Xu et al. 2015. Raises ArgumentError where ``lower`` exceeds ``upper``.
    """
    if lower > upper:
        raise ArgumentError(f"lower must not exceed upper, but {lower} > {upper}", op="rrelu")
    x = as_handle(x)
    slope = uniform(x.shape, lower, upper, dtype=x.dtype, generator=generator) if training else (lower + upper) / 2
    return leaky(x, slope)


@composite(samples=calls(((2, 3),), ((2, 3), -0.5, 2.0), ((),)), onnx="Clip")
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x held between two numbers. Raises ArgumentError where ``min_val`` exceeds ``max_val``."""
    if min_val > max_val:
        raise ArgumentError(f"min_val must not exceed max_val, but {min_val} > {max_val}", op="hardtanh")
    return saturate(x, float(min_val), float(max_val))


@composite(samples=_POINTS, onnx="Clip")
def relu6(x: Any) -> Any:
    """min(max(x, 0), 6) (Krizhevsky 2010)."""
    return saturate(x, 0.0, 6.0)


@composite(samples=calls(((2, 3),), ((2, 3), 0.2, 0.4), ((),)), onnx="HardSigmoid")
def hard_sigmoid(x: Any, alpha: float = 1 / 6, beta: float = 0.5) -> Any:
    """min(max(alpha x + beta, 0), 1); alpha is 1/6 as in PyTorch, 0.2 in ONNX and Keras unless told otherwise."""
    return saturate(fma(x, alpha, beta), 0.0, 1.0)


@composite(samples=_POINTS, onnx="HardSwish")
def hard_swish(x: Any) -> Any:
    """x * hard_sigmoid(x) (Howard et al. 2019)."""
    x = as_handle(x)
    return x * hard_sigmoid(x)


@composite(samples=calls(((2, 3),), ((2, 3), 1.0, 0.5), ((),)), onnx="Shrink")
def hard_shrink(x: Any, lambd: float = 0.5, bias: float = 0.0) -> Any:
    """0 where |x| <= lambd, x moved towards 0 by ``bias`` elsewhere."""
    x = as_handle(x)
    moved = x - sign(x) * bias if bias else x
    return where(less_equal(abs_(x), lambd), 0.0, moved)


@composite(samples=calls(((2, 3),), ((2, 3), 1.0), ((),)), onnx="Shrink")
def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """x moved towards 0 by ``lambd``, 0 where |x| <= lambd. Raises ArgumentError for a negative ``lambd``."""
    if lambd < 0:
        raise ArgumentError(f"lambd must not be negative, but is {lambd}", op="softshrink")
    x = as_handle(x)
    return x - clip(x, -lambd, lambd)


@composite(samples=calls(((2, 3), 0.5, -1.0), ((), 0.1, 20)))
def threshold(x: Any, threshold: float, value: float) -> Any:
    """x above ``threshold``, ``value`` elsewhere."""
    x = as_handle(x)
    return where(less_equal(x, threshold), float(value), x)


@composite(samples=calls(((2, 3),), ((2, 3), 0.5)), onnx="ThresholdedRelu")
def thresholded_relu(x: Any, alpha: float = 1.0) -> Any:
    """x above ``alpha``, 0 elsewhere (Konda et al. 2015)."""
    return threshold(x, alpha, 0.0)


# ---------------------------------------------------------------------------------------- smooth curves

softsign = elementwise(
    lambda x: x / (1 + np.abs(x)),
    1,
    name="softsign",
    lower="{0} / ({one} + fabs({0}))",
    accepts=dtypes.FLOATS,
    floating=True,
    order=30,
    domain=((0.1, 3),),
    onnx="Softsign",
    vjp=(lambda g, y, x: divide(g, (abs_(x) + 1.0) * (abs_(x) + 1.0)),),
    doc="x / (1 + |x|) (Turian et al. 2009).",
)


@composite(samples=calls(((2, 3),), ((2, 3), 0.5), ((),)), onnx="Celu")
def celu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, ``alpha * (exp(x / alpha) - 1)`` below: smooth at 0 (Barron 2017). Raises ArgumentError for alpha 0."""
    if alpha == 0:
        raise ArgumentError("alpha must not be 0", op="celu")
    return exponential(divide(x, alpha), 1.0) * alpha


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@composite(samples=_POINTS, onnx="Selu")
def selu(x: Any) -> Any:
    """scale * elu(x, alpha) with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    return exponential(x, SELU_ALPHA) * SELU_SCALE


@composite(samples=_POINTS)
def logsigmoid(x: Any) -> Any:
    """log(sigmoid(x)) without overflow."""
    return negative(log1pexp(negative(x)))


@composite(samples=_POINTS, onnx="Mish")
def mish(x: Any) -> Any:
    """x * tanh(softplus(x)) (Misra 2019)."""
    x = as_handle(x)
    return x * tanh(log1pexp(x))


@composite(samples=_POINTS)
def tanhshrink(x: Any) -> Any:
    """x - tanh(x)."""
    x = as_handle(x)
    return subtract(x, tanh(x))


# ---------------------------------------------------------------------------------------- along an axis


def _glu_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((2, 3), dtype),), {}, ShapeError),
        Sample((np.ones((2, 4), dtype),), {"axis": 2}, AxisError),
    ]


@composite(samples=calls(((2, 4),), ((4, 3), {"axis": 0}), ((2, 2, 3), {"axis": 1})), errors=_glu_errors)
def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second half (Dauphin et al. 2017).

    Raises ShapeError where the axis has an odd number of elements.
    """
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "glu", x)
    size = x.shape[place]
    half = size // 2
    if not agree(half * 2, size):
        raise ShapeError("the axis must have an even number of elements", op="glu", operands=(x,))
    return part(x, place, 0, half) * sigmoid(part(x, place, half, half))


@composite(samples=calls(((2, 3),), ((2, 3, 4), {"axis": 1})))
def softmin(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """softmax(-x) along ``axis``."""
    x = as_handle(x) if dtype is None else astype(x, dtype)
    return softmax(negative(x), axis=normal_axis(axis, x.ndim, "softmin", x))


@composite(samples=calls(((2, 3),), ((2, 3, 4), {"axis": 1})), onnx="Hardmax", smooth=False)
def hardmax(x: Any, axis: int = -1) -> Any:
    """1 at the first largest element along ``axis``, 0 elsewhere; x's dtype, no gradient."""
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "hardmax", x)
    line = tuple(n if i == place else 1 for i, n in enumerate(x.shape))
    best = argmax(x, axis=place, keepdims=True)
    return astype(equal(apply(iota, shape=line, axis=place, dtype=best.dtype), best), x.dtype)


def _gumbel_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype),), {"tau": 0.0}, ArgumentError)]


@composite(samples=calls(((2, 3),), ((4, 3), {"tau": 0.5, "axis": 0})), errors=_gumbel_errors)
def gumbel_softmax(
    logits: Any, tau: float = 1.0, hard: bool = False, axis: int = -1, *, generator: Generator | None = None
) -> Any:
    """softmax((logits + Gumbel noise) / tau) along ``axis``: a differentiable draw of a class (Jang et al. 2017).

    ``hard``: one-hot draws that pass gradients as the soft ones do. Raises ArgumentError unless tau is positive.
    """
    if not tau > 0:
        raise ArgumentError(f"tau must be positive, but is {tau}", op="gumbel_softmax")
    logits = as_handle(logits)
    place = normal_axis(axis, logits.ndim, "gumbel_softmax", logits)
    # 2**-25 is half the smallest step of a float32 draw: log(0) stays out of reach.
    unit = maximum(uniform(logits.shape, dtype=logits.dtype, generator=generator), 2.0**-25)
    noisy = subtract(logits, log(negative(log1p(negative(unit)))))
    soft = softmax(divide(noisy, tau), axis=place)
    if not hard:
        return soft
    return stop_gradient(hardmax(soft, axis=place)) + subtract(soft, stop_gradient(soft))
