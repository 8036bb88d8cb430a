"""The multilayer perceptron: linear layers with a nonlinearity between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from tapegraph import nn


class MLP(nn.Module):
    """Linear layers of the given sizes with ``activation()`` after each but the last: [..., sizes[0]] to [..., sizes[-1]].

    Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors".
    """

    def __init__(self, sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for number, (before, after) in enumerate(pairwise(sizes)):
            if number:
                self.layers.append(activation())
            self.layers.append(nn.Linear(before, after))

    def forward(self, x: Any) -> Any:
        return self.layers(x)
