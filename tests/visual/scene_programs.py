"""Training steps as a user would write them, for tests of scenes: modules in modules, a scan, and a step without modules."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import tapegraph as tg
from engine.level import level
from tapegraph import nn, optim
from tapegraph.visual.making import scene_of
from tapegraph.visual.scene import Scene

F = nn.functional


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 5)
        self.rest = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))

    def forward(self, x: Any) -> Any:
        hidden = F.relu(self.first(x))
        return self.rest(hidden)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads = heads

    def attention(self, x: Any) -> Any:
        batch, time, width = x.shape
        parts = self.qkv(x).reshape((batch, time, 3, self.heads, width // self.heads))
        q, k, v = parts.permute_dims((2, 0, 3, 1, 4))
        weights = F.softmax(q @ k.permute_dims((0, 1, 3, 2)) * 0.5, axis=-1)
        return self.out((weights @ v).permute_dims((0, 2, 1, 3)).reshape((batch, time, width)))

    def forward(self, x: Any) -> Any:
        return x + self.attention(self.norm(x))


class GPT(nn.Module):
    def __init__(self, layers: int = 2) -> None:
        super().__init__()
        self.tokens = nn.Embedding(7, 8)
        self.blocks = nn.ModuleList([Block(8, 2) for _ in range(layers)])
        self.head = nn.Linear(8, 7)

    def forward(self, tokens: Any) -> Any:
        x = self.tokens(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 5), nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        states, _ = self.lstm(x)
        return self.head(states)


def _step(model: Any, kind: Any, **options: Any) -> Any:
    with level("off"):  # else eager mode follows every value until the optimizer's first step, which never comes
        optimizer = kind(model.parameters(), **options)

    @tg.function
    def step(x: Any, y: Any) -> Any:
        logits = model(x)
        loss = F.cross_entropy(logits.reshape((-1, logits.shape[-1])), y.reshape((-1,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def mlp() -> tuple[Any, tuple[Any, ...]]:
    model, rng = MLP(), np.random.default_rng(0)
    step = _step(model, optim.SGD, lr=0.1, momentum=0.9)
    return step, (rng.standard_normal((4, 6), np.float32), rng.integers(0, 3, 4))


def gpt(layers: int = 2) -> tuple[Any, tuple[Any, ...]]:
    model, rng = GPT(layers), np.random.default_rng(0)
    step = _step(model, optim.AdamW)
    return step, (rng.integers(0, 7, (2, 4)), rng.integers(0, 7, (2, 4)))


def lstm() -> tuple[Any, tuple[Any, ...]]:
    model, rng = Tagger(), np.random.default_rng(0)
    step = _step(model, optim.Adam)
    return step, (rng.standard_normal((2, 6, 4), np.float32), rng.integers(0, 3, (2, 6)))


PROGRAMS = {"mlp": mlp, "gpt": gpt, "lstm": lstm}


@cache
def scene(name: str) -> Scene:
    """The scene of one of the programs, made once for all tests of a process."""
    step, args = PROGRAMS[name]()
    return scene_of(step, *args)
