"""The training step of each reference model in eager mode, in static mode and in PyTorch, and a first call.

Run ``python -m tests.models.bench [names] [--size N] [--rounds N] [--no-cold]``. One thread each, rounds interleaved
(A B C A B C ...), medians of the processor's time, which other programs on the machine change little. The first call is
traced, optimised, compiled with an empty cache of kernels, and run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import tapegraph as tg
from tapegraph.comparison.threads import pinned
from tapegraph.models import REFERENCE


def first_call(name: str, size: int | None) -> float:
    """Seconds (of the processor) that the first static step takes in this process."""
    reference = REFERENCE[name]
    training, batch = reference.start(), reference.data(size=size)
    started = time.process_time()
    with tg.mode("static"):
        training.step(*batch)
    return time.process_time() - started


def cold(name: str, size: int | None) -> float:
    """``first_call`` in a new process over an empty cache."""
    with tempfile.TemporaryDirectory(prefix="tapegraph-cache-") as folder:
        found = subprocess.run(
            [sys.executable, "-m", "tests.models.bench", name, "--first", *(["--size", str(size)] if size else [])],
            env={**os.environ, "TAPEGRAPH_CACHE_DIR": folder},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(found.stdout)


def candidates(name: str, size: int | None) -> dict[str, Callable[[], Any]]:
    """What is timed: one training step on one batch."""
    reference = REFERENCE[name]
    batch = reference.data(size=size)
    runs: dict[str, Callable[[], Any]] = {}
    for mode in ("eager", "static"):
        training = reference.start()

        def run(mode: str = mode, step: Any = training.step) -> None:
            with tg.mode(mode):
                step(*batch)

        runs[mode] = run
    try:
        import torch

        from tests.models.torch_models import Twin
    except ImportError:
        return runs
    torch.set_num_threads(1)
    twin = Twin(name, reference.start())
    runs["torch"] = lambda: twin.step(*batch)
    return runs


def measure(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds per call, the median of the rounds; each round takes at least 10 ms of each."""
    loops = {}
    for name, run in runs.items():
        run()
        started = time.process_time()
        run()
        loops[name] = max(1, int(0.01 / (time.process_time() - started)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.process_time()
            for _ in range(loops[name]):
                run()
            times[name].append((time.process_time() - started) / loops[name] * 1e3)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(REFERENCE))
    parser.add_argument("--size", type=int, help="of the batch; that of the model unless given")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-cold", action="store_true", help="leave out the first call of a new process")
    parser.add_argument("--first", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.first:
        print(first_call(args.names[0], args.size))
        return
    print(f"one training step, ms of one processor; load {os.getloadavg()[0]:.1f}")
    print(f"{'model':26}{'eager':>9}{'static':>9}{'torch':>9}{'torch / static':>16}{'first call':>12}")
    with pinned(1):
        for name in args.names:
            found = measure(candidates(name, args.size), args.rounds)
            peer = (
                f"{found['torch']:9.2f}{found['torch'] / found['static']:15.1f}x"
                if "torch" in found
                else f"{'-':>9}{'-':>16}"
            )
            start = "" if args.no_cold else f"{cold(name, args.size):10.1f} s"
            print(f"{name:26}{found['eager']:9.2f}{found['static']:9.2f}{peer}{start:>12}", flush=True)


if __name__ == "__main__":
    main()
