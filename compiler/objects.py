"""How this interpreter lays out arrays and our handles in memory, found by looking; where it is unknown, calls go the plain way."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any
from weakref import ref

import numpy as np

from engine.state import STAMP, State

Array = np.ndarray[Any, Any]

# NumPy's array struct behind the object header, the same since NumPy 1.7.
DATA, RANK, DIMS, DESCR, FLAGS, WEAK = (object.__basicsize__ + offset for offset in (0, 8, 16, 40, 48, 56))
C_CONTIGUOUS, OWNS_DATA, WRITEABLE = 0x1, 0x4, 0x400  # NumPy's flags
TYPE = 8  # an object begins with its reference count and its type
NEW_FROM_DESCR = 94  # the place of PyArray_NewFromDescr in NumPy's table of functions


def word(address: int) -> int:
    """The 64-bit word at an address."""
    return ctypes.c_int64.from_address(address).value


def address_of(array: Array) -> int:
    """The address of an array's first element; five times quicker than ``array.ctypes.data``, which every call pays."""
    return ctypes.c_void_p.from_address(id(array) + DATA).value or 0


_probe = np.zeros((3, 2))[1:]
if ctypes.sizeof(ctypes.c_void_p) != 8 or address_of(_probe) != _probe.ctypes.data:

    def address_of(array: Array) -> int:
        return int(array.ctypes.data)


@cache
def known() -> bool:
    """Whether native code may read arrays and handles of this interpreter, and make them."""
    return (
        ctypes.sizeof(ctypes.c_void_p) == 8
        and getattr(sys, "_is_gil_enabled", lambda: True)()
        and _counted()
        and _arrays_known()
        and new_from_descr() is not None
        and all(hasattr(ctypes.pythonapi, name) for name in ("PyType_GenericAlloc", "PyTuple_New", "Py_IncRef"))
        and slot(State, "_grad") is not None
        and slot(type(STAMP), "now") is not None
    )


def _counted() -> bool:
    """Whether an object begins with its reference count, and its type follows."""
    held, *others = [object()] * 3
    found = word(id(held)) == sys.getrefcount(held) - 1 and word(id(held) + TYPE) == id(object)
    del others
    return found and word(id(held)) == 1


def _arrays_known() -> bool:
    flat, other = np.zeros((3, 2), np.int16), np.zeros((2, 3)).T
    weak = ref(flat)
    return weak() is flat and all(
        word(id(a) + DATA) == a.ctypes.data
        and ctypes.c_int32.from_address(id(a) + RANK).value == a.ndim
        and [word(word(id(a) + DIMS) + 8 * i) for i in range(a.ndim)] == list(a.shape)
        and word(id(a) + DESCR) == id(a.dtype)
        and _has(a, C_CONTIGUOUS) == a.flags.c_contiguous
        and _has(a, OWNS_DATA) == a.flags.owndata
        and _has(a, WRITEABLE) == a.flags.writeable
        and (word(id(a) + WEAK) != 0) == (a is flat)
        for a in (flat, other)
    )


def _has(array: Array, flag: int) -> bool:
    return ctypes.c_int32.from_address(id(array) + FLAGS).value & flag != 0


@cache
def slot(kind: type, name: str) -> int | None:
    """How many bytes into an object of a class with ``__slots__`` the attribute stands; None where it is not found."""
    probe, value = object.__new__(kind), object()
    setattr(probe, name, value)
    places = range(object.__basicsize__, kind.__basicsize__, 8)
    return next((p for p in places if word(id(probe) + p) == id(value)), None)


@cache
def new_from_descr() -> int | None:
    """The address of NumPy's function that makes an array."""
    try:
        from numpy._core._multiarray_umath import _ARRAY_API as table
    except ImportError:
        return None
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return word(pointer(table, None) + 8 * NEW_FROM_DESCR)
