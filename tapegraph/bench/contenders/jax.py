"""JAX: the whole step under ``jax.jit``, with the buffers of parameters and optimizer donated."""

from __future__ import annotations

from typing import Any


class Contender:
    """``jax``."""

    def __init__(self, name: str, threads: int, cold: bool) -> None:
        import jax
        import jax.numpy as jnp

        self.jax, self.jnp = jax, jnp
        self.version = jax.__version__
        jnp.zeros(1).block_until_ready()  # the first use starts XLA, which is no part of a program

    def array(self, value: Any) -> Any:
        return self.jnp.asarray(value)

    def wait(self, result: Any) -> None:
        self.jax.block_until_ready(result)

    def train(self, case: Any, params: Any, loss: Any, back: Any = lambda name, value: value) -> Any:
        """The step of parameters in a dict: loss(params, *batch), gradients, update. ``back``: to the layout of others."""
        jax, jnp = self.jax, self.jnp
        lr, tree = case["lr"], jax.tree.map

        def sgd(params: Any, state: Any, *batch: Any) -> Any:
            value, slopes = jax.value_and_grad(loss)(params, *batch)
            return tree(lambda p, g: p - lr * g, params, slopes), state, value

        def adamw(params: Any, state: Any, *batch: Any) -> Any:
            m, v, t = state
            value, slopes = jax.value_and_grad(loss)(params, *batch)
            t = t + 1
            m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, slopes)
            v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, slopes)
            first, second = 1 - 0.9**t, 1 - 0.999**t

            def update(p: Any, m: Any, v: Any) -> Any:
                return p * (1 - lr * 0.01) - lr * (m / first) / (jnp.sqrt(v / second) + 1e-8)

            return tree(update, params, m, v), (m, v, t), value

        params = tree(jnp.array, params)
        zeros = lambda: tree(jnp.zeros_like, params)  # noqa: E731
        kind, state = (sgd, ()) if case["optimizer"] == "sgd" else (adamw, (zeros(), zeros(), jnp.float32(0)))
        update = jax.jit(kind, donate_argnums=(0, 1))
        held = [params, state]

        def step(*batch: Any) -> Any:
            held[0], held[1], value = update(held[0], held[1], *batch)
            return value

        return step, lambda: {name: back(name, value) for name, value in held[0].items()}
