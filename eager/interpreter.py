"""Eager: computes each op at once with its NumPy kernel, and writes it on the tape where gradients flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from eager import tape
from eager.tensor import Tensor
from engine import broadcasts, dtypes, followed, origin
from engine.convert import array_of
from engine.errors import ShapeError, Trap, trapped
from engine.handle import Handle, refuse_whole
from engine.op import Op
from engine.ops.dtype import mark as MARK
from engine.ops.results import result_of
from engine.record import Record
from engine.spec import Several, Spec
from engine.state import Pending, State

_new_tensor = Tensor.__new__
_ndarray = np.ndarray
_asarray = np.asarray
_write = tape.write
_apart = tape.apart
_alive = followed.alive

# What sends an op from the quick way to the thorough one, which finds the cause and raises the engine's own error.
_SURPRISES = (AttributeError, LookupError, TypeError, ValueError, Trap)
_MISTAKES = (LookupError, TypeError, ValueError)


class _Numbers(dict[Any, Any]):
    """Python numbers as 0-d arrays of one float dtype: NumPy takes 0.5 µs longer for a number than for an array."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __missing__(self, key: Any) -> Any:
        if len(self) > 4096:
            self.clear()
        found = self[key] = np.array(float(key), self.dtype)
        return found


# Zero is looked up by its text, because 0.0 and -0.0 are one key. Other dtypes have no entry: the thorough way.
_NUMBERS = {d: _Numbers(d) for d in (dtypes.float32, dtypes.float64)}


