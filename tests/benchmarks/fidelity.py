"""What each fidelity costs: CPU time of a training step, by turns with eager mode. `python -m tests.benchmarks.fidelity`"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TAPEGRAPH_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.nn import functional as F

WAYS = ("eager", "bitwise", "rounding")


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.out = nn.LSTM(16, 32), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        return self.out(self.layer(x)[0][-1])


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


def lenet() -> nn.Module:
    first = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (32, 64)),
    "lstm": (Recurrent, (20, 32, 16)),
    "lenet": (lenet, (32, 1, 28, 28)),
}


def made(name: str, way: str) -> Callable[[], Any]:
    """A training step of a model on one batch of 32."""
    tg.manual_seed(0)
    model, shape = MODELS[name][0](), MODELS[name][1]
    optimizer = optim.AdamW(model.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    run = step if way == "eager" else tg.compile(step, fidelity=way)
    x, y = np.random.default_rng(0).random(shape, np.float32), np.arange(32) % 10
    return lambda: run(x, y)


def main() -> None:
    for name in MODELS:
        steps = {way: made(name, way) for way in WAYS}
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for turn in range(25):
            for way, step in steps.items():
                started = time.process_time()
                for _ in range(3):
                    step()
                if turn > 4:
                    taken[way].append((time.process_time() - started) / 3)
        base = median(taken["eager"])
        told = ", ".join(f"{w} {1e3 * median(ts):.2f} ms ({median(ts) / base:.2f})" for w, ts in taken.items())
        print(f"{name}: {told}", flush=True)


if __name__ == "__main__":
    main()
