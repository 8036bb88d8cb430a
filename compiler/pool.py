"""The pool of threads of static mode: how many, started when first needed, gone before a fork and before the interpreter."""

from __future__ import annotations

import atexit
import ctypes
import os
import time
from functools import cache

import numpy as np

from compiler.share_text import API, FIRST_SLEEPER, LINE, POOL, SLEEPER

MOST = 256  # threads, the caller's included
PATIENCE = 2.0  # seconds to wait until helpers are gone; one that computes leaves when its piece is done

_room = np.zeros((FIRST_SLEEPER + MOST + 1) * LINE, np.int64)
_lines = _room[-_room.ctypes.data % 128 // 8 :][: (FIRST_SLEEPER + MOST) * LINE].reshape(-1, LINE)
words = _lines[2]  # those of POOL
HELPERS, STARTED, STOP, OWNER, SPIN, GRAIN, NAP, PIECE = (
    POOL.index(name) for name in ("helpers", "started", "stop", "owner", "spin", "grain", "nap", "piece")
)
words[PIECE] = 30_000_000  # picoseconds of work that a piece is worth


def usable_cores() -> int:
    """The number of processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _asked() -> int:
    try:
        return max(1, int(os.environ["TAPEGRAPH_NUM_THREADS"]))
    except (KeyError, ValueError):
        return usable_cores()


def threads(count: int | None = None) -> int:
    """Set (with ``count``) and return how many threads compute, the caller's included."""
    if count is not None:
        words[HELPERS] = min(count, MOST) - 1 if portable() else 0
    return int(words[HELPERS]) + 1


def portable() -> bool:
    """Whether native code can reach CPython's own portable threads."""
    return all(hasattr(ctypes.pythonapi, name) for name in (*API, "PyThread_allocate_lock"))


@cache
def address() -> int:
    """The address of the pool, whose helpers start when there is work for them."""
    from compiler.grain import measured  # imports llvmlite

    _furnish()
    atexit.register(dismiss)
    if hasattr(os, "register_at_fork"):
        wanted: list[int] = []
        os.register_at_fork(
            before=lambda: wanted.append(dismiss()),
            after_in_parent=lambda: welcome(wanted.pop()),
            after_in_child=lambda: (_furnish(), welcome(wanted.pop())),  # type: ignore[func-returns-value]
        )
    words[[SPIN, GRAIN, NAP]] = measured(int(_lines.ctypes.data))
    return int(_lines.ctypes.data)


def _furnish() -> None:
    """A lock for each sleeper, taken; nobody at work."""
    allocate, take = ctypes.pythonapi.PyThread_allocate_lock, ctypes.pythonapi.PyThread_acquire_lock
    allocate.restype, take.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]
    _lines[:2, 0] = 0
    words[[OWNER, STARTED, STOP]] = 0
    for place, line in enumerate(_lines[FIRST_SLEEPER:]):
        lock = allocate()
        take(lock, 1)
        line[: len(SLEEPER)] = [0, lock, _lines.ctypes.data, place]


def dismiss() -> int:
    """Send the helpers home and wait until they are gone; how many there were to be."""
    wanted = int(words[HELPERS])
    words[HELPERS], words[STOP] = 0, 1
    release = ctypes.pythonapi.PyThread_release_lock
    release.argtypes = [ctypes.c_void_p]
    until = time.monotonic() + PATIENCE
    while words[STARTED] > 0 and time.monotonic() < until:
        for line in _lines[FIRST_SLEEPER + 1 : FIRST_SLEEPER + 1 + words[STARTED]]:
            if line[0]:
                line[0] = 0
                release(int(line[1]))
        time.sleep(1e-5)
    return wanted


def welcome(helpers: int) -> None:
    """Let so many helpers come again when there is work."""
    words[STOP], words[HELPERS] = 0, helpers


threads(_asked())
