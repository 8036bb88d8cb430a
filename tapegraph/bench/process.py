"""A worker as the parent sees it: started with its threads and caches set, asked over a pipe, gone when it dies."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CONTENDERS = {  # name: its file in contenders/, which is also the name of its builders in workloads
    "static": "tapegraph",
    "eager": "tapegraph",
    "torch": "torch",
    "torch.compile": "torch",
    "jax": "jax",
    "pytensor": "pytensor",
    "numpy": "numpy",
}
OURS = ("static", "eager")


class Absent(Exception):
    """A contender that is not installed, or has no program for a workload."""


class Failed(Exception):
    """A contender that raised, or whose process died."""


def environment(threads: int, cache: str | None) -> dict[str, str]:
    """What every worker's process is told alike: so many threads, and where compiled code is kept."""
    count = str(threads)
    told = {f"{name}_NUM_THREADS": count for name in ("OPENBLAS", "OMP", "MKL", "NUMBA", "VECLIB_MAXIMUM")}
    single = " --xla_cpu_multi_thread_eigen=false" if threads == 1 else ""
    told["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')}{single} intra_op_parallelism_threads={threads}".strip()
    told["JAX_PLATFORMS"] = "cpu"
    if cache is not None:
        told["TAPEGRAPH_CACHE_DIR"] = os.path.join(cache, "tapegraph")
        told["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(cache, "inductor")
        told["TRITON_CACHE_DIR"] = os.path.join(cache, "triton")
        told["JAX_COMPILATION_CACHE_DIR"] = os.path.join(cache, "jax")
        told["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        flags = os.environ.get("PYTENSOR_FLAGS", "")
        told["PYTENSOR_FLAGS"] = ",".join(filter(None, [flags, f"base_compiledir={os.path.join(cache, 'pytensor')}"]))
        told["NUMBA_CACHE_DIR"] = os.path.join(cache, "numba")
    return {**os.environ, **told}


class Process:
    """One contender in its own process; a context manager."""

    def __init__(self, name: str, threads: int, python: str | None = None, cache: str | None = None) -> None:
        self.name = name
        file = HERE / "contenders" / f"{CONTENDERS[name]}.py"
        root = str(HERE.parents[1]) if name in OURS else ""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        # A process group of its own: Ctrl-C reaches the parent only, which decides what becomes of its workers. Not a
        # session: Linux shares the processor out among sessions first, and workers are to stay in their user's.
        self._process = subprocess.Popen(
            [python or sys.executable, str(HERE / "worker.py"), name, str(file), str(threads), root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=environment(threads, cache),
            process_group=0,
        )

    def ask(self, command: str, **arguments: Any) -> Any:
        """The answer to a command. Raises Absent or Failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump((command, arguments), self._process.stdin)
            self._process.stdin.flush()
            verdict, value = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            status = self._process.wait()
            raise Failed(f"its process ended with status {status}: {self._last_words()}") from None
        if verdict == "absent":
            raise Absent(value)
        if verdict == "error":
            raise Failed(value)
        return value

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
