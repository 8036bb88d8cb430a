"""Pooling over one to three axes: the largest, the mean or the p-norm of each window (PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import abs, minimum, multiply, pow, sign
from engine.ops.arithmetic import maximum as larger_of
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.nn import relu
from engine.ops.reduce import max as max_
from engine.ops.statistics import mean
from engine.ops.windows import Slide, batched, pairs, per_axis
from engine.ops.windows_ops import how, window_chosen, window_max, window_place, window_sum
from engine.requirements import require
from engine.sizes import Shape, Size, larger


def _slide(
    op: str, x: Any, rank: int, window: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Slide, Shape]:
    """The windows of a pooling, and how many there are along each axis."""
    batched(x, rank, op)
    size = per_axis(window, rank, "kernel_size", op)
    step = size if stride is None or stride == () else per_axis(stride, rank, "stride", op)
    slide = Slide(size, step, pairs(padding, rank, op), per_axis(dilation, rank, "dilation", op))
    for k, sides in zip(size, slide.padding, strict=True):
        if max(sides) > k // 2:
            raise ArgumentError(
                f"padding {max(sides)} is more than half of the window of {k}", op=op, fix="pad the input with pad"
            )
    sizes = x.shape[x.ndim - rank :]
    _need_elements(op, x, sizes)
    slide.check(sizes, op, x)
    return slide, _rounded_up(slide, sizes) if ceil_mode else slide.results(sizes)


def _need_elements(op: str, x: Any, sizes: Shape) -> None:
    for n in sizes:
        require(n, 1, lambda: ShapeError("an axis without elements has no windows", op=op, operands=(x,)))


def _rounded_up(slide: Slide, sizes: Shape) -> Shape:
    """How many windows there are where the last may reach outside, as long as it begins inside."""
    found = []
    for i, (n, s, (lo, hi)) in enumerate(zip(sizes, slide.stride, slide.padding, strict=True)):
        covering = (n + lo + hi - slide.reach(i) - 1 + s - 1) // s + 1
        beginning = (n + lo - 1) // s + 1
        found.append(covering - larger(covering - beginning, 0))
    return tuple(found)


def max_pool(
    op: str,
    rank: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    x = as_handle(x)
    slide, results = _slide(op, x, rank, kernel_size, stride, padding, dilation, ceil_mode)
    attrs = how(slide.window, slide.stride, slide.padding, slide.dilation, results)
    y = apply(window_max, x, **attrs)
    return (y, apply(window_place, x, **attrs)) if return_indices else y


def _counts(slide: Slide, sizes: Shape, results: Shape, padded: bool) -> Any:
    """How many elements each window has; ``padded``: zeros put around the input count too."""
    total: Any = None
    rank = len(sizes)
    for i, (n, m, (lo, hi)) in enumerate(zip(sizes, results, slide.padding, strict=True)):
        shape = tuple(m if j == i else 1 for j in range(rank))
        first = apply(iota, shape=shape, axis=i, dtype=dtypes.int64) * slide.stride[i] - lo
        stop = minimum(first + slide.window[i], n + hi if padded else n)
        count = stop - (first if padded else larger_of(first, 0))
        total = count if total is None else multiply(total, count)
    return total


def avg_pool(
    op: str,
    rank: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Any:
    x = as_handle(x)
    slide, results = _slide(op, x, rank, kernel_size, stride, padding, 1, ceil_mode)
    total = apply(window_sum, x, **how(slide.window, slide.stride, slide.padding, slide.dilation, results))
    if divisor_override is not None:
        if not divisor_override:
            raise ArgumentError("divisor_override must not be 0", op=op)
        return total * (1.0 / divisor_override)
    inside = not any(lo or hi for lo, hi in slide.padding)
    if not ceil_mode and (count_include_pad or inside):
        return total * (1.0 / math.prod(slide.window))
    sizes = x.shape[x.ndim - rank :]
    return total / astype(_counts(slide, sizes, results, count_include_pad), x.dtype)


def lp_pool(op: str, rank: int, x: Any, p: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    window = per_axis(kernel_size, rank, "kernel_size", op)
    y = avg_pool(op, rank, pow(as_handle(x), float(p)), window, stride, 0, ceil_mode, True)
    return pow(sign(y) * relu(abs(y)) * float(math.prod(window)), 1.0 / p)


# ---------------------------------------------------------------------------------------- windows of a number


def _goals(op: str, x: Any, rank: int, output_size: Any) -> tuple[Size, ...]:
    """How many windows are wanted along each axis; None means as many as elements."""
    batched(x, rank, op)
    sizes = x.shape[x.ndim - rank :]
    listed = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * rank
    if len(listed) == 1:
        listed *= rank
    if len(listed) != rank or any(m is not None and (not hasattr(m, "__index__") or int(m) < 1) for m in listed):
        raise ArgumentError(f"output_size must be {rank} ints of at least 1, or None, not {output_size!r}", op=op)
    _need_elements(op, x, sizes)
    return tuple(n if m is None else int(m) for n, m in zip(sizes, listed, strict=True))


def _adaptive(rank: int, results: tuple[Size, ...]) -> dict[str, Any]:
    return how((0,) * rank, (1,) * rank, ((0, 0),) * rank, (1,) * rank, results, adaptive=True)


def adaptive_avg_pool(op: str, rank: int, x: Any, output_size: Any) -> Any:
    x = as_handle(x)
    results = _goals(op, x, rank, output_size)
    if all(isinstance(m, int) and m == 1 for m in results):
        return mean(x, axis=tuple(range(-rank, 0)), keepdims=True)
    total = apply(window_sum, x, **_adaptive(rank, results))
    count: Any = None
    for i, (n, m) in enumerate(zip(x.shape[x.ndim - rank :], results, strict=True)):
        place = apply(iota, shape=tuple(m if j == i else 1 for j in range(rank)), axis=i, dtype=dtypes.int64)
        part = ((place + 1) * n + (m - 1)) // m - place * n // m
        count = part if count is None else multiply(count, part)
    return total / astype(count, x.dtype)


def adaptive_max_pool(op: str, rank: int, x: Any, output_size: Any, return_indices: bool) -> Any:
    x = as_handle(x)
    attrs = _adaptive(rank, _goals(op, x, rank, output_size))
    y = apply(window_chosen, x, x, **attrs)
    return (y, apply(window_place, x, **attrs)) if return_indices else y


@composite(
    samples=lambda rng, dtype: [Sample((rng.permutation(24).reshape(2, 3, 4).astype(dtype),))], onnx="GlobalAveragePool"
)
def global_avg_pool(x: Any) -> Any:
    """The mean over all axes behind the first two, which keep size 1 (ONNX GlobalAveragePool). x: [batch, channels, ...]."""
    x = as_handle(x)
    return mean(x, axis=tuple(range(2, x.ndim)), keepdims=True)


@composite(
    samples=lambda rng, dtype: [Sample((rng.permutation(24).reshape(2, 3, 4).astype(dtype),))], onnx="GlobalMaxPool"
)
def global_max_pool(x: Any) -> Any:
    """The largest over all axes behind the first two, which keep size 1 (ONNX GlobalMaxPool). x: [batch, channels, ...]."""
    x = as_handle(x)
    return max_(x, axis=tuple(range(2, x.ndim)), keepdims=True)
