"""F: what layers compute, as functions of arrays; the names and meanings are PyTorch's, axes are called ``axis``."""

from engine.ops.create import one_hot
from engine.ops.linalg import linear
from engine.ops.losses import cross_entropy, mse_loss, nll_loss
from engine.ops.math import sigmoid, tanh
from engine.ops.nn import (
    dropout,
    elu,
    embedding,
    gelu,
    layer_norm,
    leaky_relu,
    log_softmax,
    relu,
    silu,
    softmax,
    softplus,
)
from engine.ops.shape import flatten

__all__ = [
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
