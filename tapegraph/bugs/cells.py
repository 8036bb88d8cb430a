"""Cells of the table are run: a server for each contender, a fresh process for each program, every record archived."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tapegraph.bench.process import environment
from tapegraph.bugs.contenders import Contender
from tapegraph.bugs.variants import Case

HERE = Path(__file__).parent
LIMIT = 120.0  # seconds that a program may run
REPEATS = 5


class Absent(Exception):
    """A framework that is not installed."""


class Server:
    """One interpreter with one framework imported; a context manager."""

    def __init__(self, contender: Contender, python: str | None = None) -> None:
        root = str(HERE.parents[1]) if contender.idiom == "tapegraph" else ""
        self._process = subprocess.Popen(
            [python or sys.executable, str(HERE / "cell.py"), ",".join(contender.imports), root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(1, None),
            text=True,
            process_group=0,
        )
        said = self._read()
        if "absent" in said:
            self.close()
            raise Absent(said["absent"])
        self.version = said["version"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            return {"absent": f"its process ended with status {self._process.wait()}"}
        found: dict[str, Any] = json.loads(line)
        return found

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """The record of one program."""
        assert self._process.stdin is not None
        out = Path(request["out"])
        out.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        said = self._read()
        if out.exists() and not said.get("ended"):
            found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
            return found
        return {"broken": said.get("ended") or said.get("absent", "no record")}

    def close(self) -> None:
        """End the interpreter, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def servers(contender: Contender, jobs: int, python: str | None) -> Iterator[list[Server]]:
    """As many interpreters as there are jobs. Raises Absent."""
    found: list[Server] = []
    try:
        for _ in range(jobs):
            found.append(Server(contender, python))
        yield found
    finally:
        for server in found:
            server.close()


def run_cases(
    contender: Contender,
    cases: list[Case],
    archive: Path,
    *,
    jobs: int = 1,
    python: str | None = None,
    done: Callable[[str], None] = lambda name: None,
) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Each case with its records: ``{"bug": .., "twin": .., "version": ..}``, as they finish. Raises Absent."""
    folder = archive / contender.name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with servers(contender, min(jobs, max(1, len(cases))), python) as pool:
        yield from spread(pool, cases, lambda server, case: _both(server, contender, case, folder), done)


def spread(
    pool: list[Server],
    items: list[Any],
    work: Callable[[Server, Any], dict[str, Any]],
    done: Callable[[str], None] = lambda name: None,
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Items with what ``work`` made of them, each on one of the servers."""
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    made: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for item in items:
        todo.put(item)

    def serve(server: Server) -> None:
        while True:
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                made.put((item, work(server, item)))
            except Exception as error:
                made.put((item, {"broken": f"{type(error).__name__}: {error}"}))

    for server in pool:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
    for _ in items:
        item, found = made.get()
        done(item.name)
        yield item, found


def _both(server: Server, contender: Contender, case: Case, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"version": server.version}
    for which, program, plant in (("bug", case.program, case.plant), ("twin", case.twin, "")):
        place = folder / case.name / which
        place.mkdir(parents=True, exist_ok=True)
        path = place / "train.py"
        path.write_text(program, encoding="utf-8")
        found[which] = server.run(
            {
                "program": str(path),
                "switches": contender.switches,
                "plant": plant,
                "line": case.line,
                "operands": case.operands,
                "notices": contender.notices,
                "repeats": REPEATS,
                "limit": LIMIT,
                "out": str(place / "record.json"),
            }
        )
    return found
