"""Attention: averages of values, weighted by how well keys fit a query (Vaswani et al. 2017; PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.compare import greater_equal, where
from engine.ops.create import iota, number
from engine.ops.dropout import dropout
from engine.ops.linalg import matmul
from engine.ops.math import rsqrt
from engine.ops.nn import softmax, softmax_of_masked
from engine.ops.shape import matrix_transpose, reshape
from engine.sizes import Dim, Size, agree
from engine.spec import DType


def causal_mask(queries: Size, keys: Size) -> Any:
    """[queries, keys], bool: whether the key stands at the query's place or before it."""
    row = apply(iota, shape=(queries, 1), axis=0, dtype=dtypes.int64)
    return greater_equal(row, apply(iota, shape=(1, keys), axis=1, dtype=dtypes.int64))


def attend(q: Any, k: Any, v: Any, mask: Any, scale: Any, drop: float) -> tuple[Any, Any]:
    """The averages [..., h, l, e] and the weights [..., h, l, s]; keys may have fewer heads, each for several queries."""
    lead, length = q.shape[:-2], q.shape[-2]
    shared = q.ndim > 2 and k.ndim == q.ndim and not agree(lead[-1], k.shape[-3])
    if shared:  # the queries of one key head are one longer matrix
        rows = lead[-1] // k.shape[-3] * length
        q = reshape(q, (*lead[:-1], k.shape[-3], rows, q.shape[-1]))
    scores = matmul(q * scale, matrix_transpose(k))
    if shared:
        scores = reshape(scores, (*lead, length, k.shape[-2]))
    if mask is None:
        weights = softmax(scores)
    elif mask.dtype == dtypes.bool_:
        weights = softmax_of_masked(where(mask, scores, -math.inf))
    else:
        weights = softmax_of_masked(scores + mask)
    if drop:
        weights = dropout(weights, drop)
    if shared:
        y = matmul(reshape(weights, (*lead[:-1], k.shape[-3], rows, k.shape[-2])), v)
        return reshape(y, (*lead, length, v.shape[-1])), weights
    return matmul(weights, v), weights


def inverse_root(size: Size, dtype: DType) -> Any:
    """1 / sqrt(size), as a number where the size is one."""
    return rsqrt(number(size, dtype)) if isinstance(size, Dim) else 1 / math.sqrt(size)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        return rng.uniform(-1, 1, shape).astype(dtype)

    q, k, v = make(2, 2, 3, 4), make(2, 2, 5, 4), make(2, 2, 5, 3)
    allowed = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    return [
        Sample((q, k, v)),
        Sample((q[0, 0], k[0, 0], v[0, 0]), {"is_causal": True}),
        Sample((q, k, v, allowed), {"scale": 0.5}),
        Sample((q, k, v, make(2, 1, 3, 5))),
        Sample((make(4, 3, 2), make(2, 3, 2), make(2, 3, 3)), {"enable_gqa": True, "is_causal": True}),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    q, mask = np.ones((2, 3, 4), dtype), np.ones((3, 3), bool)
    return [
        Sample((q, np.ones((2, 3, 5), dtype), q), {}, ShapeError),
        Sample((q, q, np.ones((2, 2, 4), dtype)), {}, ShapeError),
        Sample((q[0, 0], q, q), {}, ShapeError),
        Sample((q, q, q, mask), {"is_causal": True}, ArgumentError),
        Sample((q, q, q, mask.astype(np.int64)), {}, DTypeError),
        Sample((np.ones((3, 3, 4), dtype), q, q), {"enable_gqa": True}, ShapeError),
    ]


@composite(samples=_samples, errors=_errors, onnx="Attention")
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query @ key.mT * scale + mask) @ value. query: [..., l, e]; key: [..., s, e]; value: [..., s, ev]: [..., l, ev].

    ``attn_mask``: [..., l, s], bool (True: may be attended to) or added to the scores; ``is_causal``: no key behind the
    query's place. A query that may attend to nothing gets zeros. ``dropout_p`` drops weights, always.  ``scale``:
    1/sqrt(e) unless given. ``enable_gqa``: keys and values may have fewer heads (axis -3), each serving several query
    heads. Raises ShapeError for sizes that do not fit, ArgumentError for a mask beside ``is_causal``, DTypeError for a
    mask of integers.
    """
    op = "scaled_dot_product_attention"
    q, k, v = as_handle(query), as_handle(key), as_handle(value)
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ShapeError("needs at least two axes: length, features", op=op, operands=(q, k, v))
    if not agree(q.shape[-1], k.shape[-1]):
        raise ShapeError("queries and keys must have the same number of features", op=op, operands=(q, k, v))
    if not agree(k.shape[-2], v.shape[-2]):
        raise ShapeError("there must be as many values as keys", op=op, operands=(q, k, v))
    if enable_gqa:
        _check_heads(q, k, v, op)
    if is_causal:
        if attn_mask is not None:
            raise ArgumentError("is_causal excludes a mask", op=op, fix="put both into the mask: mask & tril")
        attn_mask = causal_mask(q.shape[-2], k.shape[-2])
    if attn_mask is not None:
        attn_mask = checked_mask(attn_mask, op)
    factor = inverse_root(q.shape[-1], q.dtype) if scale is None else scale
    return attend(q, k, v, attn_mask, factor, dropout_p)[0]


def checked_mask(mask: Any, op: str) -> Any:
    """A mask as a handle of bool or floats; raises DTypeError for integers."""
    mask = as_handle(mask)
    if mask.dtype != dtypes.bool_ and mask.dtype.kind != "f":
        raise DTypeError(
            f"a mask is bool or float, not {mask.dtype.name}",
            op=op,
            operands=(mask,),
            fix="compare it with something, for instance mask != 0",
        )
    return mask


def _check_heads(q: Any, k: Any, v: Any, op: str) -> None:
    if q.ndim < 3 or k.ndim != q.ndim or v.ndim != q.ndim or not agree(k.shape[-3], v.shape[-3]):
        raise ShapeError("shared heads need axes [..., heads, length, features]", op=op, operands=(q, k, v))
    if not agree(q.shape[-3] // k.shape[-3] * k.shape[-3], q.shape[-3]):
        raise ShapeError("the key heads must divide the query heads", op=op, operands=(q, k, v))
