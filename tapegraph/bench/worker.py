"""One contender in a process of its own: takes commands from a pipe, imports nothing of tapegraph's.

Run as a script, with any interpreter that has NumPy: ``worker.py CONTENDER FILE THREADS ROOT``. Each command is a
pickled ``(name, arguments)``, each answer a pickled ``("ok" | "absent" | "error", value)``.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

NO_PROGRAM = "the workload has no program for it"


def load(path: str) -> Any:
    """The module in a file, whatever else has its name."""
    spec = importlib.util.spec_from_file_location(f"bench_{Path(path).stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def memory(field: str) -> int:
    """Bytes of VmRSS (held now) or VmHWM (held at most), 0 where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith(field)), 0)
    except OSError:
        return 0


def forget_peak() -> bool:
    """Have VmHWM count from here; False where the system cannot."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        return False
    return True


def _nothing(result: Any) -> None:
    pass


def _itself(step: Any) -> Any:
    return step


class Worker:
    """The commands."""

    def __init__(self, name: str, file: str, threads: int) -> None:
        self.name = name
        self.file = file
        self.threads = threads
        self.done = 0

    def imports(self, cold: bool) -> dict[str, Any]:
        """Import the framework; ``cold``: also what only a process without cached code needs."""
        started = time.perf_counter()
        self.contender = contender = load(self.file).Contender(self.name, self.threads, cold)
        # What a contender leaves out: results that are there when a call returns, arrays that are NumPy's.
        self.wait = getattr(contender, "wait", _nothing)
        self.host = getattr(contender, "host", np.array)
        seconds = time.perf_counter() - started
        self.held = memory("VmRSS")
        return {"seconds": seconds, "version": contender.version, "bytes": self.held}

    def start(self, path: str, case: dict[str, Any], params: Any, batches: Any, calls: int) -> dict[str, Any]:
        """Build the program and call it ``calls`` times; ``first``: seconds from arrays to the first result."""
        builder = getattr(load(path), Path(self.file).stem, None)
        if builder is None:
            raise NotImplementedError
        contender, self.each = self.contender, case.get("latency", False)
        started = time.perf_counter()
        step, read, *own = builder(case, params, contender)
        self.step = getattr(contender, "finish", _itself)(step)
        array = own[0] if own else getattr(contender, "array", np.array)
        self.batches = [tuple(map(array, batch)) for batch in batches]
        results = [self.call()]
        first = time.perf_counter() - started
        results += [self.call() for _ in range(calls - 1)]
        return {
            "first": first,
            "results": [self.hosted(r) for r in results],
            "state": {name: self.host(v) for name, v in read().items()},
        }

    def call(self) -> Any:
        """One call, waited for."""
        result = self.step(*self.batches[self.done % len(self.batches)])
        self.done += 1
        self.wait(result)
        return result

    def hosted(self, result: Any) -> list[Any]:
        """The arrays of a result: a tuple, or one."""
        return [self.host(v) for v in (result if isinstance(result, tuple | list) else [result])]

    def time(self, calls: int) -> tuple[float, float]:
        """Seconds and seconds of the processor that ``calls`` calls take, from the first batch on.

        The last result is waited for; where the workload is one of latency, every one.
        """
        step, batches, wait = self.step, self.batches, self.wait
        turns = [batches[i % len(batches)] for i in range(calls)]
        each, result = self.each, None
        cpu, started = time.process_time(), time.perf_counter()
        for batch in turns:
            result = step(*batch)
            if each:
                wait(result)
        wait(result)
        return time.perf_counter() - started, time.process_time() - cpu

    def singly(self, calls: int) -> list[float]:
        """Seconds of each of ``calls`` calls, every one waited for."""
        found = []
        for _ in range(calls):
            started = time.perf_counter()
            self.call()
            found.append(time.perf_counter() - started)
        return found

    def peak(self, calls: int) -> dict[str, int]:
        """Bytes held at most during some calls: in all, and beyond what the imports held."""
        known = forget_peak()
        for _ in range(calls):
            self.call()
        most = memory("VmHWM") if known else 0
        return {"bytes": most, "beyond_imports": max(0, most - self.held) if known else 0}


def main(name: str, file: str, threads: str, root: str) -> None:
    """Answer commands until the pipe closes."""
    # Frameworks print; what they print goes where errors go, so that answers stay alone on their pipe.
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path[0:1] = [root] if root else []  # the folder of this file is no place to import from
    if hasattr(os, "sched_setaffinity"):
        # So many threads on so many cores: what hands work to a thread of its own gains no core by it.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])
    worker = Worker(name, file, int(threads))
    while True:
        try:
            command, arguments = pickle.load(commands)
        except EOFError:
            return
        try:
            answer = "ok", getattr(worker, command)(**arguments)
        except ImportError as missing:
            answer = "absent", str(missing)
        except NotImplementedError:
            answer = "absent", NO_PROGRAM
        except Exception:
            answer = "error", traceback.format_exc()
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
