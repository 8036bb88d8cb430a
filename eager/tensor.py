"""Tensor: the handle of a computed value."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes, followed
from engine.errors import ArgumentError, DTypeError, GradientError
from engine.handle import Handle, refuse_rebind
from engine.landing import entrances
from engine.ops.dtype import leaf as LEAF
from engine.ops.dtype import mark as MARK
from engine.record import Record
from engine.sizes import Shape
from engine.spec import DType
from engine.state import changed


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

    @property
    def ndim(self) -> int:
        value = self._value
        return value.ndim if value is not None else len(self._record.shape)  # type: ignore[union-attr]

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it."""
        return self._record is None or self._record.op is LEAF

    def _rebind(self, new: Any) -> None:
        if not isinstance(new, Tensor):
            refuse_rebind(self, "setitem")
        leaf = self._record is not None and self.is_leaf
        if leaf and dispatch.current().grad_enabled:
            raise GradientError(
                "a leaf that gradients are taken of cannot be changed: its gradient would belong to neither value",
                op="setitem",
                operands=(self,),
                fix="change a copy, x = x + 0, or change it inside tg.no_grad()",
            )
        self._value = new._value
        self._record = new._record
        changed()  # compiled functions that captured this handle look again
        if leaf:
            self.requires_grad_()

    @property
    def array_id(self) -> int:
        """Tells whether the handle still stands for the array it did; traces that captured it watch this."""
        return id(self._value)

    def _fresh(self) -> Any:
        if self._record is not None and self.is_leaf:
            return dispatch.current().apply(MARK, (self,), {"tag": 0})
        return Tensor(self._value, self._record)

    def _array(self) -> np.ndarray[Any, Any]:
        if self._value is None:
            raise GradientError(
                "a gradient rule looked at a value its op does not declare in keeps",
                op=self._record and self._record.op.name,
            )
        if followed.alive:
            followed.reached(self._value)
        return self._value

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a read-only NumPy array, without a copy."""
        array = self._array().view()
        array.flags.writeable = False
        return array

    def item(self) -> Any:
        """The Python number of a one-element tensor. Raises ArgumentError for more or fewer."""
        return self._one("item").item()

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self._array().tolist()

    def _one(self, wanted: str) -> np.ndarray[Any, Any]:
        array = self._array()
        if array.size != 1:
            raise ArgumentError(
                f"only an array of one element is a number, and this one has {array.size}",
                op=wanted,
                operands=(self,),
                fix="use any() or all(), or where(condition, x, y) to choose element by element"
                if wanted == "bool"
                else "pick an element, x[0], reduce it, x.sum(), or take all of them, x.tolist()",
            )
        return array

    def __bool__(self) -> bool:
        return bool(self._one("bool").item())

    def __int__(self) -> int:
        return int(self._one("int").item())

    def __float__(self) -> float:
        return float(self._one("float").item())

    def __complex__(self) -> complex:
        return complex(self._one("complex").item())

    def __index__(self) -> int:
        array = self._one("index")
        if array.ndim or array.dtype not in dtypes.INTEGERS:
            raise DTypeError("an index is a 0-d array of integers", op="index", operands=(self,))
        return int(array.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self._array() == (value._array() if isinstance(value, Tensor) else value)).any())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else super().__format__(spec)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy:
            return np.array(self._array(), dtype=dtype)
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        array = self._array()
        # A broadcast is read-only to NumPy, which such an array may leave only under DLPack 1.0.
        array = array if array.flags.writeable else array.copy()
        return array.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array().__dlpack_device__()

    def __copy__(self) -> Tensor:
        copy = Tensor(self._value, self._record)
        if self._record is not None and self.is_leaf:
            copy.requires_grad_()
        return copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self.__copy__()  # the value is immutable, and so is the record

    def __reduce__(self) -> Any:
        return _restored, (self._array(), self._record is not None and self.is_leaf)

    def requires_grad_(self, requires: bool = True) -> Tensor:
        """Make this tensor a leaf that gradients are taken of (or no longer); returns itself."""
        dispatch.current().require_grad(self, requires)
        return self

    def __repr__(self) -> str:
        if self._value is None:
            return f"tensor(value not kept, shape={self.shape}, dtype={self.dtype.name})"
        body = np.array2string(self._array(), separator=", ", prefix="tensor(")
        tail = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype.name}"
        if self._record is not None:
            tail += ", requires_grad=True" if self.is_leaf else f", grad_fn={self._record.op.name}"
        return f"tensor({body}{tail})"


def _restored(value: np.ndarray[Any, Any], requires_grad: bool) -> Tensor:
    tensor = Tensor(value)
    return tensor.requires_grad_() if requires_grad else tensor


entrances(
    Tensor,
    "item",
    "numpy",
    "requires_grad_",
    "__repr__",
    "__bool__",
    "__int__",
    "__float__",
    "__complex__",
    "__index__",
    "__array__",
)
