"""A language model of characters with a long short-term memory."""

from __future__ import annotations

from typing import Any

from tapegraph import nn


class LSTMLanguageModel(nn.Module):
    """Scores of the next token at each place: tokens [n, time] to ``(scores [n, time, vocabulary], state)``.

    ``state``: (h, c), each [layers, n, hidden], which the next piece of the same texts begins with; zeros without. A
    loss of one piece does not reach back into the piece before (truncated backpropagation through time, Williams and
    Peng 1990) where the state comes from outside the function that is differentiated, or was detached. ``dropout``:
    between layers.

    Source: Graves 2013, "Generating sequences with recurrent neural networks".
    """

    def __init__(
        self, vocabulary: int, hidden: int = 128, *, embedding: int = 32, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=dropout)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Any, state: tuple[Any, Any] | None = None) -> tuple[Any, tuple[Any, Any]]:
        y, state = self.lstm(self.embedding(tokens), state)
        return self.head(y), state
