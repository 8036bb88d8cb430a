"""layer_norm, softmax and gelu alone on 4096x1024: the value, and the gradients for a given cotangent."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS, COLUMNS = 4096, 1024
CASES = {name: {"op": name, "target": 1.2} for name in ("layer_norm", "softmax", "gelu")}


def start(case: Any, rng: Any) -> Any:
    x, g = (rng.standard_normal((ROWS, COLUMNS)).astype(np.float32) for _ in range(2))
    if case["op"] != "layer_norm":
        return {}, [(g, x)]
    return {}, [(g, x, *(rng.standard_normal(COLUMNS).astype(np.float32) for _ in range(2)))]


def work(case: Any) -> Any:
    return {"flops": 0, "bytes": 4 * 4 * ROWS * COLUMNS}  # x and the cotangent read, value and gradient written


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    tg, F = peer.tg, peer.nn.functional
    op = {
        "layer_norm": lambda x, weight, bias: F.layer_norm(x, (COLUMNS,), weight, bias),
        "softmax": lambda x: F.softmax(x, axis=-1),
        "gelu": F.gelu,
    }[case["op"]]

    @tg.function
    def step(g: Any, *inputs: Any) -> Any:
        value, pull = tg.vjp(op, *inputs)
        return value, *pull(g)

    return step, dict


def torch(case: Any, params: Any, peer: Any) -> Any:
    import torch
    from torch.nn import functional as F

    op = {
        "layer_norm": lambda x, weight, bias: F.layer_norm(x, (COLUMNS,), weight, bias),
        "softmax": lambda x: F.softmax(x, dim=-1),
        "gelu": F.gelu,
    }[case["op"]]

    def step(g: Any, *inputs: Any) -> Any:
        inputs = [x.detach().requires_grad_() for x in inputs]
        value = op(*inputs)
        return value.detach(), *torch.autograd.grad(value, inputs, g)

    return step, dict


def jax(case: Any, params: Any, peer: Any) -> Any:
    import jax

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        x = x - x.mean(-1, keepdims=True)
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight + bias

    op = {
        "layer_norm": layer_norm,
        "softmax": jax.nn.softmax,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    }[case["op"]]

    @jax.jit
    def step(g: Any, *inputs: Any) -> Any:
        value, pull = jax.vjp(op, *inputs)
        return value, *pull(g)

    return step, dict
