"""Pooling as functions of one, two and three axes, by PyTorch's names and arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample
from engine.ops.pooling import adaptive_avg_pool, adaptive_max_pool, avg_pool, lp_pool, max_pool
from engine.spec import DType


def _spread_out(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    """Numbers far enough apart that a small step changes no order."""
    return (rng.permutation(math.prod(shape)).reshape(shape) / 4 + 0.5).astype(dtype)


def _samples(rank: int, *calls: dict[str, Any]) -> Any:
    return lambda rng, dtype: [Sample((_spread_out(rng, dtype, 2, 1, *(5, 4, 3)[:rank]),), dict(c)) for c in calls]


def _errors(rank: int) -> Any:
    def errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        x = np.ones((1, 1, *(3,) * rank), dtype)
        return [
            Sample((x, 4), {}, ShapeError),
            Sample((x, 2), {"padding": 2}, ArgumentError),
            Sample((np.ones((3,), dtype), 2), {}, ShapeError),
        ]

    return errors


_MAX = ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True})
_AVG = ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False})


@composite(samples=_samples(1, *_MAX), errors=_errors(1), onnx="MaxPool")
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over one axis (PyTorch). input: [batch, channels, length] or without batch.

    ``stride``: the window unless given. ``padding``: places around that never win, at most half the window.
    ``ceil_mode``: a last window may reach outside. ``return_indices``: also where in its plane each stands (int64).
    NaN is largest; the gradient goes to the first of equals. Raises ShapeError where the window does not fit.
    """
    return max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite(samples=_samples(2, *_MAX), errors=_errors(2), onnx="MaxPool")
def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over two axes (PyTorch). input: [batch, channels, height, width] or without batch.

    ``stride``: the window unless given. ``padding``: places around that never win, at most half the window.
    ``ceil_mode``: a last window may reach outside. ``return_indices``: also where in its plane each stands (int64).
    NaN is largest; the gradient goes to the first of equals. Raises ShapeError where the window does not fit.
    """
    return max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite(samples=_samples(3, *_MAX), errors=_errors(3), onnx="MaxPool")
def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over three axes (PyTorch). input: [batch, channels, depth, height, width] or without batch.

    ``stride``: the window unless given. ``padding``: places around that never win, at most half the window.
    ``ceil_mode``: a last window may reach outside. ``return_indices``: also where in its plane each stands (int64).
    NaN is largest; the gradient goes to the first of equals. Raises ShapeError where the window does not fit.
    """
    return max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite(samples=_samples(1, *_AVG), errors=_errors(1), onnx="AveragePool")
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window over one axis (PyTorch). input: [batch, channels, length] or without batch.

    ``stride``: the window unless given. ``padding``: zeros put around, which count as elements unless
    ``count_include_pad`` is False. ``ceil_mode``: a last window may reach outside.
    Raises ShapeError where the window does not fit.
    """
    return avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


@composite(samples=_samples(2, *_AVG), errors=_errors(2), onnx="AveragePool")
def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window over two axes (PyTorch). input: [batch, channels, height, width] or without batch.

    ``stride``: the window unless given. ``padding``: zeros put around, which count as elements unless
    ``count_include_pad`` is False. ``ceil_mode``: a last window may reach outside. ``divisor_override``: divides instead of it.
    Raises ShapeError where the window does not fit.
    """
    return avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@composite(samples=_samples(3, *_AVG), errors=_errors(3), onnx="AveragePool")
def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window over three axes (PyTorch). input: [batch, channels, depth, height, width] or without batch.

    ``stride``: the window unless given. ``padding``: zeros put around, which count as elements unless
    ``count_include_pad`` is False. ``ceil_mode``: a last window may reach outside. ``divisor_override``: divides instead of it.
    Raises ShapeError where the window does not fit.
    """
    return avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@composite(samples=_samples(1, {"norm_type": 2, "kernel_size": 2}), onnx="LpPool")
def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over one axis (PyTorch). input: [batch, channels, length]."""
    return lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


@composite(samples=_samples(2, {"norm_type": 2, "kernel_size": 2}), onnx="LpPool")
def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over two axes (PyTorch). input: [batch, channels, height, width]."""
    return lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


@composite(samples=_samples(3, {"norm_type": 2, "kernel_size": 2}), onnx="LpPool")
def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window over three axes (PyTorch). input: [batch, channels, depth, height, width]."""
    return lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)


@composite(samples=_samples(1, {"output_size": 3}, {"output_size": 1}))
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Means of ``output_size`` windows of nearly one size over one axis (PyTorch). input: [batch, channels, length].

    ``output_size``: an int, or one for each axis; None for as many as elements. Window i of m covers i*n//m up to
    ceil((i+1)*n/m).
    """
    return adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


@composite(samples=_samples(1, {"output_size": 3}))
def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of ``output_size`` windows of nearly one size over one axis (PyTorch). input: [batch, channels, length].

    ``return_indices``: also where in its plane each stands (int64). Sizes as in ``adaptive_avg_pool1d``.
    """
    return adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


@composite(samples=_samples(2, {"output_size": (3, None)}, {"output_size": 1}))
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means of ``output_size`` windows of nearly one size over two axes (PyTorch). input: [batch, channels, height, width].

    ``output_size``: an int, or one for each axis; None for as many as elements. Window i of m covers i*n//m up to
    ceil((i+1)*n/m).
    """
    return adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


@composite(samples=_samples(2, {"output_size": (3, None)}))
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of ``output_size`` windows of nearly one size over two axes (PyTorch). input: [batch, channels, height, width].

    ``return_indices``: also where in its plane each stands (int64). Sizes as in ``adaptive_avg_pool2d``.
    """
    return adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


@composite(samples=_samples(3, {"output_size": (3, 1, 2)}, {"output_size": 1}))
def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """Means of ``output_size`` windows of nearly one size over three axes (PyTorch). input: [batch, channels, depth, height, width].

    ``output_size``: an int, or one for each axis; None for as many as elements. Window i of m covers i*n//m up to
    ceil((i+1)*n/m).
    """
    return adaptive_avg_pool("adaptive_avg_pool3d", 3, input, output_size)


@composite(samples=_samples(3, {"output_size": (3, 1, 2)}))
def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of ``output_size`` windows of nearly one size over three axes (PyTorch). input: [batch, channels, depth, height, width].

    ``return_indices``: also where in its plane each stands (int64). Sizes as in ``adaptive_avg_pool3d``.
    """
    return adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)
