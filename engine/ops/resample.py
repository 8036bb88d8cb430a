"""Weighted sums of chosen elements along one axis, the linear map behind every interpolation, and its transpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.lowering import Loop
from engine.op import Op, Sample, apply
from engine.ops.gather import gather
from engine.ops.reduce import sum
from engine.ops.shape import expand_dims
from engine.sizes import Shape, Size, product, same
from engine.spec import DType, Spec


def _around(shape: Shape, axis: int) -> tuple[Size, Size]:
    return product(shape[:axis]), product(shape[axis + 1 :])


def _line(values: Any, axis: int, rank: int) -> Any:
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


def _kernel(x: Any, index: Any, weight: Any, axis: int) -> Any:
    y = np.zeros((*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :]), x.dtype)
    for t in range(index.shape[1]):
        y += np.take(x, index[:, t], axis) * _line(weight[:, t], axis, x.ndim)
    return y


def _back_kernel(g: Any, index: Any, weight: Any, axis: int, size: int) -> Any:
    matrix = np.zeros((size, index.shape[0]), g.dtype)
    np.add.at(matrix, (index, np.arange(index.shape[0])[:, None]), weight)
    return np.ascontiguousarray(np.moveaxis(np.tensordot(matrix, g, (1, axis)), 0, axis))


_LINES = """def kernel(a0, a1, a2, o, outer, n, inner, m, taps):
    for p in range(outer):
        for i in range(m):
            to = (p * m + i) * inner
            for j in range(inner):
                o[to + j] = 0
            for t in range(taps):
                w = a2[i * taps + t]
                at = (p * n + a1[i * taps + t]) * inner
                for j in range(inner):
                    o[to + j] = o[to + j] + w * a0[at + j]
    return 0
"""
_POINTS = """def kernel(a0, a1, a2, o, outer, n, m, taps):
    for p in range(outer):
        for i in range(m):
            total = a2[i * taps] * a0[p * n + a1[i * taps]]
            for t in range(1, taps):
                total = total + a2[i * taps + t] * a0[p * n + a1[i * taps + t]]
            o[p * m + i] = total
    return 0
"""
_BACK = """def kernel(a0, a1, a2, o, outer, n, inner, m, taps):
    for p in range(outer):
        for j in range(n * inner):
            o[p * n * inner + j] = 0
        for i in range(m):
            at = (p * m + i) * inner
            for t in range(taps):
                w = a2[i * taps + t]
                to = (p * n + a1[i * taps + t]) * inner
                for j in range(inner):
                    o[to + j] = o[to + j] + w * a0[at + j]
    return 0
"""


def _text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    shape, axis = specs[0].shape, attrs["axis"]
    outer, inner = _around(shape, axis)
    m, taps = specs[1].shape
    if same(inner, 1):
        return _POINTS, [outer, shape[axis], m, taps]
    return _LINES, [outer, shape[axis], inner, m, taps]


def _back_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    outer, inner = _around(out.shape, attrs["axis"])
    return _BACK, [outer, attrs["size"], inner, *specs[1].shape]


def _spec(x: Any, index: Any, weight: Any, axis: int) -> Spec:
    return Spec((*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :]), x.dtype)


def _back_spec(g: Any, index: Any, weight: Any, axis: int, size: Size) -> Spec:
    return Spec((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)


def _slope(g: Any, x: Any, index: Any, axis: int) -> Any:
    """The gradient of the weights: each one's element times what its result is worth, summed over the other axes."""
    elements = apply(gather, x, index, axis=axis)
    others = tuple(i for i in range(elements.ndim) if i not in (axis, axis + 1))
    return sum(expand_dims(g, axis=axis + 1) * elements, axis=others)


def _samples(back: bool) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        index, weight = np.array([[0, 1], [1, 1], [2, 0], [2, 1]]), rng.uniform(-1, 1, (4, 2)).astype(dtype)
        n, size = (4, {"size": 3}) if back else (3, {})
        return [
            Sample((rng.uniform(-2, 2, (2, n)).astype(dtype), index, weight), {"axis": 1} | size),
            Sample((rng.uniform(-2, 2, (2, n, 2)).astype(dtype), index, weight), {"axis": 1} | size),
        ]

    return samples


def _more_lines(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """A batch that shares its tables is only more lines."""
    return NotImplemented if any(flags[1:]) else apply(op, *args, **{**attrs, "axis": attrs["axis"] + 1})


_COMMON: dict[str, Any] = {"accepts": dtypes.FLOATS, "casts": slice(0, 3, 2), "order": 46, "hidden": True}
_COMMON |= {"batch": _more_lines}

resample: Op = Op(
    "resample",
    _kernel,
    _spec,
    lower=Loop(_text),
    vjp=(
        lambda g, y, x, index, weight, axis: apply(resample_back, g, index, weight, axis=axis, size=x.shape[axis]),
        None,
        lambda g, y, x, index, weight, axis: _slope(g, x, index, axis),
    ),
    samples=_samples(False),
    doc="Along an axis, the sum over t of weight[i, t] times element index[i, t]. Positions must lie in the axis.",
    **_COMMON,
)
resample_back: Op = Op(
    "resample_back",
    _back_kernel,
    _back_spec,
    lower=Loop(_back_text),
    vjp=(
        lambda v, y, g, index, weight, axis, size: apply(resample, v, index, weight, axis=axis),
        None,
        lambda v, y, g, index, weight, axis, size: _slope(g, v, index, axis),
    ),
    samples=_samples(True),
    doc="The transpose of resample: element index[i, t] collects weight[i, t] times g[i].",
    **_COMMON,
)
