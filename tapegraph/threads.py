"""How many threads compute: NumPy's BLAS in eager mode, the pool of compiled functions in static mode."""

from __future__ import annotations

import ctypes
from typing import Any

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from compiler import pool
from engine.errors import ArgumentError

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


def set_num_threads(count: int) -> None:
    """Let ``count`` threads compute, in both modes: NumPy's matrix products in eager mode, everything in static mode.

    The results of compiled functions do not depend on it. At the start it is the number of processors this process may
    run on, or the environment's TAPEGRAPH_NUM_THREADS. Raises ArgumentError for anything but a positive int.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ArgumentError(f"takes a positive number of threads, got {count!r}", op="set_num_threads")
    pool.threads(count)
    numpy_threads(count)


def get_num_threads() -> int:
    """How many threads compute in static mode."""
    return pool.threads()


def numpy_threads(count: int | None = None) -> int | None:
    """Set (with ``count``) and return the number of threads of NumPy's BLAS; None where it offers no such control."""
    library = ctypes.CDLL(_multiarray_umath.__file__)  # the symbol is looked up in what NumPy links against, too
    for name in _NAMES:
        get: Any = getattr(library, name.format("get"), None)
        if get is not None:
            if count is not None:
                getattr(library, name.format("set"))(ctypes.c_int(count))
            return int(get())
    return None
