"""Rows of the plan that leave native code for an effect: their kernel is a Python function behind the uniform signature."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from compiler.buffers import Buffer
from compiler.step import InPython
from engine import effects
from engine.sizes import Size

RAISED = 8  # the status of an effect that raised; the exception is in ``effects.HERE.raised``
_CALL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


class Outside(InPython):
    """An effect: it reads the count of effects before it and the operands behind that, and writes the count."""

    @property
    def kernels(self) -> list[Any]:
        """None that would have to be compiled."""
        return []

    def words(self) -> Iterator[tuple[Buffer, Size] | Size]:
        """The argument block: where the result and the operands are, then the sizes of each operand."""
        for place in (*self.results, *self.operands):
            yield (place.buffer, place.layout.offset * place.buffer.dtype.itemsize) if place is not None else 0
        for place in self.operands:
            yield from place.shape

    @cached_property
    def address(self) -> int:
        """The address of ``int64 kernel(int64* block)``, which ctypes makes; it holds the GIL while it runs."""
        return ctypes.cast(self._call, ctypes.c_void_p).value or 0

    @cached_property
    def _call(self) -> Any:
        return _CALL(self._run)

    def _run(self, block: int) -> int:
        places = len(self.operands) + 1
        words = (ctypes.c_int64 * (places + sum(len(p.shape) for p in self.operands))).from_address(block)
        sizes = iter(words[places:])
        arrays = [
            _array(address, p.buffer.dtype, tuple(next(sizes) for _ in p.shape))
            for address, p in zip(words[1:places], self.operands, strict=True)
        ]
        try:
            count = self.record.op.kernel(*arrays, **self.record.attrs)
        except BaseException as raised:  # ctypes would print it and go on
            effects.HERE.raised = raised
            return RAISED
        if words[0]:
            _array(words[0], np.dtype(np.int64), ())[...] = count
        return 0


def _array(address: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The memory at an address, which belongs to the program."""
    size = dtype.itemsize * math.prod(shape)
    if not size:
        return np.empty(shape, dtype)
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype).reshape(shape)
