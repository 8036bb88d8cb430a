"""Pooling over as many axes as the input has behind batch and channels: max_pool and avg_pool (ONNX MaxPool, AveragePool)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops import pooling
from engine.ops.samples import array
from engine.spec import DType


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((array(rng, dtype, 2, 1, *sizes), 2), {"stride": 1}) for sizes in ((5,), (4, 3))]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype), 2), {}, ShapeError)]


def _rank(x: Any, op: str) -> int:
    if not 3 <= x.ndim <= 5:
        raise ShapeError(
            "takes [batch, channels, ...] with one to three axes behind",
            op=op,
            operands=(x,),
            fix="give an input that has no batch or channels an axis of size 1: expand_dims(x, axis=0)",
        )
    return int(x.ndim - 2)


@composite(samples=_samples, errors=_errors, onnx="MaxPool")
def max_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; arguments as for ``max_pool2d``. input: [batch, channels, ...]."""
    x = as_handle(input)
    rank = _rank(x, "max_pool")
    return pooling.max_pool("max_pool", rank, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite(samples=_samples, errors=_errors, onnx="AveragePool")
def avg_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window; arguments as for ``avg_pool2d``. input: [batch, channels, ...]."""
    x = as_handle(input)
    rank = _rank(x, "avg_pool")
    return pooling.avg_pool(
        "avg_pool", rank, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
