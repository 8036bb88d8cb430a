"""An LSTM of 64 to 128 over batches whose number of steps is another each time, then 10 classes: a training step."""

from __future__ import annotations

from typing import Any

import numpy as np

FEATURES, HIDDEN, CLASSES = 64, 128, 10
LENGTHS = (37, 12, 58, 25, 60, 10, 46, 31)
CASES = {"lstm": {"batch": 32, "lengths": LENGTHS, "optimizer": "sgd", "lr": 0.05, "target": 1.2}}


def start(case: Any, rng: Any) -> Any:
    def draw(*shape: int) -> Any:
        return rng.uniform(-(HIDDEN**-0.5), HIDDEN**-0.5, shape).astype(np.float32)

    params = {
        "rnn.weight_ih_l0": draw(4 * HIDDEN, FEATURES),
        "rnn.weight_hh_l0": draw(4 * HIDDEN, HIDDEN),
        "rnn.bias_ih_l0": draw(4 * HIDDEN),
        "rnn.bias_hh_l0": draw(4 * HIDDEN),
        "head.weight": draw(CLASSES, HIDDEN),
        "head.bias": draw(CLASSES),
    }
    batches = [
        (
            rng.standard_normal((length, case["batch"], FEATURES)).astype(np.float32),
            rng.integers(0, CLASSES, case["batch"]),
        )
        for length in case["lengths"]
    ]
    return params, batches


def work(case: Any) -> Any:
    n, steps = case["batch"], float(np.mean(case["lengths"]))
    weights = 4 * HIDDEN * (FEATURES + HIDDEN)
    flops = 2 * n * steps * 4 * HIDDEN * (2 * FEATURES + 3 * HIDDEN)
    return {"flops": flops, "bytes": 4 * (2 * weights + n * steps * FEATURES)}


def _module(nn: Any) -> Any:
    class Classifier(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(FEATURES, HIDDEN)
            self.head = nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            _, (h, _) = self.rnn(x)
            return self.head(h[0])

    return Classifier()


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    loss = peer.nn.functional.cross_entropy
    return peer.train(case, params, _module(peer.nn), lambda model, x, y: loss(model(x), y))


def torch(case: Any, params: Any, peer: Any) -> Any:
    from torch import nn

    loss = nn.functional.cross_entropy
    return peer.train(case, params, _module(nn), lambda model, x, y: loss(model(x), y))


def jax(case: Any, params: Any, peer: Any) -> Any:
    """Each length is padded to the next multiple of 8 with steps that change nothing: eight shapes are compiled, not 51.

    The product with the inputs is taken out of the scan.
    """
    import jax
    import jax.numpy as jnp

    def loss(p: Any, x: Any, length: Any, y: Any) -> Any:
        gates = x @ p["rnn.weight_ih_l0"] + (p["rnn.bias_ih_l0"] + p["rnn.bias_hh_l0"])

        def body(state: Any, step: Any) -> Any:
            (h, c), (number, gate) = state, step
            i, f, g, o = jnp.split(gate + h @ p["rnn.weight_hh_l0"], 4, axis=-1)
            kept = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            inside = number < length
            return (jnp.where(inside, jax.nn.sigmoid(o) * jnp.tanh(kept), h), jnp.where(inside, kept, c)), None

        zeros = jnp.zeros((x.shape[1], HIDDEN), x.dtype)
        (h, _), _ = jax.lax.scan(body, (zeros, zeros), (jnp.arange(x.shape[0]), gates))
        scores = jax.nn.log_softmax(h @ p["head.weight"] + p["head.bias"])
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))

    turned = {name: value.T for name, value in params.items()}
    update, read = peer.train(case, turned, loss, lambda _, value: value.T)

    def step(x: Any, y: Any) -> Any:
        return update(*x, y)

    def loaded(value: Any) -> Any:
        """What the loader of a JAX program does on the way: of inputs, the padded array and its length."""
        if value.ndim == 1:
            return jnp.asarray(value)
        return jnp.asarray(np.pad(value, ((0, -len(value) % 8), (0, 0), (0, 0)))), jnp.int32(len(value))

    return step, read, loaded
