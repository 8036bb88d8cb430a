"""A language model with a GRU over a vocabulary of 5,000: a training step with AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

VOCABULARY, WIDTH, HIDDEN = 5_000, 128, 128
CASES = {"gru-lm": {"batch": 16, "steps": 32, "optimizer": "adamw", "lr": 1e-3, "tolerance": 0.02, "target": 1.1}}


def start(case: Any, rng: Any) -> Any:
    def draw(*shape: int) -> Any:
        return rng.uniform(-(HIDDEN**-0.5), HIDDEN**-0.5, shape).astype(np.float32)

    params = {
        "embedding.weight": rng.standard_normal((VOCABULARY, WIDTH)).astype(np.float32),
        "rnn.weight_ih_l0": draw(3 * HIDDEN, WIDTH),
        "rnn.weight_hh_l0": draw(3 * HIDDEN, HIDDEN),
        "rnn.bias_ih_l0": draw(3 * HIDDEN),
        "rnn.bias_hh_l0": draw(3 * HIDDEN),
        "head.weight": draw(VOCABULARY, HIDDEN),
        "head.bias": draw(VOCABULARY),
    }
    texts = [rng.integers(0, VOCABULARY, (case["steps"] + 1, case["batch"])) for _ in range(2)]
    return params, [(text[:-1].copy(), text[1:].copy()) for text in texts]


def work(case: Any) -> Any:
    tokens = case["batch"] * case["steps"]
    weights = VOCABULARY * (WIDTH + HIDDEN) + 3 * HIDDEN * (WIDTH + HIDDEN)
    flops = 3 * 2 * tokens * (VOCABULARY * HIDDEN + 3 * HIDDEN * (WIDTH + HIDDEN))
    return {"flops": flops, "bytes": 4 * 6 * weights + 16 * tokens}


def _module(nn: Any) -> Any:
    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, WIDTH)
            self.rnn = nn.GRU(WIDTH, HIDDEN)
            self.head = nn.Linear(HIDDEN, VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.rnn(self.embedding(tokens))[0])

    return Model()


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    tg, nn = peer.tg, peer.nn

    def loss(model: Any, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(tg.reshape(model(x), (-1, VOCABULARY)), tg.reshape(y, (-1,)))

    return peer.train(case, params, _module(nn), loss)


def torch(case: Any, params: Any, peer: Any) -> Any:
    from torch import nn

    def loss(model: Any, x: Any, y: Any) -> Any:
        return nn.functional.cross_entropy(model(x).reshape(-1, VOCABULARY), y.reshape(-1))

    return peer.train(case, params, _module(nn), loss)


def jax(case: Any, params: Any, peer: Any) -> Any:
    """The product with the inputs is taken out of the scan."""
    import jax
    import jax.numpy as jnp

    def loss(p: Any, x: Any, y: Any) -> Any:
        gates = p["embedding.weight"][x] @ p["rnn.weight_ih_l0"] + p["rnn.bias_ih_l0"]

        def body(h: Any, gate: Any) -> Any:
            r, z, n = jnp.split(gate, 3, axis=-1)
            hr, hz, hn = jnp.split(h @ p["rnn.weight_hh_l0"] + p["rnn.bias_hh_l0"], 3, axis=-1)
            z = jax.nn.sigmoid(z + hz)
            h = (1 - z) * jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn) + z * h
            return h, h

        _, hs = jax.lax.scan(body, jnp.zeros((x.shape[1], HIDDEN)), gates)
        scores = jax.nn.log_softmax(hs @ p["head.weight"] + p["head.bias"])
        return -jnp.mean(jnp.take_along_axis(scores, y[..., None], axis=-1))

    def turn(name: str, value: Any) -> Any:
        return value if name.startswith("embedding") else value.T

    return peer.train(case, {name: turn(name, value) for name, value in params.items()}, loss, turn)
