"""Numbers brought to zero mean and unit variance over axes: the step that every normalisation is made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import divide, multiply, square, subtract
from engine.ops.create import number
from engine.ops.math import rsqrt, sqrt
from engine.ops.products import Axes, kept, products_kernel
from engine.ops.statistics import mean
from engine.sizes import product
from engine.spec import DType, Spec


def _count(x: Any, axes: Axes) -> Any:
    return number(product(x.shape[a] for a in axes), x.dtype)


def _mean(x: Any, axes: Axes) -> Any:
    return np.add.reduce(x, axis=axes, keepdims=True) / math.prod(x.shape[a] for a in axes)


def _mean_of_products(u: Any, v: Any, axes: Axes) -> Any:
    return products_kernel(u, v, axes) / math.prod(u.shape[a] for a in axes)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-3, 3, (2, 3, 4)).astype(dtype)
    return [
        Sample((x,), {"axes": (2,), "eps": 1e-5}),
        Sample((x,), {"axes": (0, 2), "eps": 0.1}),
        Sample((x[:0],), {"axes": (1,), "eps": 0.1}),
    ]


# ---------------------------------------------------------------------------------------- the gradient of both

# y = (x - mean) r with r = 1 / sqrt(var + eps): a gradient g of y becomes r (g - mean(g) - y mean(g y)); where x is not
# centred, mean(g) is left out. y and r are operands, so that gradients of gradients follow from their own rules.


def _slope_kernel(g: Any, y: Any, r: Any, axes: Axes, centred: bool) -> Any:
    out = y * _mean_of_products(g, y, axes)
    np.subtract(g, out, out=out)
    if centred:
        out -= _mean(g, axes)
    out *= r
    return out


def _slope_in_ops(g: Any, y: Any, r: Any, axes: Axes, centred: bool) -> Any:
    inner = g - y * mean(g * y, axis=axes, keepdims=True)
    if centred:
        inner = inner - mean(g, axis=axes, keepdims=True)
    return inner * r


def _slope_vjp(h: Any, out: Any, g: Any, y: Any, r: Any, axes: Axes, centred: bool) -> list[Any]:
    hr = h * r
    along_g, along_h = (mean(v * y, axis=axes, keepdims=True) for v in (g, hr))
    to_y = -(hr * along_g) - g * along_h
    return [apply(_slope, h, y, r, axes=axes, centred=centred), to_y, h * out / r]


_slope: Op = Op(
    "standardize_slope",
    _slope_kernel,
    lambda g, y, r, axes, centred: Spec(g.shape, g.dtype),
    vjp=_slope_vjp,
    expand=_slope_in_ops,
    batch="shift",
    accepts=dtypes.FLOATS,
    keeps="xy",
    order=75,
    samples=lambda rng, dtype: [
        Sample(
            (*rng.uniform(-2, 2, (2, 3, 4)).astype(dtype), rng.uniform(0.5, 2, (3, 1)).astype(dtype)),
            {"axes": (1,), "centred": centred},
        )
        for centred in (True, False)
    ],
    doc="The gradient through standardize or to_unit_power: r (g - mean(g) - y mean(g y)), mean(g) only if centred.",
    hidden=True,
)


# ---------------------------------------------------------------------------------------- zero mean, unit variance


def _standardize_kernel(x: Any, axes: Axes, eps: float) -> tuple[Any, Any, Any]:
    middle = _mean(x, axes)
    y = x - middle
    spread = _mean_of_products(y, y, axes)
    y *= 1 / np.sqrt(spread + x.dtype.type(eps))
    return y, middle, spread


def _standardize_in_ops(x: Any, axes: Axes, eps: float) -> tuple[Any, Any, Any]:
    middle = mean(x, axis=axes, keepdims=True)
    centred = subtract(x, middle)
    spread = mean(centred * centred, axis=axes, keepdims=True)
    return centred * rsqrt(spread + eps), middle, spread


def _standardize_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any, axes: Axes, eps: float) -> list[Any]:
    y, _, spread = ys
    total = None
    if gs[0] is not None:
        total = apply(_slope, gs[0], y, rsqrt(spread + eps), axes=axes, centred=True)
    if gs[1] is not None:
        shared = gs[1] / _count(y, axes)
        total = shared + multiply(y, 0.0) if total is None else total + shared
    if gs[2] is not None:
        spreading = y * (gs[2] * sqrt(spread + eps) * 2.0 / _count(y, axes))
        total = spreading if total is None else total + spreading
    return [total]


standardize = Op(
    "standardize",
    _standardize_kernel,
    lambda x, axes, eps: [Spec(x.shape, x.dtype), *[Spec(kept(x.shape, axes), x.dtype)] * 2],
    vjp=_standardize_vjp,
    expand=_standardize_in_ops,
    batch="shift",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=76,
    samples=_samples,
    many=True,
    doc="(x - mean) / sqrt(var + eps) over axes, the mean, and the variance (of squared deviations over their number).",
    hidden=True,
)


# ---------------------------------------------------------------------------------------- unit power


def _power_kernel(x: Any, axes: Axes, eps: float) -> tuple[Any, Any]:
    power = _mean_of_products(x, x, axes)
    return x * (1 / np.sqrt(power + x.dtype.type(eps))), power


def _power_in_ops(x: Any, axes: Axes, eps: float) -> tuple[Any, Any]:
    power = mean(square(x), axis=axes, keepdims=True)
    return x * rsqrt(power + eps), power


def _power_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any, axes: Axes, eps: float) -> list[Any]:
    y, power = ys
    total = None
    if gs[0] is not None:
        total = apply(_slope, gs[0], y, rsqrt(power + eps), axes=axes, centred=False)
    if gs[1] is not None:
        spreading = y * divide(gs[1] * sqrt(power + eps) * 2.0, _count(y, axes))
        total = spreading if total is None else total + spreading
    return [total]


to_unit_power = Op(
    "to_unit_power",
    _power_kernel,
    lambda x, axes, eps: [Spec(x.shape, x.dtype), Spec(kept(x.shape, axes), x.dtype)],
    vjp=_power_vjp,
    expand=_power_in_ops,
    batch="shift",
    accepts=dtypes.FLOATS,
    floating=True,
    keeps="y",
    order=76,
    samples=_samples,
    many=True,
    doc="x / sqrt(mean(x^2) + eps) over axes, and that mean.",
    hidden=True,
)
