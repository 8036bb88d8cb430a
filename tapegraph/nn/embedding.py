"""Tables whose rows are chosen by integers, one by one or in bags."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ArgumentError
from engine.state import Parameter
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.layers import floating, whole
from tapegraph.nn.module import Module


class _Table(Module):
    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
        dtype: Any,
    ) -> None:
        super().__init__()
        kind = type(self).__name__
        self.num_embeddings = whole(num_embeddings, "num_embeddings", kind, least=1)
        self.embedding_dim = whole(embedding_dim, "embedding_dim", kind, least=1)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(f"padding_idx {padding_idx} is outside a table of {num_embeddings} rows", op=kind)
        if sparse:
            raise ArgumentError("gradients are arrays, never sparse", op=kind, fix="leave sparse out")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), floating(dtype, kind)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the rows anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight[self.padding_idx] = 0.0

    def _fill(self, embeddings: Any, freeze: bool) -> Any:
        self.weight.assign(np.array(embeddings, self.weight.dtype))
        self.weight.requires_grad = not freeze
        return self

    def extra_repr(self) -> str:
        shown = {"padding_idx": self.padding_idx, "max_norm": self.max_norm}
        rest = "".join(f", {name}={value}" for name, value in shown.items() if value is not None)
        return f"{self.num_embeddings}, {self.embedding_dim}{rest}"


class Embedding(_Table):
    """Rows of ``weight`` [num_embeddings, embedding_dim] chosen by integers: [...] to [..., embedding_dim].

    Rows are drawn from the standard normal distribution; row ``padding_idx`` is zero and gets no gradient.
    ``max_norm``: rows looked up whose ``norm_type``-norm is larger are scaled down to it, for good.
    ``scale_grad_by_freq``: gradients are divided by how often a row was looked up. Raises IndexRangeError for an index
    outside the table, DTypeError for floats.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, dtype
        )

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None, **rest: Any) -> Any:
        """A table of the given rows [n, d], which training leaves alone if ``freeze``."""
        rows = np.asarray(embeddings)
        return cls(*rows.shape, padding_idx, dtype=rows.dtype, **rest)._fill(rows, freeze)

    def forward(self, input: Any) -> Any:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)


class EmbeddingBag(_Table):
    """Sums, means or largest elements of bags of rows of ``weight``; see ``functional.embedding_bag``.

    input: [bags, length], or [total] with ``offsets`` [bags]; result: [bags, embedding_dim].
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        *,
        dtype: Any = None,
    ) -> None:
        if mode not in ("sum", "mean", "max"):
            raise ArgumentError(f"mode must be 'sum', 'mean' or 'max', not {mode!r}", op="EmbeddingBag")
        super().__init__(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, dtype
        )
        self.mode, self.include_last_offset = mode, include_last_offset

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, **rest: Any) -> Any:
        """A table of the given rows [n, d], which training leaves alone if ``freeze``."""
        rows = np.asarray(embeddings)
        return cls(*rows.shape, dtype=rows.dtype, **rest)._fill(rows, freeze)

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mode={self.mode!r}"
