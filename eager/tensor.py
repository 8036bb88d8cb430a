"""Tensor: the handle of a computed value."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import GradientError
from engine.handle import Handle
from engine.record import Record
from engine.spec import DType, Shape


class Tensor(Handle):
    """A NumPy array behind an immutable handle, with the record it came from where gradients flow through it.

    Make one with ``tg.asarray`` or ``tg.tensor``; ops return new ones. ``x[i] = v`` rebinds this handle to a new value.
    """

    __slots__ = ("_grad", "_record", "_value")

    def __init__(self, value: np.ndarray[Any, Any] | None, record: Record | None = None) -> None:
        self._value = value
        self._record = record

    @property
    def shape(self) -> Shape:
        value = self._value
        return value.shape if value is not None else self._record.shape  # type: ignore[union-attr]

    @property
    def dtype(self) -> DType:
        value = self._value
        return value.dtype if value is not None else self._record.dtype  # type: ignore[union-attr]

    def _rebind(self, new: Any) -> None:
        self._value = new._value
        self._record = new._record

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a read-only NumPy array, without a copy."""
        array = self._array().view()
        array.flags.writeable = False
        return array

    def _array(self) -> np.ndarray[Any, Any]:
        if self._value is None:
            raise GradientError(
                "a gradient rule looked at a value it does not declare in keeps", op=self._record and self._record.op.name
            )
        return self._value

    def item(self) -> Any:
        """The Python number of a one-element tensor."""
        return self._array().item()

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self._array().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self._array(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        return self._array().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array().__dlpack_device__()

    def __bool__(self) -> bool:
        return bool(self._array())

    def __int__(self) -> int:
        return int(self._array())

    def __float__(self) -> float:
        return float(self._array())

    def __index__(self) -> int:
        return self._array().__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else super().__format__(spec)

    def requires_grad_(self, requires: bool = True) -> Tensor:
        """Make this tensor a leaf that gradients are taken of (or no longer); returns itself."""
        dispatch.current().require_grad(self, requires)
        return self

    def __repr__(self) -> str:
        body = np.array2string(self._array(), separator=", ", prefix="tensor(")
        tail = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype.name}"
        if self._record is not None:
            tail += f", grad_fn={self._record.op.name}" if self._record.args else ", requires_grad=True"
        return f"tensor({body}{tail})"
