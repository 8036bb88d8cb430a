"""Optimizers: what turns gradients into new parameters, with PyTorch's formulas."""

from tapegraph.optim.adam import Adam, AdamW
from tapegraph.optim.optimizer import Optimizer
from tapegraph.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
