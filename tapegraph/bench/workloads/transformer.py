"""A Transformer encoder block of width 128 with 4 heads over 64 places: a training step with AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, HEADS, FEED = 128, 4, 512
CASES = {"transformer": {"batch": 16, "steps": 64, "optimizer": "adamw", "lr": 1e-3, "tolerance": 0.02, "target": 1.1}}
SHAPES = {
    "self_attn.in_proj": (3 * WIDTH, WIDTH),
    "self_attn.out_proj.": (WIDTH, WIDTH),
    "linear1.": (FEED, WIDTH),
    "linear2.": (WIDTH, FEED),
}


def _parts(name: str) -> tuple[str, str]:
    joint = "" if name.endswith(".") else "_"
    return f"{name}{joint}weight", f"{name}{joint}bias"


def start(case: Any, rng: Any) -> Any:
    params = {}
    for name, shape in SHAPES.items():
        weight, bias = _parts(name)
        params[weight] = (rng.standard_normal(shape) * shape[1] ** -0.5).astype(np.float32)
        params[bias] = np.zeros(shape[0], np.float32)
    for name in ("norm1", "norm2"):
        params |= {f"{name}.weight": np.ones(WIDTH, np.float32), f"{name}.bias": np.zeros(WIDTH, np.float32)}
    shape = (case["batch"], case["steps"], WIDTH)
    x = rng.standard_normal(shape).astype(np.float32)
    return params, [(x, rng.standard_normal(shape).astype(np.float32)) for _ in range(2)]


def work(case: Any) -> Any:
    n, t = case["batch"], case["steps"]
    weights = sum(a * b for a, b in SHAPES.values())
    products = 3 * n * t * weights - n * t * 3 * WIDTH * WIDTH + 3 * 2 * n * t * t * WIDTH
    return {"flops": 2 * products, "bytes": 4 * (6 * weights + 2 * n * t * WIDTH)}


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    nn = peer.nn
    model = nn.TransformerEncoderLayer(WIDTH, HEADS, FEED, dropout=0.0, batch_first=True)
    return peer.train(case, params, model, lambda model, x, y: nn.functional.mse_loss(model(x), y))


def torch(case: Any, params: Any, peer: Any) -> Any:
    from torch import nn

    model = nn.TransformerEncoderLayer(WIDTH, HEADS, FEED, dropout=0.0, batch_first=True)
    return peer.train(case, params, model, lambda model, x, y: nn.functional.mse_loss(model(x), y))


def jax(case: Any, params: Any, peer: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def norm(p: Any, name: str, x: Any) -> Any:
        x = x - x.mean(-1, keepdims=True)
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]

    def linear(p: Any, name: str, x: Any) -> Any:
        weight, bias = _parts(name)
        return x @ p[weight] + p[bias]

    def loss(p: Any, x: Any, y: Any) -> Any:
        n, t, _ = x.shape
        q, k, v = jnp.split(linear(p, "self_attn.in_proj", x), 3, axis=-1)
        q, k, v = (a.reshape(n, t, HEADS, WIDTH // HEADS) for a in (q, k, v))
        mixed = jax.nn.dot_product_attention(q, k, v).reshape(n, t, WIDTH)
        x = norm(p, "norm1", x + linear(p, "self_attn.out_proj.", mixed))
        x = norm(p, "norm2", x + linear(p, "linear2.", jax.nn.relu(linear(p, "linear1.", x))))
        return jnp.mean((x - y) ** 2)

    return peer.train(case, {name: value.T for name, value in params.items()}, loss, lambda _, value: value.T)