class Eager:
    """The interpreter that computes now and remembers. ``grad_enabled`` False leaves the tape out."""

    name = "eager"

    def __init__(self, grad_enabled: bool = True) -> None:
        self.grad_enabled = grad_enabled

    def with_grad(self, enabled: bool) -> Any:
        """The same mode with or without the tape."""
        return RECORDING if enabled else SILENT

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        if _alive and (born := followed.origin_of([getattr(a, "_value", None) for a in args])) is not None:
            return self._following(born, op, args, attrs)
        # The quick way, for one or two operands of one dtype that prepare would hand on as they are.
        if not op.whole or len(args) > 2:
            return self._other(op, args, attrs)
        try:
            if len(args) == 2:
                a, b = args
                r = s = None
                kind = type(b)
                if kind is float or kind is int:
                    x = a._value
                    r = a._record
                    if r is None and type(a) is not Tensor:
                        r = self.record(a)
                    dtype = x.dtype
                    y = _NUMBERS[dtype][b or repr(b)]
                    fits = dtype in op.direct
                else:
                    y = b._value
                    s = b._record
                    if s is None and kind is not Tensor:
                        s = self.record(b)
                    dtype = y.dtype
                    kind = type(a)
                    if kind is float or kind is int:
                        x = _NUMBERS[dtype][a or repr(a)]
                        fits = dtype in op.direct
                    else:
                        x = a._value
                        r = a._record
                        if r is None and kind is not Tensor:
                            r = self.record(a)
                        fits = x.dtype is dtype and dtype in op.direct
                if fits:
                    out = op.kernel(x, y, **attrs) if attrs else op.kernel(x, y)
                    if type(out) is not _ndarray:
                        out = _asarray(out)
                    tensor = _new_tensor(Tensor)
                    tensor._value = out
                    tensor._record = None
                    if (r is not None or s is not None) and op.vjp and self.grad_enabled:
                        keeps = op.keeps_x
                        if x.ndim != y.ndim and out.size != x.size and out.size != y.size:
                            broadcasts.look(op, args, (r or x, s or y), out.shape)
                        if r is None:
                            r = a if kind is float or kind is int else x if keeps else _apart(op, x)
                        elif keeps:
                            r.value = x
                        if s is None:
                            s = b if type(b) is float or type(b) is int else y if keeps else _apart(op, y)
                        elif keeps:
                            s.value = y
                        tensor._record = _write(op, (r, s), attrs, out)
                    return tensor
            elif len(args) == 1:
                a = args[0]
                x = a._value
                if x.dtype in op.direct:
                    out = op.kernel(x, **attrs) if attrs else op.kernel(x)
                    if type(out) is not _ndarray:
                        out = _asarray(out)
                    tensor = _new_tensor(Tensor)
                    tensor._value = out
                    tensor._record = None
                    if self.grad_enabled and op.vjp:
                        r = a._record
                        if r is None and type(a) is not Tensor:
                            r = self.record(a)
                        if r is not None:
                            if op.keeps_x:
                                r.value = x
                            tensor._record = _write(op, (r,), attrs, out)
                    return tensor
        except _SURPRISES:
            pass
        except RuntimeWarning:
            return self._flagged(op, args, attrs)
        return self._thorough(op, args, attrs)

    def _other(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """More operands than two, or such that take no part in promotion: indices, conditions, arrays only moved about."""
        values = [a._value if isinstance(a, Handle) else a for a in args]
        if op.casts is not None:
            if op.arity is not None and op.arity != len(args):
                return self._thorough(op, args, attrs)  # NumPy would take one too many for the array to write to
            like = None
            for v in values[op.casts]:
                if type(v) is _ndarray:
                    if like is None:
                        like = v.dtype
                    elif v.dtype is not like:
                        return self._thorough(op, args, attrs)
                elif type(v) is not float:
                    return self._thorough(op, args, attrs)
            if like not in op.direct or like.kind != "f":
                return self._thorough(op, args, attrs)
        return self._compute(op, args, values, attrs)

    def _thorough(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        args = op.prepare(args)
        return self._compute(op, args, [self._value(a, op) for a in args], attrs)

    def _flagged(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """An op that raised a floating-point flag, computed again: something may have been born in it."""
        with np.errstate(all="ignore"):
            result = self._thorough(op, args, attrs)
        values = [self._value(a, op) for a in args]
        followed.note(op, args, values, [r._value for r in (result if op.many else (result,))])
        return result

    def _following(self, born: Any, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """An op on a value that is followed: its results are too, unless they are finite again."""
        with np.errstate(all="ignore"):
            result = self._thorough(op, args, attrs)
        followed.follow([r._value for r in (result if op.many else (result,))], born)
        return result

    def _value(self, a: Any, op: Op) -> Any:
        if not isinstance(a, Handle):
            return a
        value = getattr(a, "_value", None)
        if value is None:
            if isinstance(a, Tensor):
                a._array()
            raise a.stray(op.name)
        return value

    def _compute(self, op: Op, args: tuple[Any, ...], values: list[Any], attrs: dict[str, Any]) -> Any:
        try:
            out = op.kernel(*values, **attrs)
        except Trap as trap:
            raise trapped(trap, op.name, args, origin.capture()) from None
        except RuntimeWarning:
            return self._flagged(op, args, attrs)
        except _MISTAKES:
            op.spec(op.prepare(args), attrs)  # the engine's own error, at the user's line
            raise
        if op.many:
            return self._several(op, args, values, attrs, [_asarray(o) for o in out])
        out = _asarray(out)
        tensor = _new_tensor(Tensor)
        tensor._value = out
        tensor._record = None
        if self.grad_enabled and op.vjp and out.dtype.kind == "f":
            kept = self._kept(op, args, values)
            if kept is not None:
                if len(values) == 2 and all(type(v) is _ndarray for v in values) and values[0].ndim != values[1].ndim:
                    sources = tuple(
                        k if type(k) is Record and k.tracked else v for k, v in zip(kept, values, strict=True)
                    )
                    broadcasts.look(op, args, sources, out.shape)
                tensor._record = _write(op, kept, attrs, out)
        return tensor

    def _kept(self, op: Op, args: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...] | None:
        """What the tape keeps of the operands, or None where no gradient flows to any."""
        records = [self.record(a) if isinstance(a, Handle) else None for a in args]
        if not any(records):
            return None
        kept = []
        for a, v, r in zip(args, values, records, strict=True):
            if r is None:
                kept.append(_apart(op, v) if isinstance(a, Handle) else a)
            else:
                if op.keeps_x:
                    r.value = v
                kept.append(r)
        return tuple(kept)

    def _several(
        self, op: Op, args: tuple[Any, ...], values: list[Any], attrs: dict[str, Any], outs: list[Any]
    ) -> tuple[Tensor, ...]:
        kept = self._kept(op, args, values) if self.grad_enabled and op.vjp else None
        if kept is None:
            return tuple(map(Tensor, outs))
        specs = Several(Spec(o.shape, o.dtype) for o in outs)
        held = outs if op.keeps_y else None
        whole = Record(op, kept, attrs, specs.shape, specs.dtype, origin.capture(skip=3), True, held)
        return tuple(Tensor(o, result_of(whole, i) if o.dtype.kind == "f" else None) for i, o in enumerate(outs))

    def handle(self, arg: Any) -> Any:
        if type(arg) is Record:
            if arg.op.many:
                values = arg.value or [None] * len(arg.shape)
                return tuple(self.handle(result_of(arg, i, v)) for i, v in enumerate(values))
            tensor = _new_tensor(Tensor)
            tensor._value = arg.value
            tensor._record = arg
            return tensor
        return Tensor(arg) if isinstance(arg, _ndarray) else arg

    def record(self, handle: Any) -> Record | None:
        if isinstance(handle, State):
            if not handle.trainable:
                return None
            if handle._record is None:
                handle._record = tape.leaf_of(handle)
            return handle._record
        record = getattr(handle, "_record", None)
        return record if record is not None and record.tracked else None

    def fits(self, handle: Any, record: Record) -> bool:
        value = handle._value
        return value.shape == record.shape and value.dtype is record.dtype

    def owner(self, record: Record) -> Any:
        ref = record.attrs.get("owner")
        return None if ref is None else ref()

    def asarray(self, value: Any, dtype: Any) -> Tensor:
        followed.listen()
        return Tensor(array_of(value, dtype))

    def read(self, state: State) -> Tensor:
        return Tensor(state._value, self.record(state) if self.grad_enabled else None)

    def assign(self, state: State, value: Any) -> None:
        array = value._value
        if _alive:
            followed.reached(array)
        # Static mode writes in place where it is the only one to hold the array; only an owner's count tells.
        if array.base is not None or not array.flags.c_contiguous or not array.flags.writeable:
            array = np.array(array, order="C")
        state.hold(array)

    def get_grad(self, leaf: Any) -> Any:
        grad = getattr(leaf, "_grad", None)
        if type(grad) is Pending:  # left by a compiled step
            note, grad = grad.note, Tensor(grad._value)
            leaf._grad = grad
            leaf.grad_note = note
        return grad

    def grad_note(self, leaf: State) -> Any:
        return leaf.grad_note

    def note_grad(self, leaf: State, note: Any) -> None:
        leaf.grad_note = note

    def set_grad(self, leaf: Any, value: Any) -> None:
        if value is not None and (type(value) is not Tensor or value._value.shape != leaf._value.shape):
            if not isinstance(value, Handle):
                value = self.asarray(value, leaf.dtype)
            if value.shape != leaf.shape:
                raise ShapeError("a gradient has the shape of its tensor", op="grad", operands=(leaf, value))
        if _alive and value is not None:
            followed.reached(value._value)
        leaf._grad = value

    def require_grad(self, handle: Any, requires: bool) -> None:
        if not requires:
            handle._record = None
        else:
            refuse_whole(handle, "requires_grad_")
            handle._record = tape.leaf_of(handle)

    def leaf(self, handle: Any) -> Tensor:
        refuse_whole(handle, "grad")
        value = handle._value
        record = Record(MARK, (self.record(handle),), {"tag": 0}, value.shape, value.dtype, (), True, value)
        return Tensor(value, record)

    def detach(self, handle: Any) -> Tensor:
        return Tensor(handle._value)

    def body(self, function: Any, specs: Any, tracked: Any) -> None:
        """None: control flow is Python's own here."""


RECORDING = Eager(True)
SILENT = Eager(False)
