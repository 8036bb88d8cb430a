"""The machine and its ceilings: the rate of matrix products and the bandwidth of memory, measured where they are used."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapegraph.bench.process import environment

SIDES = (64, 128, 256, 512, 1024)
FOOTPRINTS = tuple(1 << k for k in range(15, 28, 2))  # bytes: 32 KiB to 128 MiB

_PROBE = """
import json, sys, time
import numpy as np
def best(call, least=0.02):
    call(); found = []
    for _ in range(3):
        n, start = 0, time.perf_counter()
        while time.perf_counter() - start < least: call(); n += 1
        found.append((time.perf_counter() - start) / n)
    return min(found)
sides, footprints = json.loads(sys.argv[1])
gemm, traffic = {}, {}
for n in sides:
    a = np.ones((n, n), np.float32); b = a.copy(); c = a.copy()
    gemm[n] = 2 * n**3 / best(lambda: np.matmul(a, b, out=c))
for size in footprints:
    a = np.ones(size // 8, np.float32); b = a.copy()
    traffic[size] = size / best(lambda: np.negative(a, out=b))
print(json.dumps([gemm, traffic]))
"""


@dataclass
class Ceilings:
    """flops: per second, of the fastest of some square float32 products; traffic: bytes per second by footprint."""

    flops: float
    traffic: dict[int, float]

    def seconds(self, work: dict[str, float]) -> float | None:
        """What the products alone or the traffic alone would take, whichever is longer; None for no declared work."""
        if not work:
            return None
        nearest = min(self.traffic, key=lambda size: abs(np.log(size) - np.log(max(work["bytes"], 1))))
        return max(work["flops"] / self.flops, work["bytes"] / self.traffic[nearest])


def ceilings(threads: int) -> Ceilings:
    """Measured in a new process with so many threads, NumPy's BLAS and one core's loops."""
    found = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps([SIDES, FOOTPRINTS])],
        env=environment(threads, None),
        capture_output=True,
        text=True,
        check=True,
    )
    gemm, traffic = json.loads(found.stdout)
    return Ceilings(max(gemm.values()), {int(size): rate for size, rate in traffic.items()})


def load() -> float | None:
    """The number of processes that wanted a core in the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def described() -> dict[str, Any]:
    """System, cores, versions and load."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "load": load(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        return platform.processor()
