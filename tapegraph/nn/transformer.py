"""Transformers: stacks of attention and feed-forward layers (Vaswani et al. 2017; PyTorch's parameters and meaning)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.op import as_handle
from engine.ops.attention import causal_mask
from engine.ops.compare import where
from engine.sizes import Size, agree
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.attention import MultiheadAttention
from tapegraph.nn.containers import ModuleList
from tapegraph.nn.layers import Dropout, Linear
from tapegraph.nn.module import Module
from tapegraph.nn.normalization import LayerNorm

Activation = str | Callable[[Any], Any]


def _activation(given: Activation) -> Callable[[Any], Any]:
    named: dict[str, Callable[[Any], Any]] = {"relu": F.relu, "gelu": F.gelu}
    if callable(given):
        return given
    if given not in named:
        raise ArgumentError(f"activation must be 'relu', 'gelu' or a function, not {given!r}", op="Transformer")
    return named[given]


class _Layer(Module):
    """What both kinds of layers share: two linear layers with an activation, and where the norm stands."""

    def _feed(self, size: int, hidden: int, dropout: float, activation: Activation, bias: bool, dtype: Any) -> None:
        self.linear1 = Linear(size, hidden, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(hidden, size, bias, dtype=dtype)
        self.activation = _activation(activation)

    def _step(self, x: Any, norm: Module, block: Callable[[Any], Any]) -> Any:
        """x plus what a block makes of it, normalised before or after."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    def _attended(
        self, attention: Module, drop: Module, x: Any, memory: Any, mask: Any, padding: Any, causal: bool
    ) -> Any:
        y, _ = attention(x, memory, memory, padding, False, mask, is_causal=causal and mask is None)
        return drop(y)


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear layers, each added to its input and normalised.

    src: [s, n, d_model], or [n, s, d_model] with ``batch_first``; the axis of the batch may be missing. ``norm_first``:
    normalise before each block, not after. ``activation``: "relu", "gelu" or a function.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype)
        self._feed(d_model, dim_feedforward, dropout, activation, bias, dtype)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """``src_mask`` [s, s] and ``src_key_padding_mask`` [n, s] as MultiheadAttention takes them.

        ``is_causal`` without a mask makes one; with one it says nothing new.
        """

        def attend(x: Any) -> Any:
            return self._attended(self.self_attn, self.dropout1, x, x, src_mask, src_key_padding_mask, is_causal)

        x = self._step(as_handle(src), self.norm1, attend)
        return self._step(
            x, self.norm2, lambda x: self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        )


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory, then two linear layers, each added to its input and normalised.

    tgt: [t, n, d_model], memory: [s, n, d_model]; [n, ...] with ``batch_first``. Arguments as for
    TransformerEncoderLayer.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype)
        self._feed(d_model, dim_feedforward, dropout, activation, bias, dtype)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1, self.dropout2, self.dropout3 = Dropout(dropout), Dropout(dropout), Dropout(dropout)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        """Masks as MultiheadAttention takes them: [t, t] and [n, t] for the target, [t, s] and [n, s] for the memory."""
        memory = as_handle(memory)

        def attend(x: Any) -> Any:
            return self._attended(self.self_attn, self.dropout1, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def look(x: Any) -> Any:
            return self._attended(
                self.multihead_attn, self.dropout2, x, memory, memory_mask, memory_key_padding_mask, memory_is_causal
            )

        x = self._step(as_handle(tgt), self.norm1, attend)
        x = self._step(x, self.norm2, look)
        return self._step(
            x, self.norm3, lambda x: self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        )


class TransformerEncoder(Module):
    """``num_layers`` copies of a layer one after the other, then ``norm`` if there is one."""

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool | None = None
    ) -> Any:
        """See TransformerEncoderLayer; ``mask`` is its ``src_mask``."""
        x = as_handle(src)
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, bool(is_causal))
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """``num_layers`` copies of a layer one after the other, then ``norm`` if there is one."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """See TransformerDecoderLayer."""
        x, memory = as_handle(tgt), as_handle(memory)
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask,
                memory_mask,
                tgt_key_padding_mask,
                memory_key_padding_mask,
                bool(tgt_is_causal),
                memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class Transformer(Module):
    """An encoder, and a decoder that attends to what it makes (Vaswani et al. 2017).

    src: [s, n, d_model], tgt: [t, n, d_model], result as tgt; [n, ...] with ``batch_first``; the axis of the batch may
    be missing. ``custom_encoder``, ``custom_decoder`` take the place of the stacks. Weights are drawn by
    ``init.xavier_uniform_``. Raises ShapeError where the batches or features differ.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*sizes, dtype=dtype), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*sizes, dtype=dtype), num_decoder_layers, norm()
        )
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """See TransformerEncoderLayer and TransformerDecoderLayer."""
        src, tgt = as_handle(src), as_handle(tgt)
        batch = 0 if self.batch_first else 1
        if src.ndim != tgt.ndim or src.ndim not in (2, 3):
            raise ShapeError("src and tgt need two or three axes each", op="Transformer", operands=(src, tgt))
        if src.ndim == 3 and not agree(src.shape[batch], tgt.shape[batch]):
            raise ShapeError("src and tgt must have the same batch", op="Transformer", operands=(src, tgt))
        if not agree(src.shape[-1], self.d_model) or not agree(tgt.shape[-1], self.d_model):
            raise ShapeError(f"src and tgt must have {self.d_model} features", op="Transformer", operands=(src, tgt))
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: Size, *, dtype: Any = None) -> Any:
        """[sz, sz]: 0 where the key stands at the query's place or before it, -inf elsewhere; to be added to scores."""
        target = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.as_dtype(dtype)
        return where(causal_mask(sz, sz), np.zeros((), target), np.asarray(-np.inf, target))
