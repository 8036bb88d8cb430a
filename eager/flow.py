"""Flow: which value was made of which, through detach(), no_grad() and NumPy, followed during an optimizer's first step.

The tape knows only ways that gradients take. While somebody waits, the interpreters of eager mode are of a class that also
notes all others; at any other time it costs nothing.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from eager import interpreter as eager
from eager.interpreter import Eager
from engine import dispatch, origin
from engine.cuts import ROUND_TRIP
from engine.ops.dtype import identity as STOP
from engine.ops.dtype import leaf as LEAF
from engine.record import NO_ATTRS, Record, next_serial
from engine.state import State

LIMIT = 20_000  # ops followed for one step; a longer one is not judged


class Flow:
    """What was made of what since somebody began to wait; it keeps no array alive."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[weakref.ref[Any], int]] = {}  # by id: who, and since which record
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.count = 0
        self.leaves: dict[State, Record] = {}
        self._roots: list[Record] = []
        self.silenced: dict[
            Record, origin.Origin
        ] = {}  # records made without gradients, and where those were switched off
        self._off: origin.Origin = ()
        self._links: dict[int, tuple[weakref.ref[Any], Record]] = {}
        self._values: dict[int, tuple[weakref.ref[Any], Record]] = {}
        self._arrays: dict[tuple[int, ...], list[tuple[_Memory, Record]]] = {}
        self._numbers: dict[float, Record] = {}

    def wait(self, whom: Any) -> None:
        """Follow values until this object is ``done``, is gone, or too many ops were seen."""
        if not self.waiting:
            self.forget()
            eager.RECORDING.__class__ = eager.SILENT.__class__ = Flowing
        number = id(whom)
        self.waiting[number] = weakref.ref(whom, lambda _: self._leave(number)), next_serial()

    def waits(self, whom: Any) -> bool:
        """Whether values are followed for this object."""
        return id(whom) in self.waiting

    def roots(self, whom: Any) -> list[Record]:
        """What gradients were taken of since this object waits."""
        since = self.waiting[id(whom)][1]
        return [r for r in self._roots if r.serial > since]

    def done(self, whom: Any) -> None:
        """This object waits no longer."""
        self._leave(id(whom))

    def _leave(self, number: int) -> None:
        self.waiting.pop(number, None)
        if not self.waiting:
            self._rest()

    def _rest(self) -> None:
        eager.RECORDING.__class__ = eager.SILENT.__class__ = Eager
        self.forget()

    def record(self, handle: Any) -> Record | None:
        """What is known of a handle."""
        if isinstance(handle, State):
            found = self.leaves.get(handle)
            if found is None:
                attrs = {"name": handle.name}
                found = self.leaves[handle] = Record(LEAF, (), attrs, handle.shape, handle.dtype, (), handle.trainable)
            return found
        link = self._links.get(id(handle))
        if link is not None and link[0]() is handle:
            return link[1]
        if type(handle) is float and handle in self._numbers:
            return _round_trip(self._numbers[handle], (), np.dtype(np.float64))
        value = getattr(handle, "_value", None)  # another handle of the same array
        link = self._values.get(id(value))
        return link[1] if link is not None and link[0]() is value else None

    def made(self, op: Any, args: tuple[Any, ...], out: Any, by: Eager, attrs: dict[str, Any] = NO_ATTRS) -> None:
        """Note that ``out`` was made of ``args``."""
        if origin.inherited():
            return
        self.count += 1
        if self.count > LIMIT:
            self.waiting.clear()
            self._rest()
            return
        sources = tuple(r for a in args if (r := self.record(a)) is not None)
        for part in out if type(out) is tuple else (out,):
            if sources:
                tracked = part._record is not None
                record = Record(op, sources, attrs, part.shape, part.dtype, origin.capture(skip=3), tracked)
                if not tracked and not by.grad_enabled:
                    self.silenced[record] = self._off
                self._link(part, record)

    def _link(self, handle: Any, record: Record) -> None:
        self._links[id(handle)] = weakref.ref(handle), record
        value = handle._value
        self._values[id(value)] = weakref.ref(value), record
        if value.size == 1:
            number = float(value.item())
            if number % 1:  # 0, 1 and their like come from anywhere
                self._numbers[number] = record
        elif value.dtype.kind == "f" and value.size:
            self._arrays.setdefault(value.shape, []).append((_Memory(value), record))

    def entered(self, handle: Any) -> None:
        """Note where outside data equals what was computed here: it left, and came back."""
        value = handle._value
        source = None
        if value.size == 1:
            source = self._numbers.get(float(value.item()))
        elif value.dtype.kind == "f" and value.size:
            for memory, record in self._arrays.get(value.shape, ()):
                array = memory.array()
                if array is not None and np.array_equal(array, value) and (value != value.flat[0]).any():
                    source = record
        if source is not None:
            self._link(handle, _round_trip(source, handle.shape, handle.dtype))

    def switched_off(self) -> None:
        """Note where gradients are switched off."""
        if dispatch.current().grad_enabled:
            self._off = origin.capture(skip=3)


def _round_trip(source: Record, shape: Any, dtype: Any) -> Record:
    return Record(STOP, (source,), {ROUND_TRIP: True}, shape, dtype, origin.capture(skip=4), False)


class _Memory:
    """An array as long as somebody else keeps its memory; NumPy's views hold the owner, not each other."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        owner = array if array.base is None else array.base
        self.owner = weakref.ref(owner) if isinstance(owner, np.ndarray) else lambda: None
        start = 0 if array.base is None else _address(array) - _address(owner)
        self.form = array.shape, array.dtype, start, array.strides

    def array(self) -> np.ndarray[Any, Any] | None:
        """The array, or None where it is gone."""
        owner = self.owner()
        if owner is None or not owner.flags.c_contiguous:
            return None
        shape, dtype, start, strides = self.form
        return np.ndarray(shape, dtype, owner, start, strides)


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0]) if isinstance(array, np.ndarray) else 0


FLOW = Flow()


class Flowing(Eager):
    """Eager mode that notes what is made of what."""

    def with_grad(self, enabled: bool) -> Any:
        if not enabled:
            FLOW.switched_off()
        return super().with_grad(enabled)

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        out = super().apply(op, args, attrs)
        FLOW.made(op, args, out, self)
        return out

    def read(self, state: State) -> Any:
        out = super().read(state)
        known = FLOW.record(state)
        if known is not None:
            FLOW._link(out, known)
        return out

    def detach(self, handle: Any) -> Any:
        out = super().detach(handle)
        FLOW.made(STOP, (handle,), out, self)
        return out

    def asarray(self, value: Any, dtype: Any) -> Any:
        out = super().asarray(value, dtype)
        FLOW.entered(out)
        return out

    def goes_back(self, y: Any) -> None:
        """Note what gradients are taken of."""
        known = FLOW.record(y)
        if known is not None:
            FLOW._roots.append(known)
