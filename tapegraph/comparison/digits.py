"""The main job: a classifier of handwritten digits, its training step, its batches and its score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tapegraph as tg
from tapegraph import data, nn, optim
from tapegraph.nn import functional as F


class Residual(nn.Module):
    """x + relu(x @ W + b) / 4: the way around keeps the gradient, the quarter keeps the sum of many from growing."""

    def __init__(self, width: int, dtype: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, dtype=dtype)

    def forward(self, x: Any) -> Any:
        return x + F.relu(self.linear(x)) * 0.25


def logistic(dtype: Any) -> nn.Module:
    """One linear layer."""
    return nn.Linear(64, 10, dtype=dtype)


def mlp(dtype: Any) -> nn.Module:
    """Three linear layers, 64-128-128-10, with ReLU between them."""
    return nn.Sequential(
        nn.Linear(64, 128, dtype=dtype),
        nn.ReLU(),
        nn.Linear(128, 128, dtype=dtype),
        nn.ReLU(),
        nn.Linear(128, 10, dtype=dtype),
    )


def deep(dtype: Any) -> nn.Module:
    """Twenty-four linear layers, 64 wide, with a way around each of the middle ones."""
    middle = [Residual(64, dtype) for _ in range(22)]
    return nn.Sequential(
        nn.Linear(64, 64, dtype=dtype), *middle, nn.LayerNorm(64, dtype=dtype), nn.Linear(64, 10, dtype=dtype)
    )


@dataclass(frozen=True)
class Recipe:
    """A model with the learning rate that suits it."""

    model: Callable[[Any], nn.Module]
    rate: float
    text: str
    sizes: tuple[int, ...] = ()  # of a plain multilayer perceptron, which peers have too


MODELS = {
    "mlp": Recipe(mlp, 0.15, "MLP 64-128-128-10", (64, 128, 128, 10)),
    "logistic": Recipe(logistic, 0.3, "logistic regression 64-10", (64, 10)),
    "deep": Recipe(deep, 0.01, "24 layers, 64 wide, residual"),
}


@dataclass
class Job:
    """A step, the batches of an epoch, and the share of held-out digits that the model gets right."""

    model: nn.Module
    step: Any
    batches: data.DataLoader
    evaluate: Callable[[], float]
    held_out: int
    case: dict[str, Any]  # what a peer needs to know to do the same


def training_size() -> int:
    """The number of images to train on."""
    return len(data.train_test_split(*data.digits())[0])


def job(model: str = "mlp", epochs: int = 5, batch_size: int = 32, seed: int = 0, dtype: str = "float32") -> Job:
    """The job with a freshly initialised model; the same seed gives the same weights and the same order of batches.

    Stochastic gradient descent with momentum; the learning rate, a state of the step, falls to nothing by the last call.
    """
    recipe = MODELS[model]
    x_train, x_test, y_train, y_test = data.train_test_split(*data.digits())
    x_train, x_test = x_train.astype(dtype), x_test.astype(dtype)
    tg.manual_seed(seed)
    net = recipe.model(dtype)
    if dtype != "float32":  # the same weights whatever the dtype
        tg.manual_seed(seed)
        net.load_state_dict(recipe.model("float32").state_dict())
    rate = recipe.rate * min(1.0, batch_size / 32)  # a small batch knows its gradient less well (Goyal et al. 2017)
    optimizer = optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    loader = data.DataLoader(data.TensorDataset(x_train, y_train), batch_size, shuffle=True, seed=seed)
    fall = rate / (epochs * len(loader))

    @tg.function
    def step(x: Any, y: Any) -> Any:
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # Further calls, to measure, go on at the last rate; a Python float by itself would become float32.
        optimizer.lr = tg.maximum(tg.asarray(optimizer.lr - fall, dtype=tg.float64), fall)
        return loss

    @tg.function
    def predict(x: Any) -> Any:
        return tg.argmax(net(x), axis=-1)

    def accuracy() -> float:
        with tg.no_grad():
            return float(np.mean(predict(x_test).numpy() == y_test))

    case = {"model": model, "sizes": recipe.sizes, "dtype": dtype, "rate": rate, "fall": fall}
    return Job(net, step, loader, accuracy, len(y_test), case)
