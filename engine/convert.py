"""Outside data as arrays the engine holds: Python numbers, nested lists, NumPy arrays, anything that speaks DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import DTypeError, ShapeError
from engine.handle import Handle
from engine.sizes import Dim


def array_of(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """``value`` as an array, sharing its memory where it has any and no cast is needed; bare floats become float32.

    Raises DTypeError for what is no number, ShapeError for ragged lists, SymbolError for a symbol of a trace.
    """
    if isinstance(value, Dim):
        value = int(value)
    if isinstance(value, Handle):
        raise value.stray("asarray")
    target = None if dtype is None else dtypes.as_dtype(dtype)
    if type(value) is not np.ndarray:
        if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
            value = np.from_dlpack(value)
        else:
            bare = _bare(value)
            # Integers beyond int64 come through whole only where NumPy knows what they are to become.
            value = _numeric(value, target if bare else None)
            if bare and target is None and value.dtype == np.float64:
                target = dtypes.DEFAULT_FLOAT
    if value.dtype not in dtypes.EVERY and (target is None or value.dtype.kind not in "biuf"):
        raise DTypeError(
            f"the engine holds no {value.dtype.name}",
            op="asarray",
            operands=(value,),
            fix="give numbers or bools in an array of one shape, or cast with dtype=",
        )
    found: np.ndarray[Any, Any] = value if target is None or value.dtype == target else value.astype(target)
    return found


def _numeric(value: Any, dtype: Any) -> np.ndarray[Any, Any]:
    plain = _plain(value)
    try:
        return np.asarray(plain, dtype)
    except OverflowError as mistake:
        raise DTypeError(str(mistake), op="asarray", fix="give a wider dtype=") from None
    except (TypeError, ValueError) as mistake:
        if dtype is not None:
            _numeric(value, None)  # ragged lists are told as such
            raise DTypeError(f"cannot become {dtype.name}: {mistake}", op="asarray") from None
        raise ShapeError(
            f"the nested lists are ragged: {mistake}", op="asarray", fix="give rows of one length"
        ) from None


def _bare(value: Any) -> bool:
    """Whether nested lists hold Python numbers, which take the default dtype; what else there is has one of its own."""
    while isinstance(value, list | tuple):
        if not value:
            return True
        value = value[0]
    return isinstance(value, bool | int | float) and not isinstance(value, np.generic)


def _plain(value: Any) -> Any:
    """Nested lists with handles in them as nested lists of arrays."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return np.asarray(value) if isinstance(value, Handle) else value
