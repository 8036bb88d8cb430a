"""Losses (PyTorch's names and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, IndexRangeError, ShapeError
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import divide, subtract
from engine.ops.compare import equal, not_equal, where
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.gather import check_range, pick
from engine.ops.index import take
from engine.ops.math import exp
from engine.ops.nn import _log_softmax, log_softmax
from engine.ops.reduce import sum
from engine.ops.shape import expand_dims, reshape
from engine.ops.statistics import mean
from engine.sizes import agree, show_shape
from engine.spec import DType, Spec


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


# Cross-entropy of integer classes, the whole of it one step in eager mode: [n, classes, ...] and [n, ...].


def _entropy_parts(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> tuple[Any, Any, Any]:
    """log(softmax(x)), where in it the targets' entries lie (as a NumPy index), and the weight of each in the loss."""
    counted = target != ignore
    everything = counted.all()
    safe = target if everything else np.where(counted, target, 0)
    check_range(safe, x.shape[axis], pick.name)
    places = list(np.ix_(*(np.arange(n) for n in safe.shape))) if safe.ndim > 1 else [np.arange(n) for n in safe.shape]
    weight = x.dtype.type(1) if everything else counted.astype(x.dtype)
    if reduction == "mean":
        weight = weight / counted.sum(dtype=x.dtype)
    return _log_softmax.kernel(x, axis=axis), (*places[:axis], safe, *places[axis:]), weight


def _entropy_kernel(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    logp, places, weight = _entropy_parts(x, target, axis, ignore, reduction)
    loss = logp[places] * -weight
    return loss if reduction == "none" else loss.sum(dtype=x.dtype)


def _entropy_spec(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Spec:
    return Spec(target.shape if reduction == "none" else (), x.dtype)


def _entropy_in_ops(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    return nll_loss(log_softmax(x, axis=axis), target, None, ignore, reduction)


def _slope_kernel(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    logp, places, weight = _entropy_parts(x, target, axis, ignore, reduction)
    slope = np.exp(logp)
    slope[places] -= 1
    slope *= np.expand_dims(weight, axis) if weight.ndim else weight
    return slope


def _weights(x: Any, target: Any, axis: int, ignore: int, reduction: str) -> Any:
    counted = astype(not_equal(target, ignore), x.dtype)
    return expand_dims(divide(counted, sum(counted)) if reduction == "mean" else counted, axis=axis)


def _slope_in_ops(x: Any, target: Any, **how: Any) -> Any:
    axis, ignore = how["axis"], how["ignore"]
    line = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
    places = apply(iota, shape=line, axis=axis, dtype=target.dtype)
    hit = equal(expand_dims(where(equal(target, ignore), 0, target), axis=axis), places)
    chance = exp(log_softmax(x, axis=axis))
    return where(hit, chance - 1.0, chance) * _weights(x, target, **how)


def _slope_vjp(g: Any, y: Any, x: Any, target: Any, **how: Any) -> Any:
    chance = exp(log_softmax(x, axis=how["axis"]))
    weighted = g * _weights(x, target, **how)
    return chance * (weighted - sum(weighted * chance, axis=how["axis"], keepdims=True))


def _class_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (4, 3)).astype(dtype)
    how = {"axis": 1, "ignore": -100, "reduction": "mean"}
    return [
        Sample((x, np.array([2, 0, 1, 1])), how),
        Sample((x, np.array([2, -100, 1, 1])), how | {"reduction": "sum"}),
        Sample((x.reshape(2, 3, 2), np.array([[2, 0], [1, 1]])), how | {"reduction": "none"}),
    ]


_slope: Op = Op(
    "softmax_cross_entropy_slope",
    _slope_kernel,
    lambda x, target, axis, ignore, reduction: Spec(x.shape, x.dtype),
    vjp=(_slope_vjp,),
    expand=_slope_in_ops,
    accepts=dtypes.FLOATS,
    casts=slice(0, 1),
    order=73,
    samples=_class_samples,
    doc="The derivative of softmax_cross_entropy with respect to the scores.",
    hidden=True,
)


def _entropy_vjp(g: Any, y: Any, x: Any, target: Any, **how: Any) -> Any:
    return apply(_slope, x, target, **how) * (expand_dims(g, axis=how["axis"]) if g.ndim else g)


_entropy = Op(
    "softmax_cross_entropy",
    _entropy_kernel,
    _entropy_spec,
    vjp=(_entropy_vjp,),
    expand=_entropy_in_ops,
    accepts=dtypes.FLOATS,
    casts=slice(0, 1),
    onnx="SoftmaxCrossEntropyLoss",
    order=74,
    samples=_class_samples,
    doc="Negative log-probability of integer classes under softmax of scores, in one step.",
    hidden=True,
)


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


@composite(samples=_entropy_samples, errors=_entropy_errors)
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
    if target.dtype.kind == "f":
        logp = log_softmax(input, axis=axis)
        return _soft_entropy(input, target, logp, axis, weight, reduction, label_smoothing)
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if target.ndim != len(expected) or not all(agree(n, m) for n, m in zip(target.shape, expected, strict=True)):
        raise ShapeError(
            f"class targets for scores of shape {show_shape(input.shape)} have shape {show_shape(expected)}",
            op="cross_entropy",
            operands=(input, target),
        )
    if weight is None and not label_smoothing and reduction in ("mean", "sum", "none"):
        return apply(_entropy, input, target, axis=axis, ignore=ignore_index, reduction=reduction)
    return nll_loss(log_softmax(input, axis=axis), target, weight, ignore_index, reduction, label_smoothing)


def _soft_entropy(input: Any, target: Any, logp: Any, axis: int, weight: Any, reduction: str, smoothing: float) -> Any:
    if target.ndim != input.ndim or not all(agree(n, m) for n, m in zip(target.shape, input.shape, strict=True)):
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
