"""A product of two vectors through a tensor (PyTorch's name and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.linalg import matmul
from engine.ops.reduce import sum
from engine.ops.shape import expand_dims, permute_dims, reshape
from engine.sizes import agree
from engine.spec import DType


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x1, x2 = rng.uniform(-2, 2, (2, 5, 3)).astype(dtype), rng.uniform(-2, 2, (2, 5, 4)).astype(dtype)
    weight, bias = rng.uniform(-1, 1, (2, 3, 4)).astype(dtype), rng.uniform(-1, 1, (2,)).astype(dtype)
    return [Sample((x1, x2, weight, bias)), Sample((x1[0, 0], x2[0, 0], weight))]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((5, 3), dtype), np.ones((5, 3), dtype), np.ones((2, 3, 4), dtype)), {}, ShapeError)]


@composite(samples=_samples, errors=_errors)
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """x1 @ weight[k] @ x2 + bias[k] for each k. input1: [..., in1]; input2: [..., in2]; weight: [out, in1, in2]: [..., out].

    Raises ShapeError for other sizes.
    """
    a, b, w = as_handle(input1), as_handle(input2), as_handle(weight)
    fits = (
        w.ndim == 3
        and a.ndim
        and a.ndim == b.ndim
        and agree(a.shape[-1], w.shape[1])
        and agree(b.shape[-1], w.shape[2])
    )
    if not fits or not all(agree(n, m) for n, m in zip(a.shape[:-1], b.shape[:-1], strict=True)):
        raise ShapeError(
            "inputs [..., in1] and [..., in2] and a weight [out, in1, in2] are needed",
            op="bilinear",
            operands=(a, b, w),
        )
    out, in1, in2 = w.shape
    half = matmul(a, reshape(permute_dims(w, (1, 0, 2)), (in1, out * in2)))
    y = sum(reshape(half, (*a.shape[:-1], out, in2)) * expand_dims(b, axis=-2), axis=-1)
    return y if bias is None else y + bias
