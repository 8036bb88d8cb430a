"""Many programs examined by workers, which may crash or hang; what is found is made short."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from tapegraph.fuzz.difference import Difference
from tapegraph.fuzz.examine import Examined, chosen, examine
from tapegraph.fuzz.shrink import shrink
from tapegraph.fuzz.vocabulary import learn
from tapegraph.fuzz.writer import program

PATIENCE = 120.0  # seconds for one program, before its worker is given up
SHRINKING = 40.0  # seconds for one difference


@dataclass
class Found:
    """A difference: the program that showed it, how it was found, and (``text``) the shortest that still does."""

    number: int
    way: str
    difference: Difference
    text: str
    times: int = 1


@dataclass
class Tally:
    """What was examined: programs, their calls, calls that raise, programs by way, what explained differences, and whether it was interrupted."""

    programs: int = 0
    calls: int = 0
    errors: int = 0
    seconds: float = 0.0
    ways: Counter[str] = field(default_factory=Counter)
    why: Counter[str] = field(default_factory=Counter)
    found: dict[str, Found] = field(default_factory=dict)
    ended: str = ""

    def add(self, number: int, examined: Examined) -> list[str]:
        """Count a program; returns the marks of differences that are new."""
        self.programs += 1
        self.calls += examined.calls
        self.errors += examined.errors
        self.ways.update(examined.ways)
        self.why.update(why.split(":")[0] for _, why in examined.why)
        new = []
        for way, difference in examined.found.items():
            mark = _mark(difference)
            if mark in self.found:
                self.found[mark].times += 1
            else:
                self.found[mark] = Found(number, way, difference, examined.text)
                new.append(mark)
        return new


def _mark(found: Difference) -> str:
    """What differences of one cause mostly have in common: for values the label, for errors what they say."""
    if found.label != "error":
        return f"{found.kind} {re.sub('[0-9]+', '#', found.label)}"
    return re.sub("[0-9]+|line=.*?[,)]", "#", f"{found.kind} {found.eager} {found.other}")


def search(
    seed: int,
    programs: int,
    *,
    seconds: float | None = None,
    jobs: int = 1,
    first: int = 0,
    ways: Sequence[str] | None = None,
    modules: Sequence[str] = (),
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Examine so many programs, or as many as there is time for, in ``jobs`` processes, and shrink what they find.

    A Ctrl-C ends it early, with everything so far in the tally.
    """
    started, tally = time.monotonic(), Tally()
    learn(modules)
    try:
        with contextlib.closing(_examined(seed, range(first, first + programs), seconds, jobs, ways, modules)) as all:
            for number, examined in all:
                for mark in tally.add(number, examined):
                    found = tally.found[mark]
                    if found.way != "writer":
                        found.text = shortest(found)
                tally.seconds = time.monotonic() - started
                progress(tally)
    except KeyboardInterrupt:
        tally.ended = "interrupted"
    return tally


def shortest(found: Found) -> str:
    """The program made short; candidates that may crash run in processes of their own."""
    if found.difference.kind in ("crash", "hang"):
        return shrink(found.text, lambda text: crashes(text, found.way) is not None, 3 * SHRINKING)

    def shows(text: str) -> bool:
        now = examine(text, [found.way]).found.get(found.way)
        return now is not None and now.kind == found.difference.kind

    return shrink(found.text, shows, SHRINKING)


def crashes(text: str, way: str) -> str | None:
    """How a process that examines the program ends: by a signal's name, or None where it ends by itself."""
    code = "import sys; from tapegraph.fuzz.examine import examine; examine(sys.stdin.read(), [sys.argv[1]])"
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code, way], input=text, text=True, capture_output=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        return "hang"
    return signal.Signals(-ended.returncode).name if ended.returncode < 0 else None


# ------------------------------------------------------------------------------------------ workers


def _work(pipe: Connection, seed: int, ways: Sequence[str] | None, modules: Sequence[str]) -> None:
    """Examine the programs whose numbers come through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    learn(modules)
    while True:
        try:
            number = pipe.recv()
        except EOFError:
            return
        pipe.send(_one(pipe, seed, number, ways or chosen(seed, number)))


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """A process started inside the block does not hear a Ctrl-C, not even while Python starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _one(pipe: Connection, seed: int, number: int, ways: Sequence[str]) -> Examined:
    try:
        text = program(seed, number)
    except Exception as error:  # a bug of the fuzzer's own
        return Examined("", found={"writer": Difference("writer", 0, "error", "none", repr(error))})
    whole = Examined(text)
    for way in ways:  # one by one, so that the parent knows which of them it was that crashed
        pipe.send((text, way))
        part = examine(text, [way])
        whole.calls, whole.errors = part.calls or whole.calls, part.errors or whole.errors
        whole.ways.append(way)
        whole.why += part.why
        whole.found |= part.found
    return whole


def _examined(
    seed: int,
    numbers: Sequence[int],
    seconds: float | None,
    jobs: int,
    ways: Sequence[str] | None,
    modules: Sequence[str],
) -> Iterator[tuple[int, Examined]]:
    """Each number with what its program showed; a worker that crashes or hangs is replaced."""
    context = multiprocessing.get_context("spawn")
    deadline = None if seconds is None else time.monotonic() + seconds
    waiting = iter(numbers)
    workers: dict[Connection, tuple[Any, int, float]] = {}
    doing: dict[int, tuple[str, str]] = {}

    def hire() -> None:
        mine, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, seed, ways, modules), daemon=True)
        with _deaf():
            process.start()
        theirs.close()
        give(mine, process)

    def give(pipe: Connection, process: Any) -> None:
        number = None if deadline is not None and time.monotonic() > deadline else next(waiting, None)
        if number is None:
            pipe.close()
            process.join(5)
            return
        workers[pipe] = (process, number, time.monotonic())
        pipe.send(number)

    try:
        for _ in range(jobs):
            hire()
        while workers:
            ready = wait(list(workers), timeout=1.0)
            for pipe in [p for p in workers if p in ready or time.monotonic() - workers[p][2] > PATIENCE]:
                process, number, _ = workers[pipe]
                try:
                    message = pipe.recv() if pipe.poll() else None
                except EOFError:
                    message = None
                if isinstance(message, tuple):
                    doing[number] = message
                    continue
                del workers[pipe]
                if message is not None:
                    yield number, message
                    give(pipe, process)
                    continue
                process.join(1)
                kind = "hang" if process.is_alive() else "crash"
                process.kill()
                pipe.close()
                text, way = doing.get(number, ("", "writer"))
                how = f"exit code {process.exitcode}" if kind == "crash" else f"{PATIENCE:.0f} s without an end"
                yield number, Examined(text, ways=[way], found={way: Difference(kind, 0, kind, "none", how)})
                hire()
    finally:
        for process, *_ in workers.values():
            process.kill()
