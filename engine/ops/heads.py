"""Attention of several heads, with the linear layers around it (Vaswani et al. 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.attention import attend, causal_mask, checked_mask, inverse_root
from engine.ops.compare import logical_and, logical_not, where
from engine.ops.create import full, zeros
from engine.ops.joins import concat
from engine.ops.linalg import linear
from engine.ops.shape import broadcast_to, expand_dims, permute_dims, reshape
from engine.ops.slices import part
from engine.ops.statistics import mean
from engine.sizes import Size, agree, show_shape
from engine.spec import DType, Spec


def _size_of_part(x: Any, count: int, axis: int) -> Size:
    size: Size = x.shape[axis] // count
    return size


def _parts_spec(x: Any, count: int, axis: int) -> list[Spec]:
    size = _size_of_part(x, count, axis)
    return [Spec((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)] * count


def _parts_in_ops(x: Any, count: int, axis: int) -> tuple[Any, ...]:
    size = _size_of_part(x, count, axis)
    return tuple(part(x, axis, i * size, size) for i in range(count))


def _parts_vjp(gs: list[Any], ys: tuple[Any, ...], x: Any, count: int, axis: int) -> list[Any]:
    filled = [zeros(y.shape, dtype=x.dtype) if g is None else g for g, y in zip(gs, ys, strict=True)]
    return [concat(filled, axis=axis)]


# Slices would do, but each of their gradients is an array of the size of the whole.
even_parts = Op(
    "even_parts",
    lambda x, count, axis: tuple(np.split(x, count, axis)),
    _parts_spec,
    vjp=_parts_vjp,
    expand=_parts_in_ops,
    batch="shift",
    accepts=dtypes.FLOATS,
    casts=None,
    keeps="",
    samples=lambda rng, dtype: [
        Sample((rng.uniform(0, 3, (2, 6)).astype(dtype),), {"count": 3, "axis": 1}),
        Sample((rng.uniform(0, 3, (4, 3)).astype(dtype),), {"count": 2, "axis": 0}),
    ],
    many=True,
    doc="The parts of an axis cut into ``count`` of equal size.",
    hidden=True,
)


def _head_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    def make(*shape: int) -> Any:
        return rng.uniform(-1, 1, shape).astype(dtype)

    x, memory = make(2, 3, 4), make(2, 5, 4)
    weights = {
        "in_proj_weight": make(12, 4),
        "in_proj_bias": make(12),
        "out_proj_weight": make(4, 4),
        "out_proj_bias": make(4),
    }
    apart = {
        "in_proj_weight": None,
        "q_proj_weight": make(4, 4),
        "k_proj_weight": make(4, 3),
        "v_proj_weight": make(4, 2),
    }
    padded = np.array([[0, 0, 1], [0, 0, 0]], bool)
    return [
        Sample((x, x, x, 2), weights | {"key_padding_mask": padded, "is_causal": True}),
        Sample(
            (x, memory, memory, 2), weights | {"bias_k": make(1, 1, 4), "bias_v": make(1, 1, 4), "need_weights": True}
        ),
        Sample((x, make(2, 5, 3), make(2, 5, 2), 2), weights | apart | {"add_zero_attn": True, "dropout_p": 0.4}),
    ]


def _head_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3, 4), dtype)
    weights = {"in_proj_weight": np.ones((12, 4), dtype), "out_proj_weight": np.ones((4, 4), dtype)}
    return [Sample((x, x, x, 3), weights, ArgumentError), Sample((x, x[:, :2], x, 2), weights, ShapeError)]


@composite(samples=_head_samples, errors=_head_errors, onnx="Attention")
def multi_head_attention(
    query: Any,
    key: Any,
    value: Any,
    num_heads: int,
    *,
    in_proj_weight: Any = None,
    in_proj_bias: Any = None,
    out_proj_weight: Any,
    out_proj_bias: Any = None,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    bias_k: Any = None,
    bias_v: Any = None,
    add_zero_attn: bool = False,
    dropout_p: float = 0.0,
    key_padding_mask: Any = None,
    attn_mask: Any = None,
    is_causal: bool = False,
    need_weights: bool = False,
    average_attn_weights: bool = True,
) -> Any:
    """Attention of ``num_heads`` heads between linear layers. query: [n, l, e]; key: [n, s, ek]; value: [n, s, ev]: [n, l, e].

    ``in_proj_weight`` [3e, e] (queries, keys, values one below the other) or ``q_``, ``k_`` and ``v_proj_weight``;
    ``in_proj_bias`` [3e]. ``bias_k``, ``bias_v`` [1, 1, e]: one more key and value; ``add_zero_attn``: one more of zeros.
    ``key_padding_mask`` [n, s] and ``attn_mask`` [l, s] or [n * num_heads, l, s]: bool (True: left out) or added to the
    scores. A query that may attend to nothing gets zeros. With ``need_weights`` the result is a pair with the weights
    [n, l, s], or [n, num_heads, l, s] unless averaged. Raises ShapeError and ArgumentError for sizes that do not fit.
    """
    op = "multi_head_attention"
    alike, same_memory = query is key and key is value, key is value
    q, k, v = (as_handle(x) for x in (query, key, value))
    if not (q.ndim == k.ndim == v.ndim == 3) or not agree(k.shape[1], v.shape[1]):
        raise ShapeError("takes queries [n, l, e], and as many keys [n, s, ek] as values", op=op, operands=(q, k, v))
    features = as_handle(out_proj_weight).shape[1]
    if num_heads < 1 or not agree(features // num_heads * num_heads, features):
        raise ArgumentError(f"{num_heads} heads do not divide {features} features", op=op)
    if in_proj_weight is not None:
        q, k, v = _projected(q, k, v, as_handle(in_proj_weight), in_proj_bias, alike, same_memory)
    else:
        bias = (None,) * 3 if in_proj_bias is None else _thirds(as_handle(in_proj_bias))
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = (linear(x, w, b) for x, w, b in zip((q, k, v), weights, bias, strict=True))
    n, length, known = q.shape[0], q.shape[1], k.shape[1]
    more = [(bias_k, bias_v)] * (bias_k is not None)
    more += [(zeros((1, 1, features), dtype=q.dtype),) * 2] * add_zero_attn
    for one_k, one_v in more:
        k = concat([k, broadcast_to(as_handle(one_k), (n, 1, features))], axis=1)
        v = concat([v, broadcast_to(as_handle(one_v), (n, 1, features))], axis=1)
    mask = _allowed(q, known, num_heads, key_padding_mask, attn_mask, is_causal, op)
    if mask is not None and more:
        extra = (*mask.shape[:-1], len(more))
        mask = concat([mask, full(extra, True if mask.dtype == dtypes.bool_ else 0, dtype=mask.dtype)], axis=-1)
    size = features // num_heads
    q, k, v = (permute_dims(reshape(x, (n, x.shape[1], num_heads, size)), (0, 2, 1, 3)) for x in (q, k, v))
    y, weights = attend(q, k, v, mask, inverse_root(size, q.dtype), dropout_p)
    y = linear(reshape(permute_dims(y, (0, 2, 1, 3)), (n, length, features)), out_proj_weight, out_proj_bias)
    if not need_weights:
        return y
    return y, mean(weights, axis=1) if average_attn_weights else weights


def _thirds(x: Any, axis: int = 0) -> tuple[Any, ...]:
    found: tuple[Any, ...] = apply(even_parts, x, count=3, axis=axis)
    return found


def _projected(q: Any, k: Any, v: Any, weight: Any, bias: Any, alike: bool, same_memory: bool) -> tuple[Any, ...]:
    """Queries, keys and values, with as few products as the inputs that are one allow."""
    bias = None if bias is None else as_handle(bias)
    if alike:
        return _thirds(linear(q, weight, bias), 2)
    if same_memory:
        size = weight.shape[0] // 3
        ours = linear(q, weight[:size], None if bias is None else bias[:size])
        both = linear(k, weight[size:], None if bias is None else bias[size:])
        return ours, *apply(even_parts, both, count=2, axis=2)
    biases = (None,) * 3 if bias is None else _thirds(bias)
    return tuple(linear(x, w, b) for x, w, b in zip((q, k, v), _thirds(weight), biases, strict=True))


def _allowed(q: Any, keys: Size, heads: int, padding: Any, mask: Any, causal: bool, op: str) -> Any:
    """One mask of [n or 1, heads or 1, l or 1, s] as scaled_dot_product_attention takes it, or None."""
    n, length = q.shape[0], q.shape[1]
    parts = []
    if padding is not None:
        padding = checked_mask(padding, op)
        if padding.ndim != 2 or not agree(padding.shape[0], n) or not agree(padding.shape[1], keys):
            raise ShapeError(
                f"key_padding_mask must be [n, s], not {show_shape(padding.shape)}", op=op, operands=(q, padding)
            )
        parts.append(expand_dims(padding, axis=(1, 2)))
    if mask is not None:
        mask = checked_mask(mask, op)
        fits = mask.ndim in (2, 3) and agree(mask.shape[-2], length) and agree(mask.shape[-1], keys)
        if not fits or (mask.ndim == 3 and not agree(mask.shape[0], n * heads)):
            raise ShapeError(
                f"attn_mask must be [l, s] or [n * num_heads, l, s], not {show_shape(mask.shape)}",
                op=op,
                operands=(q, mask),
            )
        parts.append(mask if mask.ndim == 2 else reshape(mask, (n, heads, length, keys)))
    elif causal:
        parts.append(logical_not(causal_mask(length, keys)))
    if not parts:
        return None
    if all(p.dtype == dtypes.bool_ for p in parts):
        allowed = [logical_not(p) for p in parts]
        return allowed[0] if len(allowed) == 1 else logical_and(*allowed)
    summands = [where(p, full((), -math.inf, dtype=q.dtype), 0.0) if p.dtype == dtypes.bool_ else p for p in parts]
    return summands[0] if len(summands) == 1 else summands[0] + summands[1]
