"""Parameter and State: named values that live across calls and that a compiled step updates in place."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import dispatch
from engine.dtypes import as_dtype
from engine.errors import DTypeError, ShapeError
from engine.handle import Handle
from engine.landing import entrance, entrances
from engine.record import Record
from engine.sizes import Shape
from engine.spec import DType


class Stamp:
    """``now`` is another object whenever, in the whole process, a state took another array or was frozen, or anything
    else happened that compiled calls must look at again."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = object()


STAMP = Stamp()


def changed() -> None:
    """Have every compiled call look again at what it was traced with."""
    STAMP.now = object()


class State(Handle):
    """A named array that outlives the call: running statistics, a step counter, a learning rate.

    ``value``: array-like. ``dtype``: defaults to the value's, float64 Python data becoming float32.
    Its shape and dtype are fixed when it is made.
    """

    __slots__ = ("_grad", "_note", "_record", "_value", "name", "trainable")

    def __init__(self, value: Any, dtype: Any = None, *, name: str | None = None) -> None:
        self._value = own(value, dtype)
        self._record: Record | None = None  # the leaf on the eager tape, made on first use
        self._grad: Any = None
        self._note: Any = None  # (weak reference to the gradient's array, what is known of it): see engine.spent
        self.name = name
        self.trainable = False

    @property
    def shape(self) -> Shape:
        shape: Shape = self._value.shape
        return shape

    @property
    def dtype(self) -> DType:
        dtype: DType = self._value.dtype
        return dtype

    @property
    def value(self) -> Any:
        """What it holds now, as an immutable handle."""
        return dispatch.current().read(self)

    @value.setter
    @entrance
    def value(self, new: Any) -> None:
        self.assign(new)

    def assign(self, new: Any) -> None:
        """Hold ``new`` from here on; it must have this state's shape and dtype."""
        interpreter = dispatch.current()
        handle = new if isinstance(new, Handle) else interpreter.asarray(new, self.dtype)
        if handle.dtype != self.dtype:
            raise DTypeError(
                f"a state of {self.dtype.name} cannot hold {handle.dtype.name}",
                op="assign",
                operands=(self, handle),
                fix=f"cast with astype('{self.dtype.name}')",
            )
        if tuple(handle.shape) != self.shape:
            raise ShapeError("a state keeps its shape", op="assign", operands=(self, handle))
        interpreter.assign(self, handle)

    @property
    def grad_note(self) -> Any:
        """What is known of the gradient it has outside any trace, or None (``engine.spent``)."""
        grad, held = self._grad, self._note
        if type(grad) is Pending:
            return grad.note
        return held[1] if held is not None and grad is not None and held[0]() is grad._value else None

    @grad_note.setter
    def grad_note(self, note: Any) -> None:
        if type(self._grad) is Pending:
            self._grad.note = note
        else:
            self._note = (weakref.ref(self._grad._value), note)

    def hold(self, array: np.ndarray[Any, Any]) -> None:
        """Hold another array of the same shape and dtype; the interpreters' way to assign."""
        self._value = array
        self._record = None
        changed()

    def own_value(self) -> None:
        """Hold a copy of the value, so that it may be overwritten although others hold the old array."""
        self.hold(self._value.copy())

    def _rebind(self, new: Any) -> None:
        self.assign(new)

    def _fresh(self) -> Any:
        return self.value

    def numpy(self) -> np.ndarray[Any, Any]:
        """The value as a NumPy array; later steps do not change it."""
        array = self._value.view()
        array.flags.writeable = False
        return array

    def item(self) -> Any:
        """The Python number of a one-element value."""
        return self._value.item()

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self._value.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self._value if copy else self.numpy(), dtype=dtype, copy=copy)

    def __reduce__(self) -> Any:
        return _restored, (type(self), self._value, self.name, self.trainable, self.grad)

    def __repr__(self) -> str:
        label = f" {self.name!r}" if self.name else ""
        return f"{type(self).__name__}{label} {self.dtype.name}{list(self.shape)}\n{self._value!r}"


class Parameter(State):
    """A state that training changes: gradients are accumulated into its ``.grad``."""

    __slots__ = ()

    def __init__(self, value: Any, dtype: Any = None, *, name: str | None = None) -> None:
        super().__init__(value, dtype, name=name)
        self.trainable = True

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are taken with respect to it; set it to False to freeze the parameter."""
        return self.trainable

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.trainable = bool(value)
        self._record = None
        changed()


class Pending:
    """A gradient a compiled step left in its own memory; copied out when somebody looks at it."""

    __slots__ = ("_memory", "note")

    def __init__(self, memory: np.ndarray[Any, Any]) -> None:
        self._memory = memory
        self.note: Any = None

    @property
    def _value(self) -> np.ndarray[Any, Any]:
        return self._memory.copy(order="K")


def _restored(kind: type[State], value: Any, name: str | None, trainable: bool, grad: Any) -> State:
    state = kind(value, name=name)
    state.trainable, state._grad = trainable, grad
    return state


@contextmanager
def left_alone(states: Iterable[State]) -> Iterator[None]:
    """Leave the values and gradients of states after the block as they are now, whatever happens in it."""
    kept = [(state, state._value.copy(), state._grad) for state in states]
    try:
        yield
    finally:
        for state, value, gradient in kept:
            state.hold(value)
            state._grad = gradient


def own(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """A fresh C-contiguous array of ``value``; Python floats become float32, as everywhere."""
    if isinstance(value, Handle):
        value = np.asarray(value)
    if dtype is None and not isinstance(value, np.ndarray | np.generic):
        found = np.asarray(value)
        dtype = np.float32 if found.dtype == np.float64 else found.dtype
    array = np.array(value, dtype=None if dtype is None else as_dtype(dtype), order="C", copy=True)
    as_dtype(array.dtype)
    return array


entrances(State, "assign", "__array__")
