"""Memory of large results: an array that the caller has let go of is written again by a later call."""

from __future__ import annotations

from math import prod
from sys import getrefcount
from typing import Any
from weakref import getweakrefcount

import numpy as np

Array = np.ndarray[Any, Any]

LARGE = 1 << 17  # bytes for which malloc takes pages from the system, which come zeroed: dearer than filling them
KEPT = 2  # of each result: whoever binds it to one name call by call holds the last while the next is made


class Results:
    """The last large arrays made for each of a program's results.

    ``kept``: KEPT places for each, None where there is none yet. The native call reads and writes them as well.
    """

    def __init__(self, count: int) -> None:
        self.kept = np.full(count * KEPT, None, object)

    def places(self, number: int, shape: tuple[int, ...], dtype: Any) -> int:
        """The address of a result's places; 0 where it is too small to be kept."""
        return self.kept.ctypes.data + 8 * KEPT * number if prod(shape) * dtype.itemsize >= LARGE else 0

    def make(self, number: int, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array for a result, its elements arbitrary."""
        if not self.places(number, shape, dtype):
            return np.empty(shape, dtype)
        kept = self.kept[KEPT * number : KEPT * (number + 1)]
        for place in range(KEPT):
            if getrefcount(kept[place]) == _SOLE_OWNER and _as_made(kept[place], shape, dtype):
                found: Array = kept[place]
                return found
        kept[1:] = kept[:-1]
        kept[0] = made = np.empty(shape, dtype)
        return made


def _as_made(array: Array | None, shape: tuple[int, ...], dtype: Any) -> bool:
    if array is None or array.shape != shape or array.dtype is not dtype or getweakrefcount(array):
        return False
    return bool(array.flags.c_contiguous and array.flags.owndata and array.flags.writeable)


_probe = np.full(1, None, object)
_probe[0] = np.zeros(2)
_SOLE_OWNER = getrefcount(_probe[0])
