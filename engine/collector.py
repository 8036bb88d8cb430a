"""Python's collector of cycles, held back where very many objects are made that all stay alive for a while."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Graphs, plans and numba's types are searched for cycles in vain: about a tenth of the time for a network of 48 layers.
RARELY = 50_000


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Cycles are looked for only each time RARELY objects more are alive; not at all, where that was so before."""
    usual = gc.get_threshold()
    changed = 0 < usual[0] < RARELY
    if changed:
        gc.set_threshold(RARELY, *usual[1:])
    try:
        yield
    finally:
        if changed:  # else another thread, or whoever called this one, did it and undoes it
            gc.set_threshold(*usual)
