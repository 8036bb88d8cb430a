"""What dtypes are and become: limits, kinds, and the dtype that arrays, dtypes and Python numbers have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError
from engine.handle import Handle, is_scalar
from engine.makers import public
from engine.spec import DType

_KINDS: dict[str, frozenset[DType]] = {
    "bool": dtypes.BOOL,
    "signed integer": dtypes.SIGNED,
    "unsigned integer": dtypes.UNSIGNED,
    "integral": dtypes.INTEGERS,
    "real floating": dtypes.FLOATS | {dtypes.float16},
    "complex floating": frozenset(),
    "numeric": dtypes.NUMERIC | {dtypes.float16},
}


@dataclass(frozen=True)
class FloatLimits:
    """Limits of a float dtype: ``bits``, ``eps`` (from 1 to the next number), ``max``, ``min``, ``smallest_normal``."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True)
class IntegerLimits:
    """Limits of an integer dtype: ``bits``, ``max``, ``min``."""

    bits: int
    max: int
    min: int
    dtype: DType


def _dtype(x: Any) -> DType:
    return x.dtype if isinstance(x, Handle | np.ndarray | np.generic) else dtypes.as_dtype(x)


@public
def finfo(type: Any, /) -> FloatLimits:
    """The limits of a float dtype, or of an array's, as Python numbers (Array API). Raises DTypeError for another kind."""
    dtype = _dtype(type)
    if dtype.kind != "f":
        raise DTypeError(f"{dtype.name} is no float dtype", op="finfo", fix="use iinfo for integers")
    found = np.finfo(dtype)
    return FloatLimits(
        int(found.bits),
        eps=float(found.eps),
        max=float(found.max),
        min=float(found.min),
        smallest_normal=float(found.smallest_normal),
        dtype=dtype,
    )


@public
def iinfo(type: Any, /) -> IntegerLimits:
    """The limits of an integer dtype, or of an array's (Array API). Raises DTypeError for another kind."""
    dtype = _dtype(type)
    if dtype.kind not in "iu":
        raise DTypeError(f"{dtype.name} is no integer dtype", op="iinfo", fix="use finfo for floats")
    found = np.iinfo(dtype)
    return IntegerLimits(int(found.bits), int(found.max), int(found.min), dtype)


@public
def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is another, or of a kind, or of any of a tuple of them (Array API).

    ``kind``: a dtype, or "bool", "signed integer", "unsigned integer", "integral", "real floating" (float16 counts),
    "complex floating" (no dtype of the engine) or "numeric". Raises ArgumentError for an unknown word.

    >>> tg.isdtype(tg.float32, "real floating")
    True
    """
    wanted = kind if isinstance(kind, tuple) else (kind,)
    return any(_is_of(dtypes.as_dtype(dtype), k) for k in wanted)


def _is_of(dtype: DType, kind: Any) -> bool:
    if isinstance(kind, str):
        if kind in _KINDS:
            return dtype in _KINDS[kind]
        try:
            return dtype == dtypes.as_dtype(kind)
        except TypeError:
            known = ", ".join(map(repr, _KINDS))
            raise ArgumentError(f"there is no kind {kind!r}", op="isdtype", fix=f"the kinds are {known}") from None
    return bool(dtype == np.dtype(kind))


@public
def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion can turn a dtype, or an array's, into another (Array API; across kinds by ``result_type``).

    >>> tg.can_cast(tg.int32, tg.int64)
    True
    """
    target = dtypes.as_dtype(to)
    return dtypes.promote(_dtype(from_), target) == target


@public
def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that arrays, dtypes and Python numbers have in an op together (Array API).

    Within a kind this is the standard's table; across kinds the higher kind wins with its own width (int64 with float32
    is float32), and Python numbers are weak. Raises DTypeError for uint64 with a signed integer, which have none.

    >>> tg.result_type(tg.int32, tg.float32)
    dtype('float32')
    """
    numbers = [x for x in arrays_and_dtypes if is_scalar(x)]
    others = [_dtype(x) for x in arrays_and_dtypes if not is_scalar(x)]
    if not arrays_and_dtypes:
        raise ArgumentError("needs at least one array or dtype", op="result_type")
    if not others:
        return max((dtypes.default_dtype(n) for n in numbers), key=dtypes.kind_rank)
    found = dtypes.promote(*others)
    if found is None:
        raise DTypeError("uint64 and signed integers have no common integer dtype", op="result_type")
    for number in numbers:
        found = dtypes.with_scalar(found, dtypes.scalar_rank(number))
    return found
