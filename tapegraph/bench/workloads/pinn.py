"""A physics-informed network: Burgers' equation at 256 points, so second derivatives, then a training step with AdamW."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

SIZES, VISCOSITY = (2, 64, 64, 64, 1), 0.1
CASES = {"pinn": {"batch": 256, "optimizer": "adamw", "lr": 1e-3, "tolerance": 0.02, "target": 1.5}}


def start(case: Any, rng: Any) -> Any:
    params = {}
    for number, (before, after) in enumerate(pairwise(SIZES)):
        weight = rng.standard_normal((after, before)) * before**-0.5
        params[f"{2 * number}.weight"] = weight.astype(np.float32)
        params[f"{2 * number}.bias"] = np.zeros(after, np.float32)
    return params, [(rng.uniform(-1, 1, (case["batch"], 2)).astype(np.float32),) for _ in range(4)]


def work(case: Any) -> Any:
    weights = sum(a * b for a, b in pairwise(SIZES))
    # Value, gradient by the inputs and one row of second derivatives: five products a layer, two more for each of them.
    return {"flops": 2 * case["batch"] * 15 * weights, "bytes": 4 * (6 * weights + 2 * case["batch"])}


def _module(nn: Any) -> Any:
    layers = [m for a, b in pairwise(SIZES) for m in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*layers[:-1])


def tapegraph(case: Any, params: Any, peer: Any) -> Any:
    tg = peer.tg

    along = np.tile(np.array([0, 0, 1], np.float32), (case["batch"], 1))

    def loss(model: Any, points: Any) -> Any:
        def first(points: Any) -> Any:
            u, pull = tg.vjp(model, points)
            return tg.concat([u, *pull(tg.ones_like(u))], axis=1)

        values, pull = tg.vjp(first, points)
        (second,) = pull(along)
        u, ut, ux = values[:, 0], values[:, 1], values[:, 2]
        return tg.mean((ut + u * ux - VISCOSITY * second[:, 1]) ** 2)

    return peer.train(case, params, _module(peer.nn), loss)


def torch(case: Any, params: Any, peer: Any) -> Any:
    import torch
    from torch import nn

    def loss(model: Any, points: Any) -> Any:
        points = points.detach().requires_grad_()
        u = model(points)
        (first,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        (second,) = torch.autograd.grad(first[:, 1].sum(), points, create_graph=True)
        return ((first[:, 0] + u[:, 0] * first[:, 1] - VISCOSITY * second[:, 1]) ** 2).mean()

    return peer.train(case, params, _module(nn), loss)


def jax(case: Any, params: Any, peer: Any) -> Any:
    """``grad`` of ``grad`` for one point, ``vmap`` over all, as in JAX's own documentation."""
    import jax
    import jax.numpy as jnp

    last = 2 * (len(SIZES) - 2)

    def u(p: Any, t: Any, x: Any) -> Any:
        h = jnp.stack([t, x])
        for number in range(0, last, 2):
            h = jnp.tanh(h @ p[f"{number}.weight"] + p[f"{number}.bias"])
        return (h @ p[f"{last}.weight"] + p[f"{last}.bias"])[0]

    def residual(p: Any, t: Any, x: Any) -> Any:
        value, (ut, ux) = jax.value_and_grad(u, (1, 2))(p, t, x)
        uxx = jax.grad(jax.grad(u, 2), 2)(p, t, x)
        return ut + value * ux - VISCOSITY * uxx

    def loss(p: Any, points: Any) -> Any:
        found = jax.vmap(residual, (None, 0, 0))(p, points[:, 0], points[:, 1])
        return jnp.mean(found**2)

    return peer.train(case, {name: value.T for name, value in params.items()}, loss, lambda _, value: value.T)
