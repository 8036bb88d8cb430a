"""A classifier of sequences of unequal length with the encoder of a transformer."""

from __future__ import annotations

from typing import Any

import tapegraph as tg
from tapegraph import nn

F = nn.functional


class TransformerClassifier(nn.Module):
    """Tokens [n, time], padded, and their lengths [n] to scores [n, classes].

    Embeddings plus sinusoidal positions, encoder layers that do not look at padding, the mean over the tokens there
    are. Layers normalise before each block, which trains without warm-up (Xiong et al. 2020).

    Source: Vaswani et al. 2017, "Attention is all you need".
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        width: int = 64,
        *,
        heads: int = 4,
        layers: int = 2,
        hidden: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        layer = nn.TransformerEncoderLayer(width, heads, hidden, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width))
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: Any, lengths: Any) -> Any:
        time = tokens.shape[1]
        absent = tg.arange(time)[None] >= tg.expand_dims(lengths, axis=1)
        x = self.embedding(tokens)
        x = x + F.sinusoidal_encoding(time, self.width, dtype=x.dtype)
        x = self.encoder(x, src_key_padding_mask=absent)
        total = tg.sum(tg.where(absent[..., None], 0.0, x), axis=1)
        return self.head(total / tg.astype(lengths, x.dtype)[:, None])
