"""Convolutions and their transposes as functions of one, two and three axes, by PyTorch's names and arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.makers import composite, publish
from engine.op import Sample, apply, as_handle
from engine.ops.convolution import biased, conv_op, transpose
from engine.ops.create import full
from engine.ops.shape import reshape
from engine.ops.slices import slice_set
from engine.ops.windows import Slide, batched, conv_padding, per_axis
from engine.sizes import agree, show_shape, show_size
from engine.spec import DType


def _operands(op: str, x: Any, weight: Any, bias: Any, rank: int | None, transposed: bool, groups: int) -> Any:
    """Input (with a batch axis), weight, bias, and whether the input had a batch axis; the shapes are checked."""
    x, weight = as_handle(x), as_handle(weight)
    bias = None if bias is None else as_handle(bias)
    rank = weight.ndim - 2 if rank is None else rank
    if weight.ndim != rank + 2 or rank < 1:
        raise ShapeError(f"a weight has {rank + 2} axes, not {weight.ndim}", op=op, operands=(x, weight))
    (groups,) = per_axis(groups, 1, "groups", op)
    whole = batched(x, rank, op)
    channels = x.shape[-rank - 1]
    first, second, *_ = map(int, weight.shape)  # the native loops are written for these numbers
    takes = first if transposed else second * groups
    if first % groups:
        raise ShapeError(
            f"{show_size(first)} {'input' if transposed else 'output'} channels do not divide into {groups} groups",
            op=op,
            operands=(x, weight),
        )
    if not agree(channels, takes):
        share = f" ({groups} groups of {show_size(second)})" if groups > 1 and not transposed else ""
        raise ShapeError(
            f"the weight takes {show_size(takes)} channels{share}, the input has {show_size(channels)}",
            op=op,
            operands=(x, weight),
            fix=f"axis {x.ndim - rank - 1} of the input holds the channels; move it there with permute_dims, or change groups",
        )
    makes = second * groups if transposed else first
    if bias is not None and not (bias.ndim == 1 and agree(bias.shape[0], makes)):
        raise ShapeError(
            f"a bias for {show_size(makes)} channels has shape ({show_size(makes)},), not {show_shape(bias.shape)}",
            op=op,
            operands=(x, weight, bias),
        )
    return (x if whole else reshape(x, (1, *x.shape))), weight, bias, whole


def _convolved(
    op: str, rank: int | None, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    x, weight, bias, whole = _operands(op, x, weight, bias, rank, False, groups)
    window = weight.shape[2:]
    stride = per_axis(stride, len(window), "stride", op)
    dilation = per_axis(dilation, len(window), "dilation", op)
    slide = Slide(window, stride, conv_padding(padding, window, stride, dilation, op), dilation)
    slide.check(x.shape[2:], op, x)
    how = {"stride": stride, "padding": slide.padding, "dilation": dilation, "groups": int(groups)}
    y = apply(conv_op, x, weight, **how) if bias is None else apply(conv_op, x, weight, bias, **how)
    return y if whole else reshape(y, y.shape[1:])


@publish(conv_op)
def conv(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over as many axes as the weight has behind its first two (``conv1d`` and so on, for any number).

    x: [batch, channels, *sizes] or without batch; weight: [out, channels / groups, *window]; bias: [out]. Result:
    [batch, out, *results] with (size + padding - dilation * (window - 1) - 1) // stride + 1 results along each axis.
    ``padding``: zeros put around, an int, one for each axis, (before, after) for each axis, "same" or "valid".
    Raises ShapeError where channels, groups or sizes do not fit, ArgumentError for other options.
    """
    return _convolved("conv", None, x, weight, bias, stride, padding, dilation, groups)


