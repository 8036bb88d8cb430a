"""Kernels compiled ahead by another process, which leaves them in the disk cache while this one goes on."""

from __future__ import annotations

import atexit
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from weakref import WeakSet

from compiler import cache, loader
from compiler.kernel import Kernel

# A thread would hold the interpreter's lock for most of a compile; the steps beside it were several times slower.
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from compiler import ahead; ahead.work()"
_running: WeakSet[subprocess.Popen[bytes]] = WeakSet()


class Ahead:
    """The kernels of a plan being compiled. Where that fails, loading them compiles here and raises the error."""

    def __init__(self, kernels: Iterable[Kernel]) -> None:
        missing = {k.key: k for k in kernels if not loader.known(k.key)}
        self.process: subprocess.Popen[bytes] | None = None
        if not missing:
            return
        with tempfile.TemporaryFile() as given:
            pickle.dump([(k.text, k.params) for k in missing.values()], given)
            given.seek(0)
            root = str(Path(__file__).resolve().parents[1])
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", _CHILD, root],
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            except OSError:
                return  # no process to be had: compiled here, when they are loaded
        _running.add(self.process)

    def ready(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.process is None or self.process.poll() is not None

    def wait(self) -> None:
        """Return when it is ready."""
        if self.process is not None:
            self.process.wait()


def work() -> None:
    """What the other process does: compile the kernels given on its standard input."""
    for text, params in pickle.load(sys.stdin.buffer):
        kernel = Kernel(text, params)
        if cache.fetch(kernel.key) is None:
            loader.load([kernel])


@atexit.register
def _stop() -> None:
    for process in list(_running):
        if process.poll() is None:
            process.kill()
