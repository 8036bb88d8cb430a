"""A chain of elementwise operations with transcendental functions, then a sum: its value and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

CASES = {
    "chain-1e3": {"size": 1_000, "target": 2.0, "quick": True},
    "chain-1e5": {"size": 100_000, "target": 1.5, "quick": True},
    "chain-1e7": {"size": 10_000_000, "target": 1.2},
}


def start(case: Any, rng: Any) -> Any:
    return {}, [(rng.standard_normal(case["size"]).astype(np.float32),)]


def work(case: Any) -> Any:
    return {"flops": 0, "bytes": 8 * case["size"]}  # x is read once, the gradient written once


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    tg = peer.tg

    def chain(x: Any) -> Any:
        return tg.sum(tg.exp(-x * x) * tg.sin(3 * x) + tg.tanh(x) * tg.log1p(x * x))

    return tg.function(tg.value_and_grad(chain)), dict


def torch(case: Any, params: Any, peer: Any) -> Any:
    import torch

    def step(x: Any) -> Any:
        x = x.detach().requires_grad_()
        value = (torch.exp(-x * x) * torch.sin(3 * x) + torch.tanh(x) * torch.log1p(x * x)).sum()
        return value.detach(), *torch.autograd.grad(value, x)

    return step, dict


def jax(case: Any, params: Any, peer: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def chain(x: Any) -> Any:
        return jnp.sum(jnp.exp(-x * x) * jnp.sin(3 * x) + jnp.tanh(x) * jnp.log1p(x * x))

    return jax.jit(jax.value_and_grad(chain)), dict


def pytensor(case: Any, params: Any, peer: Any) -> Any:
    pt = peer.pt
    x = pt.vector("x", dtype="float32")
    value = (pt.exp(-x * x) * pt.sin(3 * x) + pt.tanh(x) * pt.log1p(x * x)).sum()
    return peer.function([x], [value, peer.pytensor.grad(value, x)]), dict


def numpy(case: Any, params: Any, peer: Any) -> Any:
    def step(x: Any) -> Any:
        square = x * x
        bell, wave, bend, slow = np.exp(-square), np.sin(3 * x), np.tanh(x), np.log1p(square)
        slope = bell * (3 * np.cos(3 * x) - 2 * x * wave) + (1 - bend * bend) * slow + bend * 2 * x / (1 + square)
        return (bell * wave + bend * slow).sum(), slope

    return step, dict
