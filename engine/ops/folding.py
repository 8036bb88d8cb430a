"""Windows copied out as columns, and columns added up into an image (im2col and col2im; PyTorch's unfold and fold)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.shape import moveaxis, reshape
from engine.ops.windows import Slide, batched, pairs, per_axis
from engine.ops.windows_ops import how, patches, unpatched
from engine.sizes import agree, product, show_shape
from engine.spec import DType


def _slide(op: str, rank: int, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Slide:
    return Slide(
        per_axis(kernel_size, rank, "kernel_size", op),
        per_axis(stride, rank, "stride", op),
        pairs(padding, rank, op),
        per_axis(dilation, rank, "dilation", op),
    )


def _attrs(slide: Slide, results: Any) -> dict[str, Any]:
    return how(slide.window, slide.stride, slide.padding, slide.dilation, results)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-2, 2, (2, 2, 4, 3)).astype(dtype)
    return [Sample((x, 2)), Sample((x[0], (1, 2)), {"stride": 2, "padding": (0, 1), "dilation": (1, 2)})]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((1, 2, 4, 3), dtype), 4), {}, ShapeError),
        Sample((np.ones((4, 3), dtype), 2), {}, ShapeError),
        Sample((np.ones((1, 2, 4, 3), dtype), 0), {}, ArgumentError),
    ]


@composite(samples=_samples, errors=_errors)
def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window as a column, zeros where it reaches outside (PyTorch's unfold, im2col).

    input: [batch, channels, height, width] or without batch; result: [batch, channels * window, number of windows].
    Works for one and three axes behind the channels too where ``kernel_size`` is a sequence of as many. Raises
    ShapeError where the window does not fit.
    """
    x = as_handle(input)
    rank = len(kernel_size) if isinstance(kernel_size, tuple | list) and len(kernel_size) > 1 else 2
    whole = batched(x, rank, "unfold")
    slide = _slide("unfold", rank, kernel_size, dilation, padding, stride)
    sizes = x.shape[x.ndim - rank :]
    slide.check(sizes, "unfold", x)
    results = slide.results(sizes)
    y = apply(patches, x, **_attrs(slide, results))
    columns = (x.shape[-rank - 1] * math.prod(slide.window), product(results))
    return reshape(y, (x.shape[0], *columns) if whole else columns)


def _fold_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-2, 2, (2, 8, 6)).astype(dtype)
    return [Sample((x, (4, 3), 2)), Sample((x[0], (2, 3), (2, 2)), {"padding": (1, 0)})]


def _fold_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((1, 8, 5), dtype), (4, 3), 2), {}, ShapeError),
        Sample((np.ones((1, 7, 6), dtype), (4, 3), 2), {}, ShapeError),
    ]


@composite(samples=_fold_samples, errors=_fold_errors, onnx="Col2Im")
def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The image whose windows are the given columns, overlapping elements added (PyTorch's fold, col2im).

    input: [batch, channels * window, number of windows] or without batch; result: [batch, channels, *output_size].
    Raises ShapeError where the columns are not the windows of such an image.
    """
    x = as_handle(input)
    sizes = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * 2
    slide = _slide("fold", len(sizes), kernel_size, dilation, padding, stride)
    slide.check(sizes, "fold", x)
    results, window = slide.results(sizes), math.prod(slide.window)
    if x.ndim not in (2, 3):
        raise ShapeError(f"takes [batch, channels * window, windows], not {x.ndim} axes", op="fold", operands=(x,))
    rows = int(x.shape[-2])
    if rows % window or not agree(x.shape[-1], product(results)):
        raise ShapeError(
            f"an image of {show_shape(sizes)} has {product(results)} windows of {window} elements for each channel, "
            f"the input {x.shape[-1]} columns of {rows}",
            op="fold",
            operands=(x,),
        )
    lead = x.shape[: x.ndim - 2]
    return apply(
        unpatched,
        reshape(x, (*lead, rows // window, *slide.window, *results)),
        sizes=sizes,
        **_attrs(slide, results),
    )


@composite(
    samples=lambda rng, dtype: [
        Sample((rng.uniform(-2, 2, (2, 5)).astype(dtype), 3)),
        Sample((rng.uniform(-2, 2, (5, 2)).astype(dtype), 2), {"axis": 0, "step": 2}),
    ],
    errors=lambda rng, dtype: [
        Sample((np.ones((2, 5), dtype), 6), {}, ShapeError),
        Sample((np.ones((2, 5), dtype), 2), {"step": 0}, ArgumentError),
    ],
    accepts=dtypes.FLOATS,
)
def sliding_window(x: Any, size: int, step: int = 1, axis: int = -1) -> Any:
    """Every window of ``size`` elements along an axis, ``step`` apart: the axis counts windows, a new last one their elements.

    The same as ``torch.Tensor.unfold(axis, size, step)``. Raises ShapeError where the window does not fit.
    """
    x = as_handle(x)
    place = normal_axis(axis, x.ndim, "sliding_window", x)
    slide = _slide("sliding_window", 1, size, 1, 0, step)
    last = moveaxis(x, place, -1)
    slide.check((last.shape[-1],), "sliding_window", x)
    found = apply(patches, last, **_attrs(slide, slide.results((last.shape[-1],))))  # [..., element, window]
    return moveaxis(moveaxis(found, -2, -1), -2, place)
