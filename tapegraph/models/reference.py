"""Every model in a small size with data, loss and optimizer, so that tests and benchmarks can go through all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import tapegraph as tg
from tapegraph import data, nn, optim
from tapegraph.function import Function, function
from tapegraph.models.gpt import GPT
from tapegraph.models.gru_classifier import GRUClassifier
from tapegraph.models.lenet import LeNet
from tapegraph.models.lstm_language_model import LSTMLanguageModel
from tapegraph.models.mlp import MLP
from tapegraph.models.neural_ode import NeuralODE
from tapegraph.models.pinn import PINN, burgers_residual
from tapegraph.models.regression import LogisticRegression
from tapegraph.models.resnet import ResNet
from tapegraph.models.transformer_classifier import TransformerClassifier
from tapegraph.models.tree_lstm import TreeLSTM, levels
from tapegraph.models.vae import VAE, negative_elbo

F = nn.functional
Batch = tuple[np.ndarray[Any, Any], ...]


@dataclass(frozen=True)
class Reference:
    """A model with all that is needed to train it.

    ``batch(size, length, seed)``: arrays, floats in float32. ``length``: of its sequences unless told otherwise, None
    where it has none. ``loss(model, *batch)``: a number. ``optimizer(parameters)``.
    """

    build: Callable[[], nn.Module]
    batch: Callable[[int, int, int], Batch]
    loss: Callable[..., Any]
    optimizer: Callable[[Any], optim.Optimizer]
    size: int = 8
    length: int | None = None

    def data(
        self, seed: int = 0, *, size: int | None = None, length: int | None = None, dtype: Any = "float32"
    ) -> Batch:
        """A batch; the same for the same seed. ``dtype``: of its floats."""
        arrays = self.batch(size or self.size, length or self.length or 0, seed)
        return tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays)

    def start(self, dtype: Any = "float32", seed: int = 0) -> Training:
        """A new model, its weights drawn from ``seed``, with an optimizer and a step to call with batches."""
        tg.manual_seed(seed)
        model = self.build().to(dtype)
        optimizer = self.optimizer(model.parameters())

        @function
        def step(*batch: Any) -> Any:
            loss = self.loss(model, *batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return Training(model, optimizer, step)


@dataclass(frozen=True)
class Training:
    """A model in training; ``step(*batch)`` returns the loss before the step."""

    model: nn.Module
    optimizer: optim.Optimizer
    step: Function


# ------------------------------------------------------------------------------------------ data

_digits = cache(data.digits)
_text = cache(lambda: data.CharacterWindows(data.tiny_corpus(20_000), 64, stride=1))
VOCABULARY = 32  # characters of the corpus
BRACKETS = 2  # kinds of them in Dyck words


def _some(size: int, seed: int) -> Any:
    return np.random.default_rng(seed).choice(len(_digits()[0]), size)


def _pixels(size: int, _: int, seed: int) -> Batch:
    pixels, labels = _digits()
    chosen = _some(size, seed)
    return pixels[chosen], labels[chosen]


def _images(size: int, _: int, seed: int) -> Batch:
    pixels, labels = _pixels(size, 0, seed)
    return pixels.reshape(-1, 1, 8, 8), labels


def _noised(size: int, _: int, seed: int) -> Batch:
    pixels, _ = _pixels(size, 0, seed)
    return pixels, np.random.default_rng(seed).standard_normal((size, 4), np.float32)


def _characters(size: int, length: int, seed: int) -> Batch:
    tokens, targets = _text()[np.random.default_rng(seed).choice(len(_text()), size)]
    return np.ascontiguousarray(tokens[:, :length]), np.ascontiguousarray(targets[:, :length])


def _words(size: int, length: int, seed: int) -> Batch:
    words = data.DyckWords(size, length // 2, kinds=BRACKETS, seed=seed)
    return words.tokens, words.lengths, words.labels


def _forest(size: int, length: int, seed: int) -> Batch:
    # Sums and products: the order of children, which a child-sum cell cannot see, makes no difference to them.
    trees = data.ArithmeticTrees(size, length, min_leaves=3, operators="+*", seed=seed)
    grown = data.forest(trees.trees)
    return grown.symbols, grown.left, grown.right, levels(grown), grown.roots, trees.values


def _moons(size: int, _: int, seed: int) -> Batch:
    return data.two_moons(size, noise=0.1, seed=seed)


def _burgers(size: int, _: int, seed: int) -> Batch:
    """Points (t, x) inside, and such on the edges with the values there."""
    rng = np.random.default_rng(seed)
    inside = rng.uniform((0, -1), (1, 1), (size, 2))
    first = np.stack([np.zeros(size), np.linspace(-1, 1, size)], axis=1)
    sides = np.stack([rng.uniform(0, 1, size), np.where(np.arange(size) % 2, 1, -1)], axis=1)
    edge = np.concatenate([first, sides])
    values = np.concatenate([-np.sin(np.pi * first[:, 1]), np.zeros(size)])
    return tuple(a.astype(np.float32) for a in (inside, edge, values))


# ------------------------------------------------------------------------------------------ losses


def _classes(model: Any, *batch: Any) -> Any:
    *inputs, labels = batch
    return F.cross_entropy(model(*inputs), labels)


def _next_token(model: Any, tokens: Any, targets: Any) -> Any:
    scores = model(tokens)
    scores = scores[0] if isinstance(scores, tuple) else scores
    return F.cross_entropy(tg.reshape(scores, (-1, scores.shape[-1])), tg.reshape(targets, (-1,)))


def _elbo(model: Any, x: Any, noise: Any) -> Any:
    return negative_elbo(x, *model(x, noise))


def _values(model: Any, *batch: Any) -> Any:
    *forest, values = batch
    return F.cross_entropy(model.forward_levels(*forest), values)


VISCOSITY = 0.1


def _physics(model: Any, inside: Any, edge: Any, values: Any) -> Any:
    return tg.mean(tg.square(burgers_residual(model, inside, VISCOSITY))) + F.mse_loss(model(edge), values)


# ------------------------------------------------------------------------------------------ the table


def _sgd(parameters: Any) -> optim.Optimizer:
    return optim.SGD(parameters, lr=0.1, momentum=0.9)


def _adam(parameters: Any) -> optim.Optimizer:
    return optim.Adam(parameters, lr=3e-3)


def _adamw(parameters: Any) -> optim.Optimizer:
    return optim.AdamW(parameters, lr=3e-3, weight_decay=0.01)


REFERENCE: dict[str, Reference] = {
    "logistic regression": Reference(lambda: LogisticRegression(64, 10), _pixels, _classes, _sgd),
    "mlp": Reference(lambda: MLP((64, 32, 10)), _pixels, _classes, _sgd),
    "lenet": Reference(lambda: LeNet(size=8), _images, _classes, _adam),
    "resnet": Reference(lambda: ResNet((1, 1), (4, 8), channels=1), _images, _classes, _sgd),
    "lstm language model": Reference(
        lambda: LSTMLanguageModel(VOCABULARY, 16, embedding=8), _characters, _next_token, _adam, length=12
    ),
    "gru classifier": Reference(
        lambda: GRUClassifier(2 * BRACKETS + 1, 2, 16, embedding=8), _words, _classes, _adam, length=12
    ),
    "transformer classifier": Reference(
        lambda: TransformerClassifier(2 * BRACKETS + 1, 2, 16, heads=2, layers=1, hidden=32, dropout=0.0),
        _words,
        _classes,
        _adamw,
        length=12,
    ),
    "gpt": Reference(lambda: GPT(VOCABULARY, 32, 16, heads=2, layers=1), _characters, _next_token, _adamw, length=12),
    "vae": Reference(lambda: VAE(64, 4, 32), _noised, _elbo, _adam),
    "tree lstm": Reference(lambda: TreeLSTM(10, 16, embedding=8), _forest, _values, _adam, length=6),
    "neural ode": Reference(lambda: NeuralODE(2, 2, 16, steps=4), _moons, _classes, _adam),
    "pinn": Reference(lambda: PINN(2, 16), _burgers, _physics, _adam),
}
