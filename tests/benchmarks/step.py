"""The training step of an MLP on one batch of digits, side by side: eager, static, and the peers that are installed.

Run ``python -m tests.benchmarks.step [--batch 32] [--optimizer sgd|adamw] [--threads 1]``. Rounds are interleaved
(A B C A B C ...); the figures to quote are the ratios, medians over rounds of one process.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable

LAYERS = [64, 128, 128, 10]


def tapegraph_step(batch: tuple, optimizer: str, mode: str) -> Callable[[], float]:
    import tapegraph as tg
    from tapegraph import nn, optim

    tg.manual_seed(0)
    layers = [m for i, o in itertools.pairwise(LAYERS) for m in (nn.Linear(i, o), nn.ReLU())][:-1]
    model = nn.Sequential(*layers)
    opt = (
        optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        if optimizer == "sgd"
        else optim.AdamW(model.parameters(), lr=1e-3)
    )

    @tg.function
    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    x, y = (tg.asarray(a) for a in batch)

    def run() -> float:
        with tg.mode(mode):
            return step(x, y).item()

    return run


def torch_step(batch: tuple, optimizer: str, threads: int) -> Callable[[], float] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layers = [m for i, o in itertools.pairwise(LAYERS) for m in (torch.nn.Linear(i, o), torch.nn.ReLU())][:-1]
    model = torch.nn.Sequential(*layers)
    opt = (
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        if optimizer == "sgd"
        else torch.optim.AdamW(model.parameters(), lr=1e-3)
    )
    x, y = (torch.from_numpy(a) for a in batch)

    def run() -> float:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss.item()

    return run


def jax_step(batch: tuple, optimizer: str) -> Callable[[], float] | None:
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return None
    keys = jax.random.split(jax.random.PRNGKey(0), len(LAYERS))
    params = [
        (jax.random.normal(k, (i, o), jnp.float32) * (1 / i) ** 0.5, jnp.zeros(o, jnp.float32))
        for k, i, o in zip(keys, LAYERS, LAYERS[1:])
    ]
    zeros = jax.tree.map(jnp.zeros_like, params)

    def loss_of(params, x, y):
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(x @ w + b), y[:, None], axis=1).mean()

    def sgd(params, state, x, y):
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        state = jax.tree.map(lambda m, g: 0.9 * m + g, state, grads)
        return jax.tree.map(lambda p, m: p - 0.1 * m, params, state), state, loss

    def adamw(params, state, x, y):
        m, v, t = state
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        step = lambda p, m, v: (  # noqa: E731
            p * (1 - 1e-5) - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        )
        return jax.tree.map(step, params, m, v), (m, v, t), loss

    update = jax.jit(sgd if optimizer == "sgd" else adamw, donate_argnums=(0, 1))
    held = [params, zeros if optimizer == "sgd" else (zeros, jax.tree.map(jnp.zeros_like, params), jnp.float32(0))]
    x, y = (jnp.asarray(a) for a in batch)

    def run() -> float:
        held[0], held[1], loss = update(held[0], held[1], x, y)
        return float(loss)

    return run


def measure(runs: dict[str, Callable[[], float]], rounds: int, calls: int) -> dict[str, list[float]]:
    """Seconds per call, a list of medians for each candidate, one per interleaved round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken = []
            for _ in range(calls):
                start = time.perf_counter()
                run()
                taken.append(time.perf_counter() - start)
            times[name].append(statistics.median(taken))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="sgd")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)
    if args.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import numpy as np

    from tapegraph import data

    images, labels = data.digits()
    images, labels = (a.numpy() if hasattr(a, "numpy") else a for a in (images, labels))
    batch = np.array(images[: args.batch], "f4"), np.array(labels[: args.batch])
    runs = {
        "tapegraph static": tapegraph_step(batch, args.optimizer, "static"),
        "tapegraph eager": tapegraph_step(batch, args.optimizer, "eager"),
        "torch eager": torch_step(batch, args.optimizer, args.threads),
        "jax.jit": jax_step(batch, args.optimizer),
    }
    present = {name: run for name, run in runs.items() if run is not None}
    for run in present.values():
        for _ in range(20):
            run()
    times = measure(present, args.rounds, 40)
    base = times["tapegraph static"]
    print(f"batch {args.batch}, {args.optimizer}, {args.threads} thread(s), load {os.getloadavg()[0]:.1f}")
    for name in runs:
        if name not in times:
            print(f"{name:18} not installed")
            continue
        ratios = [t / b for t, b in zip(times[name], base)]
        spread = statistics.quantiles(ratios, n=4)
        print(
            f"{name:18} {statistics.median(times[name]) * 1e6:8.0f} us   "
            f"{statistics.median(ratios):6.2f}x static (quartiles {spread[0]:.2f}-{spread[2]:.2f})"
        )


if __name__ == "__main__":
    main()
