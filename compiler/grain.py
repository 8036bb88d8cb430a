"""The grain: how much work is worth sharing on this machine, measured once and kept with the kernels."""

from __future__ import annotations

import struct
import time

import numpy as np

from compiler import cache, driver, pool
from compiler.share_text import HEAD, IDLE_TEXT, TEXT

PATIENT = 200e-6  # seconds a helper looks for work before it sleeps, which costs more to end than most rows take
WORTH = 8  # times what sharing costs
AWAKE, ASLEEP = (
    (5e-6, 50e-6),
    (100e-6, 500e-6),
)  # bounds for that, in seconds, for a machine that was busy when measured


def measured(address: int) -> tuple[int, int, int]:
    """Turns of the waiting loop in PATIENT; picoseconds of work worth sharing with helpers awake, and with helpers asleep.

    Measured once for each machine and kept with the kernels.
    """
    layout = struct.Struct("<3q")
    found = cache.fetch("pool 2")
    if found is None or len(found) != layout.size:
        found = layout.pack(*_measure(address))
        cache.store("pool 2", found)
    return layout.unpack(found)


def _measure(address: int) -> tuple[int, int, int]:
    turns = np.array([10_000], np.int64)
    alone = _seconds(driver.spoken(IDLE_TEXT), turns, 5)
    spin = int(PATIENT / alone * turns[0])
    nothing = np.array([address, 0, 0, 0], np.int64)  # shares no rows
    share = driver.spoken(TEXT)
    row = np.array([share, nothing.ctypes.data, *[0] * (len(HEAD) - 2)], np.int64)
    job = np.array([address, 2, 1, 0, row.ctypes.data, row.ctypes.data], np.int64)
    wanted = int(pool.words[pool.HELPERS])
    pool.words[pool.HELPERS], pool.words[pool.SPIN] = 0, spin
    before = _seconds(share, job, 50)
    pool.words[pool.HELPERS] = 1
    _seconds(share, job, 1)
    awake = _seconds(share, job, 50) - before
    asleep = _seconds(share, job, 10, pause=5 * PATIENT) - before
    pool.words[pool.HELPERS] = wanted
    return spin, _within(AWAKE, awake), _within(ASLEEP, asleep)


def _within(bounds: tuple[float, float], cost: float) -> int:
    return int(1e12 * min(max(WORTH * cost, bounds[0]), bounds[1]))


def _seconds(kernel: int, block: np.ndarray, rounds: int, pause: float = 0.0) -> float:
    """What a row takes on a machine that does nothing else."""
    table, run, found = driver.table([kernel], [block.ctypes.data]), driver.runner(), []
    address = table.ctypes.data
    for _ in range(rounds):
        if pause:
            time.sleep(pause)
        started = time.perf_counter()
        run(address, 0, 1)
        found.append(time.perf_counter() - started)
    return min(found)
