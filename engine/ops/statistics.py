"""Means, spreads and norms, as functions over folds."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes
from engine.arguments import normal_axes
from engine.makers import composite
from engine.op import as_handle
from engine.ops.arithmetic import abs as abs_
from engine.ops.arithmetic import divide, pow, square, subtract
from engine.ops.compare import equal, greater, isfinite, not_equal, where
from engine.ops.create import number
from engine.ops.dtype import astype, stop_gradient
from engine.ops.math import exp, log, sqrt
from engine.ops.reduce import fold_errors, fold_samples, max, min, squeezed, sum
from engine.sizes import Dim, Size, product
from engine.spec import DType


def _floating(x: Any) -> Any:
    x = as_handle(x)
    return x if x.dtype.kind == "f" else astype(x, dtypes.DEFAULT_FLOAT)


@composite(samples=fold_samples, errors=fold_errors, onnx="ReduceMean")
def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over the given axes, or all; integers in the default float (Array API)."""
    x = _floating(x)
    axes = normal_axes(axis, x.ndim, "mean", x)
    count = product(x.shape[a] for a in axes)
    return divide(sum(x, axis=axes, keepdims=keepdims), number(count, x.dtype))


@composite(samples=lambda rng, dtype: fold_samples(rng, dtype)[:3], errors=fold_errors)
def var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Variance over the given axes, or all: squared deviations over ``count - correction`` (Array API).

    NaN where nothing is left to divide by: ``correction`` as large as the number of elements, or larger.
    """
    x = _floating(x)
    axes = normal_axes(axis, x.ndim, "var", x)
    count = product(x.shape[a] for a in axes)
    deviation = subtract(x, mean(x, axis=axes, keepdims=True))
    total = sum(square(deviation), axis=axes, keepdims=keepdims)
    return divide(total, _freedom(count, correction, x.dtype))


def _freedom(count: Size, correction: float, dtype: DType) -> Any:
    """``count - correction``, and NaN instead of a number that is not positive."""
    if isinstance(count, Dim):
        left = number(count, dtype) - correction if correction else number(count, dtype)
        return where(greater(left, 0), left, math.nan) if correction else left
    return count - correction if count > correction else math.nan


@composite(samples=lambda rng, dtype: fold_samples(rng, dtype)[:3], errors=fold_errors)
def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Standard deviation, the square root of ``var`` (Array API)."""
    x = _floating(x)
    axes = normal_axes(axis, x.ndim, "std", x)
    return sqrt(var(x, axis=axes, correction=correction, keepdims=keepdims))


@composite(samples=lambda rng, dtype: fold_samples(rng, dtype)[:-1], errors=fold_errors, onnx="ReduceLogSumExp")
def logsumexp(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over the given axes, or all, without overflow."""
    x = _floating(x)
    axes = normal_axes(axis, x.ndim, "logsumexp", x)
    top = stop_gradient(max(x, axis=axes, keepdims=True))
    top = where(isfinite(top), top, 0.0)
    shifted = log(sum(exp(subtract(x, top)), axis=axes, keepdims=True)) + top
    return squeezed(shifted, axes, keepdims)


@composite(samples=lambda rng, dtype: fold_samples(rng, dtype)[:3], errors=fold_errors, onnx="ReduceL2")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The ``ord``-norm over the given axes, or all; gradients at 0, where there are none, are 0 (Array API).

    ``ord``: 2, 1, 0 (number of nonzeros), inf, -inf or any other number p for sum(|x|^p)^(1/p).
    """
    x = _floating(x)
    axis = normal_axes(axis, x.ndim, "vector_norm", x)
    if ord == float("inf"):
        return max(abs_(x), axis=axis, keepdims=keepdims)
    if ord == -float("inf"):
        return min(abs_(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return sum(astype(not_equal(x, 0), x.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(abs_(x), axis=axis, keepdims=keepdims)
    if ord == 2:
        total = sum(square(x), axis=axis, keepdims=keepdims)
        zero = equal(total, 0)
        return where(zero, 0.0, sqrt(where(zero, 1.0, total)))
    powers = pow(abs_(x), ord) if ord > 1 else _power_from_zero(abs_(x), ord)
    return _power_from_zero(sum(powers, axis=axis, keepdims=keepdims), 1 / ord)


def _power_from_zero(x: Any, exponent: float) -> Any:
    """x ** exponent of what is not negative, with the gradient 0 at 0."""
    zero = equal(x, 0)
    return where(zero, 0.0 if exponent > 0 else math.inf, pow(where(zero, 1.0, x), exponent))
