"""What this installation consists of and runs on: versions, processor, threads, BLAS, memory, cache, environment; nothing slow is imported."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import tapegraph as tg
from compiler import blas, cache, machine, pool
from tapegraph.threads import numpy_blas, numpy_threads

PEERS = {  # a peer, and the distributions that it comes in
    "torch": ("torch",),
    "jax": ("jax",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "pytensor": ("pytensor",),
}
VARIABLES = {  # what each does to tapegraph
    "TAPEGRAPH_CACHE_DIR": "where compiled kernels are kept",
    "TAPEGRAPH_HISTORY_DIR": "where compare keeps its runs",
    "TAPEGRAPH_NUM_THREADS": "how many threads compute",
    "TAPEGRAPH_DEBUG": "how closely programs are watched: off, default, checked",
    "TAPEGRAPH_TRACEBACK": "full: tracebacks show the library's own frames",
    "TAPEGRAPH_TIERED": "1: first calls run line by line while another process compiles",
}
OTHERS = {  # those that are told only where they are set
    "OPENBLAS_NUM_THREADS": "threads of NumPy's matrix products",
    "OMP_NUM_THREADS": "the same, and threads of peers",
    "MKL_NUM_THREADS": "threads of peers",
    "OPENBLAS_CORETYPE": "which kernels OpenBLAS takes",
    "PYTHONDONTWRITEBYTECODE": "every start parses all sources again (about half a second)",
    "NUMBA_DISABLE_JIT": "numba compiles nothing",
    "PYTHONBREAKPOINT": "the debugger that breakpoints open",
    "XDG_CACHE_HOME": "where caches lie",
}
FEATURES = ("sse4.2", "avx2", "fma", "f16c", "avx512f", "avx512vnni", "avx512bf16", "amx-tile", "neon", "sve")
_REQUIRED = re.compile(r"([A-Za-z0-9._-]+)(?:\[([\w,]+)\])?[^;]*(?:;.*extra == .(\w+))?")


def inventory() -> dict[str, Any]:
    """Everything, as JSON holds it; None for what is not installed or cannot be known. Bytes, and numbers of threads."""
    return {
        "tapegraph": tg.__version__,
        "place": str(Path(__file__).parent),
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
        },
        "system": platform.platform(),
        "processor": processor(),
        "memory": memory(),
        "threads": {"compiled functions": pool.threads(), "NumPy's BLAS": numpy_threads()},
        "blas": {"numpy": numpy_blas(), "scipy": blas.told()},
        "cache": kept(),
        **packages(),
        "environment": {name: os.environ.get(name) for name in VARIABLES}
        | {name: os.environ[name] for name in OTHERS if name in os.environ},
    }


def processor() -> dict[str, Any]:
    """Model, LLVM's name of it, vector bits and features, cores in all and for this process, load."""
    _, name, flags = machine.processor()
    had = [flag[1:] for flag in flags.split(",") if flag.startswith("+")]
    return {
        "model": model(),
        "llvm": name,
        "vector_bits": 8 * machine.vector_bytes(),
        "features": had,
        "cores": os.cpu_count(),
        "usable": pool.usable_cores(),
        "quota": _quota(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def model() -> str:
    """The processor's name as its maker gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        return platform.processor()


def _quota() -> float | None:
    """How many processors' time a container may use (cgroup v2), where it is limited."""
    try:
        most, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if most == "max" else int(most) / int(period)
    except (OSError, ValueError):
        return None


def memory() -> dict[str, int | None]:
    """Of the machine, what is free of it, and what a container may use (cgroup v2), in bytes."""
    found: dict[str, int | None] = {"total": None, "available": None, "limit": None}
    try:
        text = Path("/proc/meminfo").read_text()
        for name, row in (("total", "MemTotal"), ("available", "MemAvailable")):
            if line := re.search(rf"^{row}:\s+(\d+) kB", text, re.MULTILINE):
                found[name] = int(line[1]) * 1024
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        found["limit"] = int(limit) if limit.isdigit() else None
    except OSError:
        pass
    if found["total"] is None and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["total"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return found


def kept() -> dict[str, Any]:
    """The cache: its folder, how many kernels and bytes, and whether it can be written."""
    folder = cache.directory()
    sizes = [stat.st_size for path, stat in cache.files() if path.suffix == ".o"]
    nearest = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    return {
        "path": str(folder),
        "kernels": len(sizes),
        "bytes": sum(sizes),
        "writable": nearest.is_dir() and os.access(nearest, os.W_OK),
    }


def packages() -> dict[str, dict[str, Any]]:
    """Versions of what tapegraph needs, of its extras by name, and of the peers that it is compared with."""
    needs: dict[str, str | None] = {}
    extras: dict[str, dict[str, str | None]] = {}
    try:
        required = metadata.requires("tapegraph") or []
    except metadata.PackageNotFoundError:  # a folder on the path, not installed
        required = ["numpy", "scipy", "numba", "networkx", "rich"]
    for text in required:
        if (found := _REQUIRED.match(text)) and found[1] != "tapegraph":
            (needs if found[3] is None else extras.setdefault(found[3], {}))[found[1]] = version(found[1])
    needs["llvmlite"] = version("llvmlite")
    peers = {name: next(filter(None, map(version, among)), None) for name, among in PEERS.items()}
    return {"packages": needs, "peers": peers, "extras": extras}


def version(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
