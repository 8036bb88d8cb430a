"""One number of BLAS threads for both modes: NumPy's own library, which eager mode calls, and SciPy's, which static mode calls."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from compiler.blas import blas_threads

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


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


@contextmanager
def pinned(count: int) -> Iterator[bool]:
    """Run both BLAS with ``count`` threads inside the block; yields whether both could be told so."""
    before = numpy_threads(), blas_threads()
    done = numpy_threads(count), blas_threads(count)
    try:
        yield None not in done
    finally:
        for set_threads, old in zip((numpy_threads, blas_threads), before, strict=True):
            if old is not None:
                set_threads(old)
