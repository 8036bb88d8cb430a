"""What networks are made of, as functions over ops: activations, normalisation, losses (PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.op import Sample, apply, as_handle, composite, elementwise, normal_axes, normal_axis
from engine.ops.arithmetic import abs as abs_
from engine.ops.arithmetic import divide, maximum, multiply, subtract
from engine.ops.compare import greater, not_equal, where
from engine.ops.dtype import astype, stop_gradient
from engine.ops.index import pick, take
from engine.ops.math import erf, exp, expm1, log, log1p, rsqrt, sigmoid, tanh
from engine.ops.random import Generator, bernoulli
from engine.ops.reduce import max as max_
from engine.ops.reduce import mean, sum
from engine.ops.shape import reshape
from engine.sizes import agree, same_shape
from engine.spec import DType


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


@composite(samples=_rows, onnx="LogSoftmax")
def log_softmax(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """log(softmax(x)) along ``axis``, without overflow or cancellation."""
    x = as_handle(x) if dtype is None else astype(x, dtype)
    place = normal_axis(axis, x.ndim, "log_softmax", x)
    shifted = subtract(x, stop_gradient(max_(x, axis=place, keepdims=True)))
    return subtract(shifted, log(sum(exp(shifted), axis=place, keepdims=True)))


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


# ---------------------------------------------------------------------------------------- losses


def _reduced(loss: Any, reduction: str, op: str) -> Any:
    match reduction:
        case "mean":
            return mean(loss)
        case "sum":
            return sum(loss)
        case "none":
            return loss
    raise ArgumentError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}", op=op)


def _pair_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    a, b = rng.uniform(-2, 2, (2, 2, 3)).astype(dtype)
    return [Sample((a, b)), Sample((a, b), {"reduction": "sum"}), Sample((a, b), {"reduction": "none"})]


def _pair_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((2, 3), dtype), np.ones((3, 3), dtype)), {}, ShapeError),
        Sample((np.ones((2, 3), dtype), np.ones((2, 3), dtype)), {"reduction": "avg"}, ArgumentError),
    ]


@composite(samples=_pair_samples, errors=_pair_errors)
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared difference, averaged unless told otherwise.

    Raises ShapeError where the shapes differ: a silent broadcast here is nearly always a mistake.
    """
    input, target = as_handle(input), as_handle(target)
    if len(input.shape) != len(target.shape) or not all(
        agree(a, b) for a, b in zip(input.shape, target.shape, strict=True)
    ):
        raise ShapeError(
            "input and target must have the same shape",
            op="mse_loss",
            operands=(input, target),
            fix="reshape one of them, for instance target.reshape(input.shape)",
        )
    difference = subtract(input, target)
    return _reduced(difference * difference, reduction, "mse_loss")


def _entropy_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (4, 3)).astype(dtype)
    y = np.array([2, 0, 1, 1])
    soft = rng.dirichlet(np.ones(3), 4).astype(dtype)
    return [
        Sample((x, y)),
        Sample((x, y), {"reduction": "none"}),
        Sample((x, y), {"reduction": "sum", "label_smoothing": 0.1}),
        Sample((x, np.array([2, -100, 1, 1]))),
        Sample((x, y), {"weight": np.array([1, 2, 0.5], dtype)}),
        Sample((x, soft)),
        Sample((x.T.reshape(1, 3, 4), y[None])),
    ]


def _entropy_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((4, 3), dtype)
    return [
        Sample((x, np.array([0, 1, 2])), {}, ShapeError),
        Sample((x, np.array([0, 1, 2, 3])), {}, IndexRangeError),
    ]


@composite(samples=_entropy_samples, errors=_entropy_errors, onnx="SoftmaxCrossEntropyLoss")
def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Negative log-probability of the target class under softmax(input).

    input: [n, classes], [n, classes, ...] or [classes], scores before softmax. target: integer classes of the same
    shape without the class axis, or probabilities of the shape of input. ``weight``: [classes]. Targets equal to
    ``ignore_index`` do not count. Raises ShapeError for other shapes, IndexRangeError for a class outside the range.
    """
    input, target = as_handle(input), as_handle(target)
    axis = 0 if input.ndim == 1 else 1
    logp = log_softmax(input, axis=axis)
    if target.dtype.kind == "f":
        return _soft_entropy(input, target, logp, axis, weight, reduction, label_smoothing)
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if target.ndim != len(expected) or not all(agree(n, m) for n, m in zip(target.shape, expected, strict=True)):
        raise ShapeError(
            f"class targets for scores of shape {input.shape} have shape {expected}",
            op="cross_entropy",
            operands=(input, target),
        )
    return nll_loss(logp, target, weight, ignore_index, reduction, label_smoothing)


def _soft_entropy(input: Any, target: Any, logp: Any, axis: int, weight: Any, reduction: str, smoothing: float) -> Any:
    if not same_shape(target.shape, input.shape) and not all(
        agree(n, m) for n, m in zip(target.shape, input.shape, strict=False)
    ):
        raise ShapeError(
            "probabilities must have the shape of the scores", op="cross_entropy", operands=(input, target)
        )
    if smoothing:
        target = target * (1 - smoothing) + smoothing / int(input.shape[axis])
    if weight is not None:
        logp = logp * reshape(as_handle(weight), tuple(-1 if i == axis else 1 for i in range(input.ndim)))
    loss = -sum(target * logp, axis=axis)
    return _reduced(loss, reduction, "cross_entropy")


def _nll_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, -0.1, (4, 3)).astype(dtype)
    return [Sample((x, np.array([2, 0, 1, 1]))), Sample((x, np.array([2, 0, -100, 1])), {"reduction": "sum"})]


@composite(samples=_nll_samples, onnx="NegativeLogLikelihoodLoss")
def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The negative of the log-probability that ``input`` gives the target class.

    input: [n, classes, ...] or [classes]; target: integers of the same shape without the class axis.
    """
    input, target = as_handle(input), as_handle(target)
    axis = 0 if input.ndim == 1 else 1
    counted = not_equal(target, ignore_index)
    safe = where(counted, target, 0)
    picked = apply(pick, input, safe, axis=axis)
    scale = astype(counted, input.dtype)
    if weight is not None:
        scale = scale * take(as_handle(weight), safe, axis=0)
    loss = -(picked * scale)
    if label_smoothing:
        spread = (
            input
            if weight is None
            else input * reshape(as_handle(weight), tuple(-1 if i == axis else 1 for i in range(input.ndim)))
        )
        smooth = -sum(spread, axis=axis) * astype(counted, input.dtype) / int(input.shape[axis])
        loss = loss * (1 - label_smoothing) + smooth * label_smoothing
    if reduction == "mean":
        return divide(sum(loss), sum(scale))
    return _reduced(loss, reduction, "nll_loss")
