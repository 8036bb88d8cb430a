"""Normalisation over the last axes, over neighbouring channels and by norms (PyTorch's names and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axes, normal_axis
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import maximum, pow, square
from engine.ops.dtype import astype
from engine.ops.pad import pad
from engine.ops.products import scale_and_shift
from engine.ops.standardize import standardize, to_unit_power
from engine.ops.statistics import vector_norm
from engine.sizes import agree, show_shape
from engine.spec import DType


def floating(x: Any) -> Any:
    """x as a handle of floats; integers in the default float."""
    x = as_handle(x)
    return x if x.dtype.kind == "f" else astype(x, dtypes.DEFAULT_FLOAT)


def scaled(y: Any, weight: Any, bias: Any) -> Any:
    """y * weight + bias, either of which may be None."""
    if weight is None:
        return y if bias is None else y + bias
    return apply(scale_and_shift, y, weight) if bias is None else apply(scale_and_shift, y, weight, bias)


# ---------------------------------------------------------------------------------------- over the last axes


def _last_axes(x: Any, normalized_shape: Any, op: str, *factors: Any) -> tuple[int, ...]:
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    tail = x.shape[x.ndim - len(wanted) :]
    if len(wanted) > x.ndim or not all(agree(n, m) for n, m in zip(tail, wanted, strict=True)):
        raise ShapeError(
            f"the last axes of the input must be {show_shape(wanted)}",
            op=op,
            operands=(x,),
            fix=f"build the layer for {show_shape(tail)}, or move the axes to be normalised to the end",
        )
    for factor in factors:
        if factor is not None and not (
            len(factor.shape) == len(wanted) and all(agree(n, m) for n, m in zip(factor.shape, wanted, strict=True))
        ):
            raise ShapeError(f"weight and bias must have shape {show_shape(wanted)}", op=op, operands=(x, factor))
    return normal_axes(tuple(range(-len(wanted), 0)), x.ndim, op, x)


def _layer_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype)
    w, b = rng.uniform(0.5, 2, (4,)).astype(dtype), rng.uniform(-1, 1, (4,)).astype(dtype)
    return [Sample((x, (4,))), Sample((x, (4,), w, b)), Sample((x, (3, 4)))]


def _layer_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [Sample((x, (4,)), {}, ShapeError), Sample((x, (3,), np.ones((2,), dtype)), {}, ShapeError)]


@composite(samples=_layer_samples, errors=_layer_errors, onnx="LayerNormalization")
def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(var + eps) over the last axes, times weight plus bias (Ba et al. 2016).

    ``normalized_shape``: the sizes of those axes, also the shape of weight and bias. Raises ShapeError otherwise.
    """
    x = floating(input)
    axes = _last_axes(x, normalized_shape, "layer_norm", weight, bias)
    return scaled(apply(standardize, x, axes=axes, eps=eps)[0], weight, bias)


@composite(
    samples=lambda rng, dtype: [Sample(s.args[:3], {"eps": 1e-3}) for s in _layer_samples(rng, dtype)],
    errors=_layer_errors,
    onnx="RMSNormalization",
)
def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """x / sqrt(mean(x^2) + eps) over the last axes, times weight (Zhang and Sennrich 2019).

    ``normalized_shape``: the sizes of those axes, also the shape of weight; ``eps``: the dtype's rounding unit unless
    given. Raises ShapeError where the input ends in other sizes.
    """
    x = floating(input)
    axes = _last_axes(x, normalized_shape, "rms_norm", weight)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    return scaled(apply(to_unit_power, x, axes=axes, eps=eps)[0], weight, None)


# ---------------------------------------------------------------------------------------- over neighbours, by norms


@composite(
    samples=lambda rng, dtype: [
        Sample((rng.uniform(-3, 3, (2, 5, 3)).astype(dtype), size), {"alpha": 0.5, "k": k})
        for size, k in ((3, 1.0), (2, 2.0))
    ],
    errors=lambda rng, dtype: [Sample((np.ones((2, 3, 4), dtype), 0), {}, ArgumentError)],
)
def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """x / (k + alpha * mean of x^2 over ``size`` neighbouring channels)^beta (Krizhevsky et al. 2012). input: [n, channels, ...].

    Channels beyond the edge count as zeros. Raises ShapeError for fewer than three axes, ArgumentError for size < 1.
    """
    x = floating(input)
    if x.ndim < 3:
        raise ShapeError("needs at least 3 axes: batch, channels, ...", op="local_response_norm", operands=(x,))
    if size < 1:
        raise ArgumentError(f"size must be at least 1, not {size}", op="local_response_norm")
    width = [(size // 2, (size - 1) // 2) if axis == 1 else (0, 0) for axis in range(x.ndim)]
    power = pad(square(x), width)
    total = power[:, 0 : x.shape[1]]
    for first in range(1, size):
        total = total + power[:, first : x.shape[1] + first]
    return x / pow(total * (alpha / size) + k, beta)


@composite(
    samples=lambda rng, dtype: [
        Sample((rng.uniform(0.5, 3, (2, 3)).astype(dtype),), attrs)
        for attrs in ({}, {"p": 1.0, "axis": 0}, {"p": 3.0, "axis": -1})
    ],
    onnx="LpNormalization",
)
def normalize(input: Any, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Any:
    """x divided by its ``p``-norm along ``axis``, or by ``eps`` where the norm is less. Raises AxisError for another axis."""
    x = floating(input)
    place = normal_axis(axis, x.ndim, "normalize", x)
    norm = vector_norm(x, axis=place, keepdims=True, ord=p)
    return x / maximum(norm, eps)
