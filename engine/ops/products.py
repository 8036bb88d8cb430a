"""Sums of products without the products in memory, and scales with shifts: what normalisation does besides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.op import Op, Sample, apply
from engine.ops.arithmetic import add, multiply
from engine.ops.reduce import sum
from engine.ops.shape import reshape
from engine.sizes import Shape, same, same_shape
from engine.spec import DType, Incompatible, Spec, broadcast

Axes = tuple[int, ...]


def kept(shape: Shape, axes: Axes) -> Shape:
    """The shape after a fold that keeps its axes with size 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def products_kernel(u: Any, v: Any, axes: Axes) -> Any:
    """sum(u * v) over axes that are kept. NumPy's ``vecdot`` and ``einsum`` need no array of products."""
    shape, rank = u.shape, u.ndim
    first = rank
    while first - 1 in axes:
        first -= 1
    if first < rank:
        rows = (*shape[:first], math.prod(shape[first:]))
        total = np.vecdot(u.reshape(rows), v.reshape(rows))
        rest = tuple(a for a in axes if a < first)
        total = np.add.reduce(total, axis=rest) if rest else total
    elif axes and axes == tuple(range(len(axes))):
        rows = (math.prod(shape[: len(axes)]), math.prod(shape[len(axes) :]))
        total = np.einsum("ij,ij->j", u.reshape(rows), v.reshape(rows))
    else:
        total = np.add.reduce(u * v, axis=axes)
    return total.reshape(kept(shape, axes))


sum_of_products: Op = Op(
    "sum_of_products",
    products_kernel,
    lambda u, v, axes: Spec(kept(u.shape, axes), u.dtype),
    vjp=(lambda g, y, u, v, axes: g * v, lambda g, y, u, v, axes: g * u),
    expand=lambda u, v, axes: sum(u * v, axis=axes, keepdims=True),
    batch="shift",
    accepts=dtypes.FLOATS,
    order=74,
    samples=lambda rng, dtype: [
        Sample(tuple(rng.uniform(-2, 2, (2, 2, 3, 4)).astype(dtype)), {"axes": axes})
        for axes in ((1, 2), (0,), (0, 2), (1,), ())
    ],
    doc="sum(u * v) over axes, kept with size 1, of two arrays of one shape.",
    hidden=True,
)


def _scale_kernel(x: Any, scale: Any, *shift: Any) -> Any:
    out = x * scale
    if shift:
        out += shift[0]
    return out


def _scale_spec(x: Any, scale: Any, *shift: Any) -> Spec:
    if not same_shape(broadcast(x.shape, scale.shape, *(s.shape for s in shift)), x.shape):
        raise Incompatible("scale and shift must broadcast to the input")
    return Spec(x.shape, x.dtype)


def _scale_in_ops(x: Any, scale: Any, *shift: Any) -> Any:
    y = multiply(x, scale)
    return add(y, shift[0]) if shift else y


def _to_scale(g: Any, y: Any, x: Any, scale: Any, *shift: Any) -> Any:
    lead = x.ndim - scale.ndim
    axes = tuple(i for i, n in enumerate(x.shape) if i < lead or (same(scale.shape[i - lead], 1) and not same(n, 1)))
    return reshape(apply(sum_of_products, g, x, axes=axes), scale.shape)


def _scale_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        return rng.uniform(-2, 2, shape).astype(dtype)

    return [Sample((make(2, 3, 4), make(4), make(4))), Sample((make(2, 3, 4), make(1, 3, 1), make(1, 3, 1)))]


scale_and_shift = Op(
    "scale_and_shift",
    _scale_kernel,
    _scale_spec,
    vjp=(lambda g, y, x, scale, *shift: g * scale, _to_scale, lambda g, y, x, scale, *shift: g),
    expand=_scale_in_ops,
    batch="broadcast",
    accepts=dtypes.FLOATS,
    order=75,
    samples=_scale_samples,
    doc="x * scale + shift, which broadcast to x.",
    hidden=True,
)
