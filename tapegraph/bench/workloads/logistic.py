"""Logistic regression of 64 features to 10 classes: a training step with SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

FEATURES, CLASSES = 64, 10
CASES = {
    f"logistic-{batch}": {"batch": batch, "target": target, "optimizer": "sgd", "lr": 0.01, "quick": True}
    for batch, target in ((32, 3.0), (1024, 1.3))
}


def start(case: Any, rng: Any) -> Any:
    params = {
        "weight": (rng.standard_normal((CLASSES, FEATURES)) / 8).astype(np.float32),
        "bias": np.zeros(CLASSES, np.float32),
    }
    # The same inputs with labels drawn anew: what cannot be learnt leaves gradients of the same size for ever.
    x = rng.standard_normal((case["batch"], FEATURES)).astype(np.float32)
    return params, [(x, rng.integers(0, CLASSES, case["batch"])) for _ in range(4)]


def work(case: Any) -> Any:
    n = case["batch"]
    return {"flops": 2 * 2 * n * FEATURES * CLASSES, "bytes": 4 * (n * FEATURES + 2 * FEATURES * CLASSES) + 8 * n}


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    nn = peer.nn
    model = nn.Linear(FEATURES, CLASSES)
    return peer.train(case, params, model, lambda model, x, y: nn.functional.cross_entropy(model(x), y))


def torch(case: Any, params: Any, peer: Any) -> Any:
    from torch import nn

    model = nn.Linear(FEATURES, CLASSES)
    return peer.train(case, params, model, lambda model, x, y: nn.functional.cross_entropy(model(x), y))


def jax(case: Any, params: Any, peer: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def loss(p: Any, x: Any, y: Any) -> Any:
        scores = jax.nn.log_softmax(x @ p["weight"] + p["bias"])
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    return peer.train(case, {name: value.T for name, value in params.items()}, loss, lambda _, value: value.T)


def pytensor(case: Any, params: Any, peer: Any) -> Any:
    pt = peer.pt
    inputs = pt.matrix("x", dtype="float32"), pt.vector("y", dtype="int64")

    def loss(p: Any, x: Any, y: Any) -> Any:
        scores = pt.special.log_softmax(x @ p["weight"] + p["bias"], axis=1)
        return -scores[pt.arange(y.shape[0]), y].mean()

    return peer.train(case, {name: v.T for name, v in params.items()}, inputs, loss, lambda _, value: value.T)


def numpy(case: Any, params: Any, peer: Any) -> Any:
    weight, bias = params["weight"].T.copy(), params["bias"].copy()
    lr, rows = np.float32(case["lr"]), np.arange(case["batch"])

    def step(x: Any, y: Any) -> Any:
        scores = x @ weight + bias
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        total = chance.sum(axis=1, keepdims=True)
        value = (np.log(total[:, 0]) - scores[rows, y]).mean()
        chance /= total
        chance[rows, y] -= 1
        chance *= np.float32(1 / len(y))
        np.subtract(weight, lr * (x.T @ chance), out=weight)
        np.subtract(bias, lr * chance.sum(axis=0), out=bias)
        return value

    return step, lambda: {"weight": weight.T, "bias": bias}
