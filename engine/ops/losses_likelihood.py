"""Negative log-likelihoods of counts, measurements and distributions (PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.arithmetic import divide, maximum, square, subtract
from engine.ops.compare import greater, where
from engine.ops.create import number
from engine.ops.dtype import stop_gradient
from engine.ops.losses import check_reduction, equal_shapes, matching, pair_errors, pair_samples, reduced
from engine.ops.math import exp, log
from engine.ops.reduce import sum
from engine.ops.shape import expand_dims
from engine.sizes import agree, same
from engine.spec import DType


@composite(
    samples=pair_samples(
        {}, {"log_input": False, "reduction": "sum"}, {"full": True, "reduction": "none"}, low=0.2, high=4.0
    ),
    errors=pair_errors,
)
def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of counts ``target`` under Poisson distributions of rate exp(input).

    ``log_input`` False: of rate ``input``, to which ``eps`` is added inside the logarithm. ``full``: add Stirling's
    approximation of log(target!) where the target exceeds 1. Raises ShapeError where shapes differ.
    """
    input, target = matching("poisson_nll_loss", input, target)
    loss = subtract(exp(input), target * input) if log_input else subtract(input, target * log(input + eps))
    if full:
        large = greater(target, 1)
        count = where(large, target, 1.0)
        stirling = count * log(count) - count + log(count * (2 * math.pi)) * 0.5
        loss = loss + where(large, stirling, 0.0)
    return reduced(loss, reduction, "poisson_nll_loss")


def _gaussian_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, target = rng.uniform(-2, 2, (2, 2, 3)).astype(dtype)
    var = rng.uniform(0.5, 2, (2, 3)).astype(dtype)
    return [
        Sample((x, target, var)),
        Sample((x, target, var[:, 0]), {"reduction": "sum", "full": True}),
        Sample((x, target, var[:, :1]), {"reduction": "none"}),
        Sample((x, target, 0.5)),
        Sample((x, target[:, :1], var), {"reduction": "none"}),
    ]


def _gaussian_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, x, np.ones((3, 2), dtype)), {}, ShapeError),
        Sample((x, np.ones((2, 2), dtype), x), {}, ShapeError),
        Sample((x, x, -1.0), {}, ArgumentError),
        Sample((x, x, x), {"reduction": "avg"}, ArgumentError),
    ]


@composite(samples=_gaussian_samples, errors=_gaussian_errors)
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """The negative log-likelihood of ``target`` under normal distributions of mean ``input`` and variance ``var``.

    var: of the input's shape, of that shape with a 1 in one place or without the last axis, or a number; below ``eps``
    it counts as ``eps``, gradients passing through (Nix and Weigend 1994). target: of the input's shape, that shape with
    1 in places, or 0-d. ``full``: add log(2 pi) / 2. Raises ShapeError for other shapes, ArgumentError for a negative number.
    """
    op = "gaussian_nll_loss"
    input, target = as_handle(input), as_handle(target)
    if target.ndim not in (0, input.ndim) or not all(
        same(m, 1) or agree(m, n) for m, n in zip(target.shape, input.shape)
    ):
        input, target = matching(op, input, target)
    if isinstance(var, float | int):
        if var < 0:
            raise ArgumentError(f"var must not be negative, but is {var}", op=op)
        loss = square(subtract(input, target)) / max(var, eps) + math.log(max(var, eps))
    else:
        var = _variance(as_handle(var), input)
        var = var + stop_gradient(maximum(var, eps) - var)
        loss = divide(square(subtract(input, target)), var) + log(var)
    loss = loss * 0.5
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction, op)


def _variance(var: Any, input: Any) -> Any:
    if input.ndim and equal_shapes(var.shape, input.shape[:-1]):
        return expand_dims(var, axis=-1)
    pairs = list(zip(var.shape, input.shape, strict=False))
    shared = [i for i, (m, n) in enumerate(pairs) if same(m, 1) and not same(n, 1)]
    if (
        var.ndim != input.ndim
        or len(shared) > 1
        or not all(i in shared or agree(m, n) for i, (m, n) in enumerate(pairs))
    ):
        raise ShapeError(
            "var must have the shape of the input, that shape with a 1 in one place, or that without the last axis",
            op="gaussian_nll_loss",
            operands=(input, var),
        )
    return var


def _kl_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, t = (rng.dirichlet(np.ones(3), 4).astype(dtype) + dtype.type(0.01) for _ in range(2))
    return [
        Sample((np.log(x), t)),
        Sample((np.log(x), t), {"reduction": "batchmean"}),
        Sample((np.log(x), np.log(t)), {"reduction": "none", "log_target": True}),
        Sample((np.log(x), t), {"reduction": "sum"}),
    ]


@composite(samples=_kl_samples, errors=pair_errors)
def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """target * (log(target) - input): the Kullback-Leibler divergence from log-probabilities ``input`` (1951).

    ``log_target``: the target holds logarithms as well. ``reduction``: "batchmean" divides the sum by the size of
    axis 0, which is the divergence itself; "mean" divides by all elements. Raises ShapeError where shapes differ.
    """
    check_reduction(reduction, "kl_div", ("mean", "sum", "none", "batchmean"))
    input, target = matching("kl_div", input, target)
    if log_target:
        loss = exp(target) * subtract(target, input)
    else:
        positive = greater(target, 0)
        loss = subtract(where(positive, target * log(where(positive, target, 1.0)), 0.0), target * input)
    if reduction == "batchmean":
        if not input.ndim:
            raise ShapeError("batchmean needs an axis 0 to divide by", op="kl_div", operands=(input, target))
        return divide(sum(loss), number(input.shape[0], loss.dtype))
    return reduced(loss, reduction, "kl_div")
