"""How many threads compute: NumPy's BLAS in eager mode, the pool of compiled functions in static mode."""

from __future__ import annotations

import ctypes
from typing import Any

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from compiler import pool
from engine.errors import ArgumentError

_NAMES = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}")


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
    library = _library()
    for name in _NAMES:
        get: Any = getattr(library, name.format("get_num_threads"), None)
        if get is not None:
            if count is not None:
                getattr(library, name.format("set_num_threads"))(ctypes.c_int(count))
            return int(get())
    return None


def numpy_blas() -> str | None:
    """NumPy's BLAS in its own words; None where it is no OpenBLAS."""
    for name in _NAMES:
        get: Any = getattr(_library(), name.format("get_config"), None)
        if get is not None:
            get.restype = ctypes.c_char_p
            return " ".join(get().decode().split())
    return None


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(_multiarray_umath.__file__)  # a symbol is looked up in what NumPy links against, too
