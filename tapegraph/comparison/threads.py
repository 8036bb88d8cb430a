"""One number of threads for both modes: NumPy's BLAS, which eager mode calls, and the pool of static mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compiler import pool
from tapegraph.threads import numpy_threads


@contextmanager
def pinned(count: int) -> Iterator[bool]:
    """Compute with ``count`` threads inside the block; yields whether both modes could be told so."""
    before = numpy_threads(), pool.threads()
    done = numpy_threads(count) == count, pool.threads(count) == count
    try:
        yield all(done)
    finally:
        for set_threads, old in zip((numpy_threads, pool.threads), before, strict=True):
            if old is not None:
                set_threads(old)
