"""The dtypes of the engine and the one rule by which they promote."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.spec import DType

bool_ = np.dtype(np.bool_)
int8, int16, int32, int64 = (np.dtype(f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{n}") for n in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{n}") for n in (16, 32, 64))

BOOL = frozenset({bool_})
SIGNED = frozenset({int8, int16, int32, int64})
UNSIGNED = frozenset({uint8, uint16, uint32, uint64})
INTEGERS = SIGNED | UNSIGNED
FLOATS = frozenset({float32, float64})  # float16 is for storage: it can be moved and cast, not computed with
NUMERIC = INTEGERS | FLOATS
COMPUTED = NUMERIC | BOOL
EVERY = COMPUTED | {float16}

DEFAULT_FLOAT = float32
DEFAULT_INT = int64
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


def as_dtype(dtype: Any) -> DType:
    """A NumPy dtype from a dtype, its name, a NumPy scalar type or ``float``/``int``/``bool``.

    ``float`` means the default float, float32. Raises TypeError for a dtype the engine does not hold.
    """
    if dtype is float:
        return DEFAULT_FLOAT
    if dtype is int:
        return DEFAULT_INT
    found: DType = np.dtype(dtype)
    if found not in EVERY:
        names = ", ".join(sorted(d.name for d in EVERY))
        raise TypeError(f"dtype {found.name} is not one the engine holds; it holds {names}")
    return found


def kind_rank(dtype: DType) -> int:
    """0 for bool, 1 for integers, 2 for floats."""
    return _RANK[dtype.kind]


def scalar_rank(value: Any) -> int:
    """The kind rank of a Python scalar."""
    return 0 if isinstance(value, bool) else 2 if isinstance(value, float) else 1  # a named size is an integer


def promote(*dtypes: DType) -> DType | None:
    """The common dtype of arrays, or None where there is none.

    Within a kind this is the Array API's table (NumPy's); across kinds the higher kind wins with its own width, as
    in PyTorch and JAX (int64 with float32 is float32). uint64 with a signed integer has no common integer dtype.
    """
    top = max(kind_rank(d) for d in dtypes)
    found: DType | None = None
    for dtype in dtypes:
        if kind_rank(dtype) == top:
            found = dtype if found is None else np.promote_types(found, dtype)
    return None if found is not None and kind_rank(found) != top else found


def with_scalar(dtype: DType, rank: int) -> DType:
    """The dtype of an array of ``dtype`` after meeting a Python scalar of that kind rank (scalars are weak)."""
    if rank <= kind_rank(dtype):
        return dtype
    return DEFAULT_INT if rank == 1 else DEFAULT_FLOAT


def default_dtype(value: Any) -> DType:
    """The dtype a bare Python scalar takes: bool, int64 or float32."""
    return (bool_, DEFAULT_INT, DEFAULT_FLOAT)[scalar_rank(value)]