def _transposed(
    op: str,
    rank: int | None,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    x, weight, bias, whole = _operands(op, x, weight, bias, rank, True, groups)
    window = weight.shape[2:]
    rank = len(window)
    stride, dilation = per_axis(stride, rank, "stride", op), per_axis(dilation, rank, "dilation", op)
    more = per_axis(output_padding, rank, "output_padding", op, least=0)
    slide = Slide(window, stride, conv_padding(padding, window, stride, dilation, op), dilation)
    for extra, s, d in zip(more, stride, dilation, strict=True):
        if extra >= max(s, d):
            raise ArgumentError(
                f"output_padding {extra} must be smaller than stride {s} or dilation {d}", op=op, operands=(x,)
            )
    behind = tuple(extra // s for extra, s in zip(more, stride, strict=True))  # results that no element stands for
    if any(behind):
        wide = (*x.shape[:2], *(n + b for n, b in zip(x.shape[2:], behind, strict=True)))
        zeros = full(wide, 0, dtype=x.dtype)
        x = apply(slice_set, zeros, x, starts=(0,) * x.ndim, sizes=x.shape, steps=(1,) * x.ndim)
    sizes = tuple(
        (n - 1) * s - lo - hi + slide.reach(i) + extra % s + 1
        for i, (n, s, (lo, hi), extra) in enumerate(zip(x.shape[2:], stride, slide.padding, more, strict=True))
    )
    if any(isinstance(n, int) and n < 1 for n in sizes):
        raise ShapeError(
            f"the result would have sizes {show_shape(sizes)}", op=op, operands=(x,), fix="use less padding"
        )
    how = {"stride": stride, "padding": slide.padding, "dilation": dilation, "groups": int(groups)}
    y = apply(transpose, x, weight, sizes=sizes, **how)
    y = y if bias is None else biased(y, bias)
    return y if whole else reshape(y, y.shape[1:])


@publish(transpose)
def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of ``conv`` as a linear map, over as many axes as the weight has behind its first two.

    x: [batch, channels, *sizes] or without batch; weight: [channels, out / groups, *window]; bias: [out]. Along each
    axis (size - 1) * stride - padding + dilation * (window - 1) + output_padding + 1 results.
    Raises ShapeError where channels or groups do not fit, ArgumentError for other options.
    """
    return _transposed("conv_transpose", None, x, weight, bias, stride, padding, output_padding, groups, dilation)


# ---------------------------------------------------------------------------------------- by number of axes


def _samples(rank: int, transposed: bool) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        def make(*shape: int) -> Any:
            return rng.uniform(-2, 2, shape).astype(dtype)

        sizes, window = (4, 3, 2)[:rank], (2, 2, 1)[:rank]
        weight = make(2, 3, *window)
        x = make(2, 2 if transposed else 3, *sizes)
        more: dict[str, Any] = {"stride": 2, "padding": 1} | ({"output_padding": 1} if transposed else {})
        return [Sample((x, weight, make(3 if transposed else 2)), more), Sample((x[0], weight), {"dilation": 1})]

    return samples


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 2), dtype), np.ones((2, 2, 1, 1), dtype)), {}, ShapeError)]


def _errors_1d(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2,), dtype), np.ones((2, 2, 1), dtype)), {}, ShapeError)]


@composite(samples=_samples(1, False), errors=_errors_1d, onnx="Conv")
def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over one axis (PyTorch; see ``conv``). input: [batch, channels, length] or without batch."""
    return _convolved("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@composite(samples=_samples(2, False), errors=_errors, onnx="Conv")
def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over two axes (PyTorch; see ``conv``). input: [batch, channels, height, width] or without batch."""
    return _convolved("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@composite(samples=_samples(3, False), errors=_errors, onnx="Conv")
def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation over three axes (PyTorch; see ``conv``). input: [batch, channels, depth, height, width] or without batch."""
    return _convolved("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@composite(samples=_samples(1, True), onnx="ConvTranspose")
def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over one axis (PyTorch; see ``conv_transpose``). input: [batch, channels, length] or without batch."""
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(samples=_samples(2, True), onnx="ConvTranspose")
def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over two axes (PyTorch; see ``conv_transpose``). input: [batch, channels, height, width] or without batch."""
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(samples=_samples(3, True), onnx="ConvTranspose")
def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Transposed convolution over three axes (PyTorch; see ``conv_transpose``). input: [batch, channels, depth, height, width] or without batch."""
    return _transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)
