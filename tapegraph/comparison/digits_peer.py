"""The digits job in PyTorch and JAX, for workers of ``tapegraph bench``: the same model, batches and momentum."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

MOMENTUM = 0.9


def torch(case: Any, params: Any, peer: Any) -> Any:
    """``case``: sizes of the layers, dtype, learning rate and its fall from call to call."""
    import torch
    from torch import nn

    sizes = case["sizes"]
    if not sizes:
        raise NotImplementedError
    layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
    model = (nn.Sequential(*layers[:-1]) if len(sizes) > 2 else layers[0]).to(getattr(torch, case["dtype"]))
    model.load_state_dict({name: torch.from_numpy(value) for name, value in params.items()})
    rate = torch.tensor(case["rate"], dtype=torch.float64)
    fused = {} if peer.compiled else {"fused": True}
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM, **fused)

    def step(x: Any, y: Any) -> Any:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.sub_(case["fall"]).clamp_(min=case["fall"])
        return loss

    return step, lambda: dict(model.named_parameters())


def jax(case: Any, params: Any, peer: Any) -> Any:
    """``case``: sizes of the layers, dtype, learning rate and its fall from call to call."""
    import jax
    import jax.numpy as jnp

    if not case["sizes"] or case["dtype"] != "float32":
        raise NotImplementedError
    count = len(case["sizes"]) - 1
    names = [("weight", "bias")] if count == 1 else [(f"{2 * i}.weight", f"{2 * i}.bias") for i in range(count)]

    def loss(p: Any, x: Any, y: Any) -> Any:
        for number, (weight, bias) in enumerate(names):
            x = x @ p[weight] + p[bias]
            x = jax.nn.relu(x) if number < count - 1 else x
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1))

    def update(p: Any, moments: Any, rate: Any, x: Any, y: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(p, x, y)
        moments = jax.tree.map(lambda m, g: MOMENTUM * m + g, moments, slopes)
        p = jax.tree.map(lambda p, m: p - rate * m, p, moments)
        return p, moments, jnp.maximum(rate - case["fall"], case["fall"]), value

    held = {name: jnp.array(value.T) for name, value in params.items()}
    state = [held, jax.tree.map(jnp.zeros_like, held), jnp.float32(case["rate"])]
    compiled = jax.jit(update, donate_argnums=(0, 1, 2))

    def step(x: Any, y: Any) -> Any:
        *state[:], value = compiled(*state, x, y)
        return value

    return step, lambda: {name: value.T for name, value in state[0].items()}
