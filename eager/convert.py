"""Outside data as arrays the engine holds: Python numbers, nested lists, NumPy arrays, anything that speaks DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import DTypeError, ShapeError, SymbolError
from engine.handle import Handle
from engine.sizes import Dim


def array_of(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """``value`` as an array, sharing its memory where it has any and no cast is needed; bare floats become float32.

    Raises DTypeError for what is no number, ShapeError for ragged lists, SymbolError for a symbol of a trace.
    """
    if isinstance(value, Dim):
        value = int(value)
    if isinstance(value, Handle):
        raise SymbolError("a symbol has no value outside its graph", op="asarray", operands=(value,))
    if type(value) is not np.ndarray:
        if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
            value = np.from_dlpack(value)
        else:
            bare = dtype is None and not _typed(value)
            value = _numeric(value)
            if bare and value.dtype == np.float64:
                dtype = dtypes.DEFAULT_FLOAT
    if dtype is None and value.dtype not in dtypes.EVERY:
        raise DTypeError(
            f"the engine holds no {value.dtype.name}",
            op="asarray",
            operands=(value,),
            fix="give numbers or bools in an array of one shape, or cast with dtype=",
        )
    target = value.dtype if dtype is None else dtypes.as_dtype(dtype)
    return value if value.dtype == target else value.astype(target)


def _numeric(value: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(_plain(value))
    except ValueError as mistake:
        raise ShapeError(
            f"the nested lists are ragged: {mistake}", op="asarray", fix="give rows of one length"
        ) from None


def _typed(value: Any) -> bool:
    """Whether the first leaf of nested lists has a dtype of its own; bare Python numbers take the default one."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return isinstance(value, Handle | np.ndarray | np.generic)


def _plain(value: Any) -> Any:
    """Nested lists with handles in them as nested lists of arrays."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return np.asarray(value) if isinstance(value, Handle) else value
