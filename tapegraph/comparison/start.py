"""What a new process pays before the first result of the compiled step: with an empty kernel cache, then with a full one."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tapegraph.comparison.figures import Start

WARM_RUNS = 3


def starts(settings: dict[str, Any], threads: int = 1) -> list[Start]:
    """The digits job, started in new processes: once over an empty cache, then ``WARM_RUNS`` times over what it left.

    ``settings``: the arguments of ``digits.job``. Raises RuntimeError with the child's last words where one fails.
    """
    with tempfile.TemporaryDirectory(prefix="tapegraph-cache-") as folder:
        cold = _process("cold cache", settings, threads, folder)
        warm = sorted(
            (_process("warm cache", settings, threads, folder) for _ in range(WARM_RUNS)), key=lambda s: s.first_call
        )
    cold.runs = [cold.first_call]
    middle = warm[WARM_RUNS // 2]
    middle.runs = [s.first_call for s in warm]
    middle.imports = statistics.median(s.imports or 0.0 for s in warm)
    return [cold, middle]


def _process(name: str, settings: dict[str, Any], threads: int, cache: str) -> Start:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    found = subprocess.run(
        [
            sys.executable,
            "-P",  # the packages beside this file, not those in the current folder
            "-m",
            "tapegraph.comparison.start",
            name,
            repr(time.time()),
            json.dumps(settings),
            str(threads),
        ],
        env={**os.environ, "TAPEGRAPH_CACHE_DIR": cache, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"the process that measures a {name} ended with status {found.returncode}: {last}")
    return Start(**json.loads(found.stdout.splitlines()[-1]))


def _child(name: str, launched: float, settings: dict[str, Any], threads: int) -> Start:
    import compiler.pipeline  # what the first call would import is imported before the clock starts
    from tapegraph.compare import start_of
    from tapegraph.comparison.digits import job
    from tapegraph.comparison.threads import pinned
    from tapegraph.mode import mode

    if name == "cold cache":
        import compiler.toolchain  # noqa: F401  # numba, which a warm process does without
    imports = time.time() - launched
    made = job(**settings)
    batch = next(iter(made.batches))
    with mode("static"), pinned(threads):
        started = time.perf_counter()
        made.step(*batch)
        passed = time.perf_counter() - started
    return start_of(made.step, name, passed, imports=imports, imported_numba="numba" in sys.modules)


if __name__ == "__main__":
    _name, _launched, _settings, _threads = sys.argv[1:]
    print(json.dumps(asdict(_child(_name, float(_launched), json.loads(_settings), int(_threads)))))
