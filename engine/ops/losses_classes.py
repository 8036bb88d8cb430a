"""Losses of classification: cross-entropy of integer classes and of probabilities (PyTorch's names and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.create import number
from engine.ops.dtype import astype
from engine.ops.losses import check_reduction, equal_shapes, reduced
from engine.ops.losses_softmax import along, check_classes, class_errors, likelihood, softmax_entropy
from engine.ops.nn import log_softmax
from engine.ops.reduce import sum
from engine.sizes import agree
from engine.spec import DType


def _class_axis(input: Any, op: str) -> int:
    if not input.ndim:
        raise ShapeError("the input needs a class axis: [n, classes, ...] or [classes]", op=op, operands=(input,))
    return 0 if input.ndim == 1 else 1


def _class_weight(weight: Any, input: Any, axis: int, op: str) -> Any:
    weight = as_handle(weight)
    if weight.ndim != 1 or not agree(weight.shape[0], input.shape[axis]):
        raise ShapeError("weight must hold one number for each class", op=op, operands=(input, weight))
    return weight if weight.dtype == input.dtype else astype(weight, input.dtype)


def _entropy_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (4, 3)).astype(dtype)
    y = np.array([2, 0, 1, 1])
    soft = rng.dirichlet(np.ones(3), 4).astype(dtype)
    weight = np.array([1, 2, 0.5], dtype)
    return [
        Sample((x, y)),
        Sample((x, y), {"reduction": "none"}),
        Sample((x, y), {"reduction": "sum", "label_smoothing": 0.1}),
        Sample((x, np.array([2, -100, 1, 1])), {"weight": weight, "label_smoothing": 0.1}),
        Sample((x, y), {"weight": weight}),
        Sample((x, soft), {"weight": weight, "label_smoothing": 0.1}),
        Sample((x.T.reshape(1, 3, 4), y[None])),
    ]


def _entropy_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((4, 3), dtype)
    return [
        *class_errors(rng, dtype),
        Sample((x, x[:, :2]), {}, ShapeError),
        Sample((x, x), {"weight": np.ones(4, dtype)}, ShapeError),
        Sample((x, x), {"label_smoothing": 1.5}, ArgumentError),
        Sample((x[0, 0], np.array(0)), {}, ShapeError),
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
    shape without the class axis, or probabilities of the shape of input. ``weight``: [classes]. Integer targets equal
    to ``ignore_index`` do not count. ``label_smoothing``: the share of the target spread evenly over all classes
    (Szegedy et al. 2016). Raises ShapeError, DTypeError for classes that are not integers, IndexRangeError for a class
    outside the range.
    """
    input, target = as_handle(input), as_handle(target)
    axis = _class_axis(input, "cross_entropy")
    check_reduction(reduction, "cross_entropy")
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"label_smoothing must lie in [0, 1], not {label_smoothing}", op="cross_entropy")
    if weight is not None:
        weight = _class_weight(weight, input, axis, "cross_entropy")
    if target.dtype.kind == "f" and target.ndim == input.ndim:
        return _soft_entropy(input, target, axis, weight, reduction, label_smoothing)
    check_classes(input, target, axis, "cross_entropy")
    if weight is None and not label_smoothing:
        return apply(softmax_entropy, input, target, axis=axis, ignore=ignore_index, reduction=reduction)
    logp = log_softmax(input, axis=axis)
    return likelihood(logp, target, axis, weight, ignore_index, reduction, label_smoothing)


def _soft_entropy(input: Any, target: Any, axis: int, weight: Any, reduction: str, smoothing: float) -> Any:
    if not equal_shapes(target.shape, input.shape):
        raise ShapeError(
            "probabilities must have the shape of the scores", op="cross_entropy", operands=(input, target)
        )
    logp = log_softmax(input, axis=axis)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / number(input.shape[axis], target.dtype)
    if weight is not None:
        logp = logp * along(weight, axis, input.ndim)
    return reduced(-sum(target * logp, axis=axis), reduction, "cross_entropy")


def _nll_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, -0.1, (4, 3)).astype(dtype)
    return [
        Sample((x, np.array([2, 0, 1, 1]))),
        Sample((x, np.array([2, 0, -100, 1])), {"reduction": "sum"}),
        Sample((x, np.array([2, 0, 1, 1])), {"weight": np.array([1, 2, 0.5], dtype)}),
    ]


@composite(samples=_nll_samples, errors=class_errors, onnx="NegativeLogLikelihoodLoss")
def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """The negative of the log-probability that ``input`` gives the target class.

    input: [n, classes, ...] or [classes], log-probabilities; target: integers of the same shape without the class
    axis. ``weight``: [classes]. Raises ShapeError, DTypeError for classes that are not integers, IndexRangeError for a
    class outside the range.
    """
    input, target = as_handle(input), as_handle(target)
    axis = _class_axis(input, "nll_loss")
    check_reduction(reduction, "nll_loss")
    check_classes(input, target, axis, "nll_loss")
    if weight is not None:
        weight = _class_weight(weight, input, axis, "nll_loss")
    return likelihood(input, target, axis, weight, ignore_index, reduction, 0.0)
