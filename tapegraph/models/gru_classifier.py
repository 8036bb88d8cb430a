"""A classifier of sequences of unequal length with gated recurrent units."""

from __future__ import annotations

from typing import Any

import tapegraph as tg
from tapegraph import nn


class GRUClassifier(nn.Module):
    """Tokens [n, time], padded, and their lengths [n] to scores [n, classes].

    What was read is the state after the last token of each sequence; with ``bidirectional`` also that of a second layer
    that reads from there to the front. Padding changes neither.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder"; Schuster and Paliwal 1997.
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        hidden: int = 64,
        *,
        embedding: int = 16,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        self.directions = directions
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.gru = nn.GRU(embedding, hidden, layers, batch_first=True, dropout=dropout, bidirectional=bidirectional)
        self.head = nn.Linear(directions * hidden, classes)

    def forward(self, tokens: Any, lengths: Any) -> Any:
        _, last = self.gru(self.embedding(tokens), lengths=lengths)
        return self.head(tg.concat(tg.unstack(last[-self.directions :]), axis=-1))
