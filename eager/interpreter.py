"""Eager: computes each op at once with its NumPy kernel, and writes it on the tape where gradients flow."""

from __future__ import annotations

import sys
import warnings
import weakref
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import origin
from engine.dtypes import DEFAULT_FLOAT, as_dtype
from engine.errors import SymbolError, Trap, UnsupportedError, trapped
from engine.handle import Handle, is_scalar
from engine.op import Op
from engine.ops.dtype import leaf as LEAF
from engine.ops.dtype import mark as MARK
from engine.record import NO_ATTRS, Record
from engine.spec import Dim
from engine.state import State

# NumPy reports 1/0 or log(-1) as a warning at our own line; IEEE values are the meaning here, as in PyTorch and JAX.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"(eager|engine)\.")

_new_tensor = Tensor.__new__
_ndarray = np.ndarray


class Eager:
    """The interpreter that computes now and remembers. ``grad_enabled`` False leaves the tape out."""

    name = "eager"

    def __init__(self, grad_enabled: bool = True) -> None:
        self.grad_enabled = grad_enabled

    def with_grad(self, enabled: bool) -> Any:
        """The same mode with or without the tape."""
        return self if enabled == self.grad_enabled else (RECORDING if enabled else SILENT)

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        try:
            values = [a._value if isinstance(a, Handle) else a for a in args]
            first = None
            for v in values:
                if type(v) is _ndarray:
                    if first is None:
                        first = v.dtype
                    elif v.dtype is not first:
                        break
                elif type(v) is not float:
                    break
            else:
                if first in op.accepts and (first.kind == "f"):
                    return self._compute(op, args, values, attrs)
        except AttributeError:
            pass
        args = op.prepare(args)
        return self._compute(op, args, [self._value(a) for a in args], attrs)

    def _value(self, a: Any) -> Any:
        return a._value if isinstance(a, Handle) else a

    def _compute(self, op: Op, args: tuple[Any, ...], values: list[Any], attrs: dict[str, Any]) -> Any:
        try:
            out = op.kernel(*values, **attrs)
        except Trap as trap:
            raise trapped(trap.status, op.name, args, origin.capture()) from None
        except (ValueError, TypeError, IndexError):
            op.spec(args, attrs)  # the engine's own error, at the user's line
            raise
        if type(out) is not _ndarray:
            out = np.asarray(out)
        record = None
        if self.grad_enabled and op.vjp and out.dtype.kind == "f":
            record = self._record(op, args, attrs, out)
        tensor = _new_tensor(Tensor)
        tensor._value = out
        tensor._record = record
        return tensor

    def _record(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any], out: Any) -> Record | None:
        kept = []
        tracked = False
        for a in args:
            if isinstance(a, Handle):
                r = a._record
                if r is None and isinstance(a, State) and a.trainable:
                    r = self._state_leaf(a)
                if r is not None:
                    tracked = True
                    if op.keeps_x:
                        r.value = a._value
                    kept.append(r)
                else:
                    kept.append(a._value)
            else:
                kept.append(a)
        if not tracked:
            return None
        return Record(
            op, tuple(kept), attrs, out.shape, out.dtype, origin.capture(1, 3), True, out if op.keeps_y else None
        )

    def _state_leaf(self, state: Any) -> Record:
        value = state._value
        attrs = {"owner": weakref.ref(state)}
        state._record = record = Record(LEAF, (), attrs, value.shape, value.dtype, (), True, value)
        return record

    def handle(self, arg: Any) -> Any:
        if type(arg) is Record:
            return Tensor(arg.value, arg)
        return Tensor(arg) if isinstance(arg, _ndarray) else arg

    def record(self, handle: Any) -> Record | None:
        if isinstance(handle, State):
            return (handle._record or self._state_leaf(handle)) if handle.trainable else None
        return getattr(handle, "_record", None)

    def owner(self, record: Record) -> Any:
        ref = record.attrs.get("owner")
        return None if ref is None else ref()

    def asarray(self, value: Any, dtype: Any) -> Tensor:
        if isinstance(value, Dim):
            value = int(value)
        if isinstance(value, Handle):
            raise SymbolError("a symbol has no value outside its graph", op="asarray", operands=(value,))
        if type(value) is not _ndarray:
            if dtype is None and isinstance(value, np.ndarray | np.generic) is False:
                value = np.from_dlpack(value) if hasattr(value, "__dlpack__") else np.asarray(_plain(value))
                if value.dtype == np.float64:
                    dtype = DEFAULT_FLOAT
            else:
                value = np.asarray(value)
        target = value.dtype if dtype is None else dtype
        as_dtype(target)
        return Tensor(value if value.dtype == target else value.astype(target))

    def read(self, state: State) -> Tensor:
        return Tensor(state._value, self.record(state) if self.grad_enabled else None)

    def assign(self, state: State, value: Any) -> None:
        array = value._value
        if not array.flags.c_contiguous or not array.flags.writeable:
            array = np.array(array, order="C")
        state._value = array
        state._record = None

    def get_grad(self, leaf: Any) -> Any:
        return getattr(leaf, "_grad", None)

    def set_grad(self, leaf: Any, value: Any) -> None:
        leaf._grad = value

    def require_grad(self, handle: Any, requires: bool) -> None:
        value = handle._value
        if not requires:
            handle._record = None
        elif value.dtype.kind != "f":
            raise UnsupportedError(
                f"gradients are taken of floats, not {value.dtype.name}", op="requires_grad_", operands=(handle,)
            )
        else:
            attrs = {"owner": weakref.ref(handle)}
            handle._record = Record(LEAF, (), attrs, value.shape, value.dtype, (), True, value)

    def leaf(self, handle: Any) -> Tensor:
        value = handle._value
        record = Record(MARK, (self.record(handle),), {"tag": 0}, value.shape, value.dtype, (), True, value)
        return Tensor(value, record)

    def detach(self, handle: Any) -> Tensor:
        return Tensor(handle._value)


def _plain(value: Any) -> Any:
    """Nested lists with handles in them as nested lists of arrays."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return np.asarray(value) if isinstance(value, Handle) else value


RECORDING = Eager(True)
SILENT = Eager(False)
__all__ = ["NO_ATTRS", "RECORDING", "SILENT", "Eager", "is_scalar", "sys"]
