"""Attention of several heads as a layer (Vaswani et al. 2017; PyTorch's parameters and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ArgumentError
from engine.op import as_handle
from engine.ops.dropout import check_probability
from engine.ops.shape import permute_dims
from engine.state import Parameter
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.layers import Linear, floating, whole
from tapegraph.nn.module import Module


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads between linear layers.

    query: [l, n, embed_dim], key: [s, n, kdim], value: [s, n, vdim]; [n, l, ...] with ``batch_first``; the axis of the
    batch may be missing. ``dropout``: of weights, while training. ``bias``: of the linear layers; ``add_bias_kv``: one
    more, learned, key and value; ``add_zero_attn``: one more of zeros. Parameters: ``in_proj_weight`` [3 embed_dim,
    embed_dim] (or ``q_``, ``k_``, ``v_proj_weight`` where kdim or vdim differ), ``in_proj_bias``, ``out_proj``,
    ``bias_k``, ``bias_v``. Raises ArgumentError where the heads do not divide embed_dim.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.embed_dim = whole(embed_dim, "embed_dim", "MultiheadAttention", least=1)
        self.num_heads = whole(num_heads, "num_heads", "MultiheadAttention", least=1)
        if embed_dim % num_heads:
            raise ArgumentError(f"{num_heads} heads do not divide {embed_dim} features", op="MultiheadAttention")
        check_probability(dropout, "MultiheadAttention")
        self.head_dim = embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        dtype = floating(dtype, "MultiheadAttention")

        def weight(*shape: int) -> Parameter:
            return Parameter(np.empty(shape, dtype))

        together = self.kdim == self.vdim == embed_dim
        self.in_proj_weight = weight(3 * embed_dim, embed_dim) if together else None
        self.q_proj_weight = None if together else weight(embed_dim, embed_dim)
        self.k_proj_weight = None if together else weight(embed_dim, self.kdim)
        self.v_proj_weight = None if together else weight(embed_dim, self.vdim)
        self.in_proj_bias = weight(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype)
        self.bias_k = weight(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = weight(1, 1, embed_dim) if add_bias_kv else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew; biases of the linear layers become zeros."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """The result, and the weights [n, l, s] ([n, num_heads, l, s] unless averaged) or None without ``need_weights``.

        Masks are bool (True: left out) or added to the scores: ``key_padding_mask`` [n, s], ``attn_mask`` [l, s] or
        [n * num_heads, l, s]. ``is_causal`` without a mask: no key behind the query's place. A query that may attend
        to nothing gets zeros. Raises ShapeError for other shapes.
        """
        alone = as_handle(query).ndim == 2

        def batched(x: Any) -> Any:
            return x[None] if alone else x if self.batch_first else permute_dims(x, (1, 0, 2))

        # An input given twice stays one, so that its projections are one product.
        seen: dict[int, Any] = {}
        query, key, value = (seen.setdefault(id(x), batched(as_handle(x))) for x in (query, key, value))
        if alone and key_padding_mask is not None:
            key_padding_mask = as_handle(key_padding_mask)[None]
        found = F.multi_head_attention(
            query,
            key,
            value,
            self.num_heads,
            in_proj_weight=self.in_proj_weight,
            in_proj_bias=self.in_proj_bias,
            out_proj_weight=self.out_proj.weight,
            out_proj_bias=self.out_proj.bias,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            bias_k=self.bias_k,
            bias_v=self.bias_v,
            add_zero_attn=self.add_zero_attn,
            dropout_p=self.dropout if self.training else 0.0,
            key_padding_mask=key_padding_mask,
            attn_mask=attn_mask,
            is_causal=is_causal,
            need_weights=need_weights,
            average_attn_weights=average_attn_weights,
        )
        y, weights = found if need_weights else (found, None)
        if alone:
            return y[0], weights if weights is None else weights[0]
        return (y if self.batch_first else permute_dims(y, (1, 0, 2))), weights

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}, batch_first={self.batch_first}"
