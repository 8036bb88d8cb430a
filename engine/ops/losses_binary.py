"""Losses of yes or no: cross-entropy of probabilities and of scores, for one label or several (PyTorch's meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ShapeError
from engine.makers import composite, publish
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import negative, subtract
from engine.ops.logistic import chance_entropy, log1pexp
from engine.ops.losses import check_reduction, equal_shapes, matching, pair_errors, pair_samples, pointwise, reduced
from engine.ops.math import sigmoid
from engine.ops.statistics import mean
from engine.sizes import show_shape
from engine.spec import DType, Incompatible, broadcast


def _fitting(weight: Any, input: Any, name: str, op: str) -> Any:
    """A weight as a handle. Raises ShapeError unless it broadcasts to the shape of the input."""
    weight = as_handle(weight)
    try:
        fits = equal_shapes(broadcast(weight.shape, input.shape), input.shape)
    except Incompatible:
        fits = False
    if not fits:
        raise ShapeError(
            f"{name} must broadcast to the shape of the input, {show_shape(input.shape)}",
            op=op,
            operands=(input, weight),
        )
    return weight


def _weight_samples(low: float, high: float, **keyed: tuple[int, ...]) -> Any:
    """Pairs from an interval and targets from [0, 1], first alone, then with keyword weights of these shapes."""

    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        x, target = rng.uniform(low, high, (2, 3)).astype(dtype), rng.uniform(0, 1, (2, 3)).astype(dtype)
        weights = {name: rng.uniform(0.5, 2, shape).astype(dtype) for name, shape in keyed.items()}
        return [
            Sample((x, target)),
            Sample((x, target), {"reduction": "none"}),
            Sample((x, target), {"reduction": "sum", **weights}),
            *[Sample((x, target), {name: w}) for name, w in weights.items()],
        ]

    return samples


def _weight_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.full((2, 3), 0.5, dtype)
    return [*pair_errors(rng, dtype), Sample((x, x), {"weight": np.ones((3, 2), dtype)}, ShapeError)]


@composite(samples=_weight_samples(0.1, 0.9, weight=(2, 3)), errors=_weight_errors)
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """-(t log p + (1 - t) log(1 - p)) of probabilities p = ``input`` and targets t in [0, 1].

    Logarithms are held above -100 and the gradient stays finite, as in PyTorch; probabilities outside [0, 1] give NaN.
    ``weight``: broadcasts to the input. From scores, ``bce_with_logits`` is the more exact. Raises ShapeError where
    shapes differ.
    """
    input, target = matching("binary_cross_entropy", input, target)
    loss = chance_entropy(input, target, -100.0)
    if weight is not None:
        loss = loss * _fitting(weight, input, "weight", "binary_cross_entropy")
    return reduced(loss, reduction, "binary_cross_entropy")


_bce_with_logits = pointwise(
    "bce_with_logits",
    lambda x, target: np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x))),
    lambda x, target: subtract(log1pexp(x), x * target),
    (lambda x, target: subtract(sigmoid(x), target), lambda x, target: negative(x)),
    samples=_weight_samples(-3, 3, weight=(3,), pos_weight=(3,)),
    errors=_weight_errors,
    doc="Binary cross-entropy of scores before the sigmoid, without overflow.",
)


@publish(_bce_with_logits)
def bce_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Binary cross-entropy of sigmoid(input), without overflow; targets in [0, 1].

    ``weight`` and ``pos_weight`` (how much more a positive target counts) broadcast to the input; the mean is over
    its elements. Raises ShapeError where shapes do not fit.
    """
    input, target = matching("bce_with_logits", input, target)
    check_reduction(reduction, "bce_with_logits")
    if weight is None and pos_weight is None:
        return apply(_bce_with_logits, input, target, reduction=reduction)
    if pos_weight is None:
        loss = subtract(log1pexp(input), input * target)
    else:
        positive = _fitting(pos_weight, input, "pos_weight", "bce_with_logits")
        loss = subtract(1.0, target) * input + log1pexp(negative(input)) * (target * (positive - 1.0) + 1.0)
    if weight is not None:
        loss = loss * _fitting(weight, input, "weight", "bce_with_logits")
    return reduced(loss, reduction, "bce_with_logits")


@composite(samples=_weight_samples(-3, 3, weight=(3,)), errors=_weight_errors)
def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Binary cross-entropy of scores averaged over the classes. input, target: [..., classes]; weight: [classes].

    Raises ShapeError where shapes differ.
    """
    input, target = matching("multilabel_soft_margin_loss", input, target)
    if not input.ndim:
        raise ShapeError("the input needs a class axis", op="multilabel_soft_margin_loss", operands=(input, target))
    loss = subtract(log1pexp(input), input * target)
    if weight is not None:
        loss = loss * _fitting(weight, input, "weight", "multilabel_soft_margin_loss")
    return reduced(mean(loss, axis=-1), reduction, "multilabel_soft_margin_loss")


@composite(samples=pair_samples({}, {"reduction": "sum"}, {"reduction": "none"}), errors=pair_errors)
def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """log(1 + exp(-target * input)) for targets 1 and -1, without overflow. Raises ShapeError where shapes differ."""
    input, target = matching("soft_margin_loss", input, target)
    return reduced(log1pexp(negative(target * input)), reduction, "soft_margin_loss")
