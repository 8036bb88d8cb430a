"""A multilayer perceptron with relu: a training step, and inference."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

SMALL, LARGE = (64, 128, 128, 10), (784, 512, 512, 10)
LR = {"sgd": 0.01, "adamw": 1e-3}
# Adam moves a parameter as far for a gradient of rounding noise as for any other.
TOLERANCE = {"sgd": 1e-3, "adamw": 0.02}
CASES = {
    **{
        f"mlp-{batch}-{optimizer}": {
            "sizes": SMALL,
            "batch": batch,
            "optimizer": optimizer,
            "lr": lr,
            "tolerance": TOLERANCE[optimizer],
            "target": target,
            "quick": batch == 32,
        }
        for batch, target in ((1, 3.0), (32, 1.5), (256, 1.2))
        for optimizer, lr in LR.items()
    },
    "mlp-large": {"sizes": LARGE, "batch": 256, "optimizer": "sgd", "lr": 0.01, "target": 1.05},
    "mlp-infer": {"sizes": SMALL, "batch": 1, "latency": True, "target": 3.0, "quick": True},
}


def start(case: Any, rng: Any) -> Any:
    params = {}
    for number, (before, after) in enumerate(pairwise(case["sizes"])):
        weight = rng.standard_normal((after, before)) * (2 / before) ** 0.5
        params[f"{2 * number}.weight"] = weight.astype(np.float32)
        params[f"{2 * number}.bias"] = np.zeros(after, np.float32)
    x = rng.standard_normal((case["batch"], case["sizes"][0])).astype(np.float32)
    if case.get("latency"):
        return params, [(x,)]
    # The same inputs with labels drawn anew: what cannot be learnt leaves gradients of the same size for ever.
    return params, [(x, rng.integers(0, case["sizes"][-1], case["batch"])) for _ in range(4)]


def work(case: Any) -> Any:
    n, sizes = case["batch"], case["sizes"]
    weights = sum(a * b for a, b in pairwise(sizes))
    if case.get("latency"):
        return {"flops": 2 * n * weights, "bytes": 4 * (weights + n * (sizes[0] + sizes[-1]))}
    products = 3 * weights - sizes[0] * sizes[1]  # nobody needs the gradient of the first input
    held = 2 if case["optimizer"] == "sgd" else 6  # weights, and two moments, each read and written
    return {"flops": 2 * n * products, "bytes": 4 * (held * weights + n * sizes[0]) + 8 * n}


def _module(nn: Any, sizes: Any) -> Any:
    layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    tg, nn = peer.tg, peer.nn
    model = _module(nn, case["sizes"])
    if not case.get("latency"):
        return peer.train(case, params, model, lambda model, x, y: nn.functional.cross_entropy(model(x), y))
    model.load_state_dict(params)

    @tg.function
    def predict(x: Any) -> Any:
        with tg.no_grad():
            return model(x)

    return predict, dict


def torch(case: Any, params: Any, peer: Any) -> Any:
    import torch
    from torch import nn

    model = _module(nn, case["sizes"])
    if not case.get("latency"):
        return peer.train(case, params, model, lambda model, x, y: nn.functional.cross_entropy(model(x), y))
    model.load_state_dict({name: torch.from_numpy(value) for name, value in params.items()})
    model.eval()
    return torch.inference_mode()(lambda x: model(x)), dict


def jax(case: Any, params: Any, peer: Any) -> Any:
    import jax
    import jax.numpy as jnp

    last = 2 * (len(case["sizes"]) - 2)

    def model(p: Any, x: Any) -> Any:
        for number in range(0, last, 2):
            x = jax.nn.relu(x @ p[f"{number}.weight"] + p[f"{number}.bias"])
        return x @ p[f"{last}.weight"] + p[f"{last}.bias"]

    def loss(p: Any, x: Any, y: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(model(p, x)), y[:, None], axis=1))

    turned = {name: value.T for name, value in params.items()}
    if not case.get("latency"):
        return peer.train(case, turned, loss, lambda _, value: value.T)
    held, predict = jax.tree.map(jnp.array, turned), jax.jit(model)
    return lambda x: predict(held, x), dict


def pytensor(case: Any, params: Any, peer: Any) -> Any:
    pt = peer.pt
    last = 2 * (len(case["sizes"]) - 2)
    x, y = pt.matrix("x", dtype="float32"), pt.vector("y", dtype="int64")

    def model(p: Any, x: Any) -> Any:
        for number in range(0, last, 2):
            x = pt.maximum(x @ p[f"{number}.weight"] + p[f"{number}.bias"], 0)
        return x @ p[f"{last}.weight"] + p[f"{last}.bias"]

    def loss(p: Any, x: Any, y: Any) -> Any:
        scores = pt.special.log_softmax(model(p, x), axis=1)
        return -scores[pt.arange(y.shape[0]), y].mean()

    turned = {name: value.T for name, value in params.items()}
    if not case.get("latency"):
        return peer.train(case, turned, (x, y), loss, lambda _, value: value.T)
    held = {name: peer.pytensor.shared(np.array(value)) for name, value in turned.items()}
    return peer.function([x], model(held, x)), dict


def numpy(case: Any, params: Any, peer: Any) -> Any:
    if case.get("optimizer") == "adamw":
        raise NotImplementedError
    count = len(case["sizes"]) - 1
    weights = [params[f"{2 * i}.weight"].T.copy() for i in range(count)]
    biases = [params[f"{2 * i}.bias"].copy() for i in range(count)]
    rows = np.arange(case["batch"])

    def forward(x: Any) -> Any:
        inputs = [x]
        for weight, bias in zip(weights, biases):
            x = x @ weight
            x += bias
            inputs.append(np.maximum(x, 0, out=x) if len(inputs) < count else x)
        return inputs

    if case.get("latency"):
        return lambda x: forward(x)[-1], dict
    lr = np.float32(case["lr"])

    def step(x: Any, y: Any) -> Any:
        *inputs, scores = forward(x)
        scores -= scores.max(axis=1, keepdims=True)
        slope = np.exp(scores)
        total = slope.sum(axis=1, keepdims=True)
        value = (np.log(total[:, 0]) - scores[rows, y]).mean()
        slope /= total
        slope[rows, y] -= 1
        slope *= np.float32(1 / len(y))
        for i in reversed(range(count)):
            weight_slope, bias_slope = inputs[i].T @ slope, slope.sum(axis=0)
            if i:
                slope = (slope @ weights[i].T) * (inputs[i] > 0)
            weights[i] -= lr * weight_slope
            biases[i] -= lr * bias_slope
        return value

    def read() -> Any:
        return {f"{2 * i}.weight": w.T for i, w in enumerate(weights)} | {
            f"{2 * i}.bias": b for i, b in enumerate(biases)
        }

    return step, read
