"""What a call costs beside its arithmetic: a step over ten small parameters, new sizes at every call, several steps.

Run ``python -m tests.benchmarks.call``. Candidates take turns; the figures to quote are the ratios of one run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

import tapegraph as tg
from tapegraph import nn, optim

PARAMETERS = 10


def reading(updating: bool) -> Callable[[], Any]:
    """A static call that reads ten parameters, and where asked changes them all."""
    parameters = [nn.Parameter(np.ones(4, "f4")) for _ in range(PARAMETERS)]

    @tg.function
    def step(x):
        total = x
        for p in parameters:
            total = total + p
        if updating:
            for p in parameters:
                p.assign(p.value * 0.5)
        return total

    x = tg.ones(4)

    def run() -> Any:
        return step(x)

    return run


def peers() -> dict[str, Callable[[], Any]]:
    """The emptiest calls of PyTorch, and JAX's jitted sum of eleven arrays, where they are installed."""
    found: dict[str, Callable[[], Any]] = {}
    try:
        import torch
    except ImportError:
        pass
    else:
        torch.set_num_threads(1)
        a, module = torch.ones(4), torch.nn.Identity()
        found["torch, a + a"] = lambda: a + a
        found["torch, nn.Identity()(a)"] = lambda: module(a)
    try:
        import jax
    except ImportError:
        pass
    else:
        arrays = [jax.numpy.ones(4, "f4") for _ in range(PARAMETERS)]
        jitted = jax.jit(lambda x, ps: x + sum(ps))
        found["jax.jit, x + ten arrays"] = lambda: jitted(arrays[0], arrays)
    return found


def seconds(run: Callable[[], Any], calls: int) -> float:
    """Processor time of one call."""
    start = time.thread_time()
    for _ in range(calls):
        run()
    return (time.thread_time() - start) / calls


def median_times(runs: dict[str, Callable[[], Any]], rounds: int = 15, calls: int = 2000) -> dict[str, float]:
    """The median over rounds in which the candidates take turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run, calls))
    return {name: statistics.median(t) for name, t in times.items()}


def new_sizes(layers: int = 12, lengths: int = 150) -> tuple[int, float, float]:
    """Steps of the plan, seconds of a call with sizes never seen, and of one with sizes seen before."""
    model = nn.Sequential(*(m for _ in range(layers) for m in (nn.Linear(16, 16), nn.Tanh())))

    @tg.function
    def step(xs):
        hidden = model(xs)

        def body(carry, x):
            h = tg.tanh(x + carry)
            return h, h

        _, hs = tg.scan(body, tg.zeros(xs.shape[1:]), hidden)
        loss = tg.mean(hs * hs)
        for p in model.parameters():
            p.grad = None
        loss.backward()
        return loss

    rng = np.random.default_rng(0)
    batches = [tg.asarray(rng.standard_normal((n, 4, 16)).astype("f4")) for n in range(2, lengths + 2)]
    rng.shuffle(batches)
    for batch in batches[:50]:  # most of what the arena has to grow
        step(batch)
    first, again = [], []
    for batch in batches[50:]:
        start = time.perf_counter()
        step(batch)
        middle = time.perf_counter()
        step(batch)
        first.append(middle - start)
        again.append(time.perf_counter() - middle)
    steps = len(step._latest().program.plan.steps)
    return steps, statistics.median(first), statistics.median(again)


def mlp(tiered: bool = False) -> tuple[Any, Any]:
    """The training step of an MLP 64-128-128-10, and the model."""
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    @tg.function(tiered=tiered)
    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, model


def digits(count: int, batch: int) -> tuple[Any, Any]:
    """Batches along the first axis."""
    rng = np.random.default_rng(0)
    return rng.random((count, batch, 64), np.float32), rng.integers(0, 10, (count, batch))


def several(batch: int, count: int = 100) -> None:
    """A hundred steps in a loop, and the same in one native call."""
    xs, ys = digits(count, batch)
    step, _ = mlp()
    pairs = [(tg.asarray(x), tg.asarray(y)) for x, y in zip(xs, ys)]

    def loop() -> None:
        for x, y in pairs:
            step(x, y)

    def many() -> None:
        step.many(xs, ys)

    loop(), many()
    times = median_times({"loop": loop, "many": many}, rounds=15, calls=3)
    a, b = (t / count * 1e6 for t in times.values())
    print(f"MLP, batch {batch}: {a:.1f} us a step in a loop, {b:.1f} in step.many ({a / b:.2f}x)")


def tiered_start() -> None:
    """The seconds of each call from the first, while another process compiles."""
    xs, ys = digits(1, 32)
    eager, _ = mlp()
    step, _ = mlp(tiered=True)
    with tg.mode("eager"):
        for _ in range(5):
            eager(xs[0], ys[0])
        alone = seconds(lambda: eager(xs[0], ys[0]), 50)
    taken, began = [], time.perf_counter()
    while not step.versions or not any(step.versions.values()):
        start = time.perf_counter()
        step(xs[0], ys[0])
        taken.append(time.perf_counter() - start)
    ready = time.perf_counter() - began
    print(
        f"tiered start, eager step {alone * 1e3:.2f} ms: first call {taken[0] / alone:.2f}x, second (traced) "
        f"{taken[1] * 1e3:.0f} ms, then {statistics.median(taken[2:-1] or [0]) / alone:.2f}x; native after {ready:.2f} s"
    )


def main() -> None:
    if "tiered" in sys.argv:
        with tg.mode("static"):
            tiered_start()
        return
    with tg.mode("static"):
        runs = {"tapegraph, reads ten": reading(False), "tapegraph, changes ten": reading(True), **peers()}
        for run in runs.values():
            for _ in range(50):
                run()
        times = median_times(runs)
        base = times["tapegraph, reads ten"]
        for name, taken in times.items():
            print(f"{name:26} {taken * 1e6:8.2f} us  {taken / base:6.2f}x")
        steps, first, again = new_sizes()
        print(f"new sizes, {steps} steps: {(first - again) * 1e6:.0f} us on top of {again * 1e6:.0f} us")
        several(1)
        several(32)
    with tempfile.TemporaryDirectory() as empty:  # a process of its own, that has compiled nothing yet
        subprocess.run([sys.executable, "-m", __spec__.name, "tiered"], env=os.environ | {"TAPEGRAPH_CACHE_DIR": empty})


if __name__ == "__main__":
    main()
