"""Builder: the interpreter that writes a graph instead of computing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine import broadcasts, dispatch, origin
from engine.control.body import Traced
from engine.convert import array_of
from engine.errors import TapegraphError, UnsupportedError
from engine.handle import Handle, refuse_whole
from engine.notices import TapegraphWarning
from engine.op import OPS, Op
from engine.ops.create import size_of
from engine.ops.dtype import leaf as LEAF
from engine.ops.dtype import mark as MARK
from engine.ops.results import result as RESULT
from engine.record import Record, fits, next_serial
from engine.sizes import Dim
from engine.spec import Spec
from engine.state import State
from graph.graph import Pull
from graph.part import Part
from graph.symbol import Symbol
from graph.trace import Trace

_STOP = OPS["stop_gradient"]


class Builder:
    """The interpreter that writes down what it is asked to do. Two of them, with and without gradients, share a trace."""

    name = "static"

    def __init__(self, trace: Trace, grad_enabled: bool = True) -> None:
        self.trace = trace
        self.grad_enabled = grad_enabled
        self.switched_off = () if grad_enabled else origin.capture()  # where gradients were

    def with_grad(self, enabled: bool) -> Builder:
        return self if enabled == self.grad_enabled else Builder(self.trace, enabled)

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Symbol:
        args = op.prepare(args)
        if op.expand is not None and not self.trace.literal:
            return self._expanded(op, args, attrs)
        spec = op.spec(args, attrs)
        dtype = next((a.dtype for a in args[op.casts or slice(None)] if isinstance(a, Handle)), None)
        records = tuple(
            self.lift(a) if isinstance(a, Handle) else self.trace.number(a, dtype or spec.dtype, op) for a in args
        )
        tracked = self.grad_enabled and bool(op.vjp) and any(r.tracked for r in records)
        if tracked and len(args) == 2 and len(records[0].shape) != len(records[1].shape):
            broadcasts.look(op, args, records, spec.shape)
        if op.many:
            return self._results(self.trace.make(op, records, attrs, spec, tracked))
        made = self.trace.make(op, records, attrs, spec, tracked and spec.dtype.kind == "f")
        if not self.grad_enabled:
            self.trace.silenced.setdefault(made, self.switched_off)
        return Symbol(made, self.trace)

    def _expanded(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """What the op is in other ops; its parts know of it, so that their mistakes are told as its own."""
        assert op.expand is not None
        trace, outer = self.trace, self.trace.whole
        if outer is None:
            trace.whole = op, tuple(self.lift(a) for a in args if isinstance(a, Handle))
        try:
            return op.expand(*args, **attrs)
        except TapegraphError:
            op.spec(args, attrs)  # where it can tell the mistake itself
            raise
        finally:
            trace.whole = outer

    def _results(self, whole: Record) -> tuple[Symbol, ...]:
        """The symbols of the results of an op that has several."""
        made = []
        for index, spec in enumerate(whole.spec):
            tracked = whole.tracked and spec.dtype.kind == "f"
            made.append(Symbol(self.trace.make(RESULT, (whole,), {"index": index}, spec, tracked), self.trace))
        return tuple(made)

    def told(self, notice: TapegraphWarning) -> None:
        """Remember a notice given while tracing: what its symbols stand for is known once the trace is done."""
        self.trace.notices.append(notice)

    def observing(self, parts: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """The backward step of one record, of which the trace keeps a note; the reverse pass asks for it."""

        def step(record: Record, g: Any, needed: set[Record], by: Any) -> list[Any]:
            found = parts(record, g, needed, by)
            self.trace.pulled.append(Pull(record, _records(g), _records(found)))
            return found

        return step

    def lift(self, handle: Any) -> Record:
        """The record that a handle of any kind stands for in this graph."""
        if isinstance(handle, Symbol):
            return handle._record if handle._trace is self.trace else self.trace.bring(handle)
        if isinstance(handle, State):
            return self.trace.state(handle)
        if id(handle) not in self.trace.outside:
            self.watch(handle, "array_id")
        return self.trace.capture(handle._value, handle)

    def handle(self, arg: Any) -> Any:
        if arg in self.trace.numbers:
            return self.trace.numbers[arg]
        return self._results(arg) if arg.op.many else Symbol(arg, self.trace)

    def record(self, handle: Any) -> Record | None:
        if isinstance(handle, State) and not handle.trainable:
            return None
        record = self.lift(handle)
        return record if record.tracked else None

    def fits(self, handle: Any, record: Record) -> bool:
        return fits(handle, record)

    def owner(self, record: Record) -> Any:
        return self.trace.owners.get(record)

    def asarray(self, value: Any, dtype: Any) -> Symbol:
        if isinstance(value, Dim):
            return self.apply(size_of, (), {"size": value, "dtype": dtype or np.dtype(np.int64)})
        array = array_of(value, dtype)
        if array.ndim == 0:
            return Symbol(self.trace.constant(array.item(), array.dtype), self.trace)
        owner = value if array is value else object()
        return Symbol(self.trace.capture(np.ascontiguousarray(array), owner), self.trace)

    def read(self, state: State) -> Symbol:
        return Symbol(self.trace.state(state), self.trace)

    def assign(self, state: State, value: Any) -> None:
        self.trace.state(state)
        self.trace.current[state] = self.lift(value)

    def get_grad(self, leaf: Any) -> Any:
        self._only_states(leaf)
        if leaf not in self.trace.grads:
            held = self.trace.had_grad[leaf] = leaf._grad is not None
            grad = None
            if held:
                name = f"{leaf.name or 'state'}.grad"
                record = self.trace.leaf(Spec(leaf.shape, leaf.dtype), name, "grad")
                self.trace.graph.grads[leaf] = record
                grad = Symbol(record, self.trace)
                self.trace.notes[leaf] = record, leaf.grad_note
            self.trace.grads[leaf] = grad
        return self.trace.grads[leaf]

    def set_grad(self, leaf: Any, value: Any) -> None:
        self._only_states(leaf)
        self.trace.state(leaf)
        self.trace.grads[leaf] = None if value is None else Symbol(self.lift(value), self.trace)
        self.trace.notes.pop(leaf, None)

    def goes_back(self, y: Any) -> None:
        """Note what gradients are taken of."""
        self.trace.roots.append(self.lift(y))

    def grad_note(self, leaf: State) -> Any:
        held, grad = self.trace.notes.get(leaf), self.trace.grads.get(leaf)
        return held[1] if held is not None and grad is not None and held[0] is grad._record else None

    def note_grad(self, leaf: State, note: Any) -> None:
        self.trace.notes[leaf] = self.trace.grads[leaf]._record, note

    def _only_states(self, leaf: Any) -> None:
        if not isinstance(leaf, State):
            raise UnsupportedError(
                "inside a traced function only parameters carry a .grad",
                op="grad",
                operands=(leaf,),
                fix="use tg.grad(function) for gradients with respect to arguments",
            )
        self.trace.check_gradients(leaf)

    def require_grad(self, handle: Any, requires: bool) -> None:
        self._only_states(handle)

    def watch(self, owner: Any, attribute: str) -> None:
        """Note that the program read a Python attribute: another value of it makes another program."""
        self.trace.watched.append((owner, attribute, getattr(owner, attribute)))

    @contextmanager
    def calling(self, module: Any) -> Iterator[None]:
        """What is made in the block belongs to a module that is being called."""
        trace, outer = self.trace, self.trace.modules
        trace.modules = (*outer, module)
        try:
            yield
        finally:
            trace.modules = outer

    @property
    def unrolls(self) -> bool:
        """Whether a scan is Python's loop here, as in eager mode, and no op of its own."""
        return self.trace.literal

    def body(self, function: Callable[..., Sequence[Any]], specs: Sequence[Spec], tracked: Sequence[bool]) -> Traced:
        """``function`` of handles of these specs as a subprogram; ``tracked`` says which of them gradients flow to."""
        part = Part(self)
        inner = Builder(part, self.grad_enabled)
        inputs = [
            part.leaf(spec, f"x{i}", "input", follows and spec.dtype.kind == "f")
            for i, (spec, follows) in enumerate(zip(specs, tracked, strict=True))
        ]
        with dispatch.interpret(inner):
            results = function(*(Symbol(r, part) for r in inputs))
            outputs = [inner.lift(h) for h in results]
        return part.finished(inputs, outputs)

    def key(self, handle: Any) -> Record:
        """What two handles of one value have in common."""
        return self.lift(handle)

    def stand_in(self, like: Any) -> Record:
        """An input of a subprogram that it does not look at."""
        return Record(LEAF, (), {"name": "unused", "kind": "input"}, like.shape, like.dtype, (), False)

    def leaf(self, handle: Any) -> Symbol:
        refuse_whole(handle, "grad")
        record = self.lift(handle)
        attrs = {"tag": next_serial()}
        made = self.trace.make(MARK, (record,), attrs, record.spec, True)
        return Symbol(made, self.trace)

    def detach(self, handle: Any) -> Symbol:
        record = self.lift(handle)
        return Symbol(self.trace.make(_STOP, (record,), {}, record.spec, False), self.trace)


def _records(gradient: Any) -> Any:
    """The records of gradients, of which there may be several; the symbols would keep all of the trace."""
    if isinstance(gradient, list | tuple):
        return [_records(g) for g in gradient]
    return gradient._record if type(gradient) is Symbol else None
