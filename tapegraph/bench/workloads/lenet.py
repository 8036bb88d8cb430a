"""LeNet, two convolutions with pooling and three linear layers, on images of 28x28: a training step with SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

CASES = {"lenet": {"batch": 64, "optimizer": "sgd", "lr": 0.01, "target": 1.0}}
SHAPES = {  # PyTorch's layout
    "0": (6, 1, 5, 5),
    "3": (16, 6, 5, 5),
    "7": (120, 400),
    "9": (84, 120),
    "11": (10, 84),
}


def start(case: Any, rng: Any) -> Any:
    params = {}
    for name, shape in SHAPES.items():
        weight = rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5
        params |= {f"{name}.weight": weight.astype(np.float32), f"{name}.bias": np.zeros(shape[0], np.float32)}
    x = rng.standard_normal((case["batch"], 1, 28, 28)).astype(np.float32)
    return params, [(x, rng.integers(0, 10, case["batch"])) for _ in range(4)]


def work(case: Any) -> Any:
    first, second = 28 * 28 * 6 * 25, 10 * 10 * 16 * 150
    rest = sum(a * b for a, b in list(SHAPES.values())[2:])
    weights = sum(int(np.prod(shape)) for shape in SHAPES.values())
    flops = 2 * case["batch"] * (2 * first + 3 * second + 3 * rest)
    return {"flops": flops, "bytes": 4 * (2 * weights + case["batch"] * 28 * 28)}


def _module(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    loss = peer.nn.functional.cross_entropy
    return peer.train(case, params, _module(peer.nn), lambda model, x, y: loss(model(x), y))


def torch(case: Any, params: Any, peer: Any) -> Any:
    from torch import nn

    loss = nn.functional.cross_entropy
    return peer.train(case, params, _module(nn), lambda model, x, y: loss(model(x), y))


def jax(case: Any, params: Any, peer: Any) -> Any:
    """Channels last, as JAX's documentation advises: with one channel the images are only reshaped."""
    import jax
    import jax.numpy as jnp

    def layer(p: Any, name: str, x: Any, padding: str) -> Any:
        axes = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (1, 1), padding, dimension_numbers=axes)
        x = jax.nn.relu(x + p[f"{name}.bias"])
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def loss(p: Any, x: Any, y: Any) -> Any:
        x = layer(p, "3", layer(p, "0", x.reshape(-1, 28, 28, 1), "SAME"), "VALID")
        x = x.transpose(0, 3, 1, 2).reshape(len(y), -1)  # the order that the weights of the others have
        for name in ("7", "9"):
            x = jax.nn.relu(x @ p[f"{name}.weight"] + p[f"{name}.bias"])
        scores = jax.nn.log_softmax(x @ p["11.weight"] + p["11.bias"])
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    def turn(_: str, value: Any) -> Any:
        return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T

    def back(_: str, value: Any) -> Any:
        return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T

    return peer.train(case, {name: turn(name, value) for name, value in params.items()}, loss, back)
