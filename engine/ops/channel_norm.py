"""Normalisation by channels, axis 1: of batches, instances and groups (PyTorch's names and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.handle import Handle
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.create import number
from engine.ops.dtype import astype, stop_gradient
from engine.ops.math import rsqrt
from engine.ops.normalization import floating, scaled
from engine.ops.shape import reshape
from engine.ops.standardize import standardize
from engine.ops.statistics import mean
from engine.sizes import agree, product, same, show_shape, show_size
from engine.spec import DType


def channels(x: Any, op: str, least: int, *factors: Any) -> Any:
    """The shape in which a value of each channel meets the input; raises ShapeError where ``factors`` do not fit."""
    if x.ndim < least:
        raise ShapeError(f"needs at least {least} axes: batch, channels, ...", op=op, operands=(x,))
    for factor in factors:
        if factor is not None and not (len(factor.shape) == 1 and agree(factor.shape[0], x.shape[1])):
            raise ShapeError(
                f"one value for each of {show_size(x.shape[1])} channels is needed, not {show_shape(factor.shape)}",
                op=op,
                operands=(x, factor),
                fix="channels are axis 1; build the layer for that size",
            )
    return (1, x.shape[1], *[1] * (x.ndim - 2))


def _by_channel(y: Any, across: Any, weight: Any, bias: Any) -> Any:
    return scaled(
        y,
        None if weight is None else reshape(as_handle(weight), across),
        None if bias is None else reshape(as_handle(bias), across),
    )


def _with_running(x: Any, mean: Any, var: Any, weight: Any, bias: Any, across: Any, eps: float) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias with given mean and variance: one factor and one summand for each channel."""
    factor = rsqrt(as_handle(var) + eps)
    factor = factor if weight is None else factor * weight
    summand = -(mean * factor)
    summand = summand if bias is None else summand + bias
    return x * reshape(astype(factor, x.dtype), across) + reshape(astype(summand, x.dtype), across)


def _follow(running: Any, seen: Any, momentum: Any, op: str) -> None:
    """Move a running statistic towards what a batch showed, by ``momentum`` of the way."""
    if running is None:
        return
    if not isinstance(running, Handle):
        raise ArgumentError(
            f"running statistics that training updates are states, not {type(running).__name__}",
            op=op,
            fix="keep them in a tg.State",
        )
    seen = astype(stop_gradient(reshape(seen, running.shape)), running.dtype)
    running._rebind(running + (seen - running) * momentum)


def _batch_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype)
    mean, var, w, b = rng.uniform(0.5, 2, (4, 3)).astype(dtype)
    return [
        Sample((x, mean, var, w, b)),
        Sample((x, mean, var, w, b), {"training": True}),
        Sample((x, None, None), {"training": True, "eps": 0.1}),
        Sample((x[:, :, 0], mean, var, None, b), {"training": True, "momentum": 0.3}),
    ]


def _batch_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, c = np.ones((2, 3, 4), dtype), np.ones(3, dtype)
    return [
        Sample((x, c, np.ones(4, dtype)), {}, ShapeError),
        Sample((x[:1, :, 0], c, c), {"training": True}, ShapeError),
        Sample((x, None, None), {}, ArgumentError),
    ]


@composite(samples=_batch_samples, errors=_batch_errors, onnx="BatchNormalization")
def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel to zero mean and unit variance, times weight plus bias (Ioffe and Szegedy 2015). input: [n, channels, ...].

    While ``training`` with the batch's own mean and variance, towards which the running ones (states of shape
    [channels], or None) are moved by ``momentum`` of the way, the variance as an unbiased estimate; else with the
    running ones. Raises ShapeError for other sizes and for a batch of one value per channel, ArgumentError where
    running statistics are missing.
    """
    x = floating(input)
    across = channels(x, "batch_norm", 2, running_mean, running_var, weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("needs running statistics, except while training", op="batch_norm", operands=(x,))
        return _with_running(x, running_mean, running_var, weight, bias, across, eps)
    axes = (0, *range(2, x.ndim))
    count = product(x.shape[a] for a in axes)
    _several(count, x, "batch_norm")
    y, middle, spread = apply(standardize, x, axes=axes, eps=eps)
    _follow(running_mean, middle, momentum, "batch_norm")
    if running_var is not None:
        _follow(running_var, _unbiased(spread, count), momentum, "batch_norm")
    return _by_channel(y, across, weight, bias)


def _several(count: Any, x: Any, op: str) -> None:
    if same(count, 1):
        raise ShapeError(
            "a variance needs more than one value for each channel while training",
            op=op,
            operands=(x,),
            fix="use a larger batch, or switch to eval()",
        )


def _unbiased(spread: Any, count: Any) -> Any:
    n = number(count, spread.dtype)
    return stop_gradient(spread) * n / (n - 1)


def _instance_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype)
    mean, var, w, b = rng.uniform(0.5, 2, (4, 3)).astype(dtype)
    return [
        Sample((x,), {"eps": 0.1}),
        Sample((x, mean, var, w, b)),
        Sample((x, mean, var, w), {"use_input_stats": False}),
    ]


@composite(
    samples=_instance_samples,
    errors=lambda rng, dtype: [Sample((np.ones((2, 3, 1), dtype),), {}, ShapeError)],
    onnx="InstanceNormalization",
)
def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel of each example to zero mean and unit variance, times weight plus bias (Ulyanov et al. 2016).

    input: [n, channels, ...]. Running statistics follow the mean over the batch; they are used instead of the input's
    where ``use_input_stats`` is False. Raises ShapeError for other sizes, ArgumentError where statistics are missing.
    """
    x = floating(input)
    across = channels(x, "instance_norm", 3, running_mean, running_var, weight, bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError("needs running statistics, or those of the input", op="instance_norm", operands=(x,))
        return _with_running(x, running_mean, running_var, weight, bias, across, eps)
    axes = tuple(range(2, x.ndim))
    count = product(x.shape[a] for a in axes)
    _several(count, x, "instance_norm")
    y, middle, spread = apply(standardize, x, axes=axes, eps=eps)
    if running_mean is not None:
        _follow(running_mean, mean(middle, axis=0), momentum, "instance_norm")
    if running_var is not None:
        _follow(running_var, mean(_unbiased(spread, count), axis=0), momentum, "instance_norm")
    return _by_channel(y, across, weight, bias)


def _group_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 6, 2)).astype(dtype)
    w, b = rng.uniform(0.5, 2, (2, 6)).astype(dtype)
    return [Sample((x, 3)), Sample((x, 2, w, b)), Sample((x[:, :, 0], 1, w))]


@composite(
    samples=_group_samples,
    errors=lambda rng, dtype: [Sample((np.ones((2, 6, 2), dtype), 4), {}, ArgumentError)],
    onnx="GroupNormalization",
)
def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each of ``num_groups`` runs of channels of each example to zero mean and unit variance, times weight plus bias.

    input: [n, channels, ...]; weight, bias: [channels] (Wu and He 2018). Raises ArgumentError where the groups do not
    divide the channels, ShapeError for other sizes.
    """
    x = floating(input)
    across = channels(x, "group_norm", 2, weight, bias)
    if num_groups < 1 or not agree(x.shape[1] // num_groups * num_groups, x.shape[1]):
        raise ArgumentError(
            f"{show_size(x.shape[1])} channels do not divide into {num_groups} groups", op="group_norm", operands=(x,)
        )
    grouped = reshape(x, (x.shape[0], num_groups, product(x.shape[1:]) // num_groups))
    y = reshape(apply(standardize, grouped, axes=(2,), eps=eps)[0], x.shape)
    return _by_channel(y, across, weight, bias)
