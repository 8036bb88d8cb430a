"""Losses of regression: distances between an input and a target of the same shape (PyTorch's names and meaning)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import publish
from engine.op import Op, Sample, apply, as_handle
from engine.ops.arithmetic import abs as abs_
from engine.ops.arithmetic import clip, divide, sign, square, subtract
from engine.ops.create import number
from engine.ops.reduce import sum
from engine.ops.statistics import mean
from engine.sizes import Shape, agree, product
from engine.spec import DType, Spec

# ---------------------------------------------------------------------------------------- what all losses share


def check_reduction(reduction: str, op: str, allowed: tuple[str, ...] = ("mean", "sum", "none")) -> None:
    """Raise ArgumentError for a reduction that is not one of those allowed."""
    if reduction not in allowed:
        names = ", ".join(map(repr, allowed[:-1]))
        raise ArgumentError(f"reduction must be {names} or {allowed[-1]!r}, not {reduction!r}", op=op)


def reduced(loss: Any, reduction: str, op: str) -> Any:
    """A loss of each element as its mean, its sum or as it is."""
    check_reduction(reduction, op)
    return mean(loss) if reduction == "mean" else sum(loss) if reduction == "sum" else loss


def equal_shapes(a: Shape, b: Shape) -> bool:
    """Whether two shapes agree in every axis."""
    return len(a) == len(b) and all(agree(m, n) for m, n in zip(a, b, strict=True))


def matching(op: str, *operands: Any, what: str = "input and target") -> list[Any]:
    """The operands as handles. Raises ShapeError where the shapes differ: a silent broadcast is nearly always a mistake."""
    handles = [as_handle(x) for x in operands]
    if not all(equal_shapes(handles[0].shape, h.shape) for h in handles[1:]):
        raise ShapeError(
            f"{what} must have the same shape",
            op=op,
            operands=handles,
            fix="reshape one of them, for instance target.reshape(input.shape)",
        )
    return handles


def pair_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, np.ones((3, 3), dtype)), {}, ShapeError),
        Sample((x, np.ones((2, 1), dtype)), {}, ShapeError),
        Sample((x, x), {"reduction": "avg"}, ArgumentError),
    ]


def pair_samples(*attrs: dict[str, Any], low: float = -2.0, high: float = 2.0) -> Any:
    """Samples of an input and a target drawn from an interval, with the attributes given."""

    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        return [Sample(tuple(rng.uniform(low, high, (2, 2, 3)).astype(dtype)), how) for how in attrs]

    return samples


Rule = Callable[..., Any]


def pointwise(
    name: str,
    kernel: Rule,
    in_ops: Rule,
    slopes: tuple[Rule, Rule],
    *,
    samples: Any,
    errors: Any = pair_errors,
    doc: str,
) -> Op:
    """A loss of matching elements and its reduction as one step in eager mode.

    kernel(x, target, **how), in NumPy, and in_ops, the same in ops, give the loss of each element; slopes(x, target,
    **how), in ops, its derivatives by x and by the target.
    """

    def reducing(x: Any, target: Any, reduction: str, **how: Any) -> Any:
        loss = kernel(x, target, **how)
        if reduction == "none":
            return loss
        total = np.add.reduce(loss, axis=None)
        return total / loss.size if reduction == "mean" else total

    def infer(x: Any, target: Any, reduction: str, **how: Any) -> Spec:
        return Spec(x.shape if reduction == "none" else (), x.dtype)

    def rule(slope: Rule) -> Rule:
        def vjp(g: Any, y: Any, x: Any, target: Any, reduction: str, **how: Any) -> Any:
            share = divide(g, number(product(x.shape), g.dtype)) if reduction == "mean" else g
            return slope(x, target, **how) * share

        return vjp

    def expand(x: Any, target: Any, reduction: str, **how: Any) -> Any:
        return reduced(in_ops(x, target, **how), reduction, name)

    return Op(
        name,
        reducing,
        infer,
        vjp=tuple(map(rule, slopes)),
        expand=expand,
        accepts=dtypes.FLOATS,
        floating=True,
        order=75,
        samples=samples,
        errors=errors,
        doc=doc,
    )


def _weighted(loss: Any, weight: Any, reduction: str, op: str, *, by_weight: bool) -> Any:
    """Losses times weights of their shape; the mean is taken over the weights, or (Huber) over the elements."""
    weight = matching(op, loss, weight, what="input and weight")[1]
    total = reduced(loss * weight, "sum" if reduction == "mean" and by_weight else reduction, op)
    return divide(total, sum(weight)) if reduction == "mean" and by_weight else total


# ---------------------------------------------------------------------------------------- differences

_REDUCTIONS: tuple[dict[str, Any], ...] = ({}, {"reduction": "sum"}, {"reduction": "none"})


def _squared(x: Any, target: Any) -> Any:
    difference = x - target
    return difference * difference


_mse = pointwise(
    "mse_loss",
    _squared,
    lambda x, target: square(subtract(x, target)),
    (lambda x, target: subtract(x, target) * 2.0, lambda x, target: subtract(target, x) * 2.0),
    samples=pair_samples(*_REDUCTIONS),
    doc="Squared difference, averaged unless told otherwise.",
)
_l1 = pointwise(
    "l1_loss",
    lambda x, target: np.abs(x - target),
    lambda x, target: abs_(subtract(x, target)),
    (lambda x, target: sign(subtract(x, target)), lambda x, target: sign(subtract(target, x))),
    samples=pair_samples(*_REDUCTIONS),
    doc="Absolute difference, averaged unless told otherwise.",
)


@publish(_mse)
def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Squared difference, averaged unless told otherwise.

    ``weight``: of the input's shape; the mean is then divided by the sum of the weights. Raises ShapeError where shapes
    differ: a silent broadcast here is nearly always a mistake.
    """
    input, target = matching("mse_loss", input, target)
    check_reduction(reduction, "mse_loss")
    if weight is not None:
        return _weighted(square(subtract(input, target)), weight, reduction, "mse_loss", by_weight=True)
    return apply(_mse, input, target, reduction=reduction)


