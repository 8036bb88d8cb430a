"""Logistic regression: one linear layer whose outputs are the log-odds of classes."""

from __future__ import annotations

from typing import Any

from tapegraph import nn


class LogisticRegression(nn.Module):
    """Scores of classes before softmax, linear in the features: [n, features] to [n, classes].

    With ``nn.functional.cross_entropy`` as its loss this is multinomial logistic regression (Cox 1966).
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)

    def forward(self, x: Any) -> Any:
        return self.linear(x)
