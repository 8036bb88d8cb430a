"""Three small elementwise ops with their tape entries, tapegraph against PyTorch eager, A/B in one process.

Run as ``python -m tests.eager.bench_eager``. One thread; rounds alternate; medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import tapegraph as tg

LOOPS, ROUNDS = 400, 101


def programs() -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """What is timed: name -> (ours, PyTorch's)."""
    rng = np.random.default_rng(0)
    data = [rng.uniform(-1, 1, 10).astype(np.float32) for _ in range(3)]
    x, w, b = (tg.asarray(d) for d in data)
    tx, tw, tb = (torch.from_numpy(d.copy()) for d in data)
    w.requires_grad_()
    tw.requires_grad_()
    tanh, ttanh, ones = tg.tanh, torch.tanh, tg.ones((10,))
    tones = torch.ones(10)

    def forward() -> Any:
        y = x * w
        y = y + b
        return tanh(y)

    def torch_forward() -> Any:
        y = tx * tw
        y = y + tb
        return ttanh(y)

    def scalars() -> Any:
        y = x * 2.0
        y = 1.0 - y
        return y * w

    def torch_scalars() -> Any:
        y = tx * 2.0
        y = 1.0 - y
        return y * tw

    def both() -> Any:
        forward().backward(ones)
        w.grad = None

    def torch_both() -> Any:
        torch_forward().backward(tones)
        tw.grad = None

    return {
        "x * w, + b, tanh": (forward, torch_forward),
        "x * 2.0, 1.0 - y, * w": (scalars, torch_scalars),
        "forward and backward": (both, torch_both),
    }


def measure(
    ours: Callable[[], Any], theirs: Callable[[], Any], loops: int = LOOPS, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Median microseconds per call of each, rounds of one alternating with rounds of the other."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for function, found in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            for _ in range(loops):
                function()
            found.append((time.perf_counter() - start) / loops * 1e6)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'three ops on 10 float32':26}{'tapegraph':>12}{'torch':>12}{'ratio':>8}")
    for name, pair in programs().items():
        mine, peer = measure(*pair)
        print(f"{name:26}{mine:9.2f} µs{peer:9.2f} µs{mine / peer:7.2f}x")


if __name__ == "__main__":
    main()