@publish(_l1)
def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Absolute difference, averaged unless told otherwise; its gradient is 0 where the two are equal.

    ``weight``: of the input's shape; the mean is then divided by the sum of the weights. Raises ShapeError where shapes
    differ.
    """
    input, target = matching("l1_loss", input, target)
    check_reduction(reduction, "l1_loss")
    if weight is not None:
        return _weighted(abs_(subtract(input, target)), weight, reduction, "l1_loss", by_weight=True)
    return apply(_l1, input, target, reduction=reduction)


def _bent(x: Any, target: Any, delta: float) -> Any:
    """difference**2 / 2 up to |difference| = delta, delta * (|difference| - delta / 2) beyond."""
    difference = x - target
    held = np.minimum(np.maximum(difference, -delta), delta)
    return held * (difference - held * 0.5)


def _bent_in_ops(x: Any, target: Any, delta: float) -> Any:
    difference = subtract(x, target)
    held = clip(difference, -delta, delta)
    return held * (difference - held * 0.5)


_huber = pointwise(
    "huber_loss",
    _bent,
    _bent_in_ops,
    (
        lambda x, target, delta: clip(subtract(x, target), -delta, delta),
        lambda x, target, delta: clip(subtract(target, x), -delta, delta),
    ),
    samples=pair_samples(*_REDUCTIONS, {"delta": 0.5}),
    doc="Squares of small differences, magnitudes of large ones (Huber 1964).",
)
_smooth_l1 = pointwise(
    "smooth_l1_loss",
    lambda x, target, beta: _bent(x, target, beta) / beta,
    lambda x, target, beta: _bent_in_ops(x, target, beta) / beta,
    (
        lambda x, target, beta: clip(subtract(x, target), -beta, beta) / beta,
        lambda x, target, beta: clip(subtract(target, x), -beta, beta) / beta,
    ),
    samples=pair_samples(*_REDUCTIONS, {"beta": 0.5}, {"beta": 0}),
    doc="The Huber loss divided by beta, which turns into the L1 loss as beta goes to 0 (Girshick 2015).",
)


@publish(_huber)
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """Half the squared difference up to ``delta``, delta * (|difference| - delta / 2) beyond (Huber 1964).

    ``weight``: of the input's shape; the mean is over the elements. Raises ShapeError where shapes differ,
    ArgumentError unless delta is positive.
    """
    input, target = matching("huber_loss", input, target)
    check_reduction(reduction, "huber_loss")
    if not delta > 0:
        raise ArgumentError(f"delta must be positive, but is {delta}", op="huber_loss")
    if weight is not None:
        return _weighted(_bent_in_ops(input, target, delta), weight, reduction, "huber_loss", by_weight=False)
    return apply(_huber, input, target, reduction=reduction, delta=float(delta))


@publish(_smooth_l1)
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """difference**2 / (2 beta) up to ``beta``, |difference| - beta / 2 beyond; beta 0 is the L1 loss (Girshick 2015).

    Raises ShapeError where shapes differ, ArgumentError for a negative beta.
    """
    input, target = matching("smooth_l1_loss", input, target)
    check_reduction(reduction, "smooth_l1_loss")
    if beta < 0:
        raise ArgumentError(f"beta must not be negative, but is {beta}", op="smooth_l1_loss")
    if beta == 0:
        return apply(_l1, input, target, reduction=reduction)
    return apply(_smooth_l1, input, target, reduction=reduction, beta=float(beta))
