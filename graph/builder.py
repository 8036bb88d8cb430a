"""Builder: the interpreter that writes a graph instead of computing, with hash-consing."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import origin
from engine.dtypes import DEFAULT_FLOAT, as_dtype
from engine.errors import FeedError, SymbolError, UnsupportedError
from engine.handle import Handle
from engine.op import OPS, Op, Trait
from engine.ops.create import size_of
from engine.ops.dtype import leaf as LEAF
from engine.ops.dtype import mark as MARK
from engine.ops.results import result as RESULT
from engine.record import Record, next_serial
from engine.sizes import Dim, Shape
from engine.spec import DType, Spec
from engine.state import State
from graph.graph import Graph
from graph.symbol import Symbol

_FULL = OPS["full"]
_STOP = OPS["stop_gradient"]


class Trace:
    """What one graph under construction has seen: its records by content, its leaves, states and gradients."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.known: dict[Any, Record] = {}
        self.owners: dict[Record, State] = {}
        self.current: dict[State, Record] = {}  # what each state holds at this point of the program
        self.grads: dict[State, Any] = {}  # the gradient of each state at this point: a Symbol or None
        self.had_grad: dict[State, bool] = {}  # whether the program found a gradient there when it started
        self.outside: dict[int, tuple[Record, Any]] = {}
        self.watched: list[tuple[Any, str, Any]] = []  # (object, attribute, value) the program depends on

    def make(
        self, op: Op, args: tuple[Record, ...], attrs: dict[str, Any], spec: Spec, tracked: bool = False
    ) -> Record:
        """The record of ``op`` applied to records; an equal one is reused, so equal subexpressions are one node."""
        args = self.ordered(op, args)
        key = (self.key(op, args, attrs), tracked)
        record = self.known.get(key)
        if record is None:
            record = Record(op, args, attrs, spec.shape, spec.dtype, origin.capture(skip=2), tracked)
            self.known[key] = record
            self.graph.nodes.append(record)
        return record

    @staticmethod
    def ordered(op: Op, args: tuple[Record, ...]) -> tuple[Record, ...]:
        """The operands of a commutative op in the one order in which they are written, constants last."""
        return tuple(sorted(args, key=_constants_last)) if Trait.COMMUTATIVE in op.traits else args

    @staticmethod
    def key(op: Op, args: tuple[Record, ...], attrs: dict[str, Any]) -> Any:
        """What two applications must have in common to be one node."""
        return op, args, tuple((k, _frozen(v)) for k, v in sorted(attrs.items()))

    def leaf(self, spec: Spec, name: str, kind: str, tracked: bool = False) -> Record:
        """A record for a value from outside; ``kind`` is input, state, grad or captured."""
        attrs = {"name": name, "kind": kind}
        record = Record(LEAF, (), attrs, spec.shape, spec.dtype, origin.capture(skip=2), tracked)
        self.graph.nodes.append(record)
        return record

    def input(self, name: str, shape: Shape, dtype: DType) -> Symbol:
        """A new input of the graph."""
        if any(r.attrs["name"] == name for r in self.graph.inputs):
            raise FeedError(f"the graph has an input named {name!r} already", op="input")
        record = self.leaf(Spec(shape, dtype), name, "input")
        self.graph.inputs.append(record)
        return Symbol(record, self)

    def state(self, state: State) -> Record:
        """What ``state`` holds at this point of the program."""
        record = self.current.get(state)
        if record is None:
            name = state.name or f"state{len(self.graph.states)}"
            record = self.leaf(Spec(state.shape, state.dtype), name, "state", state.trainable)
            self.graph.states[state] = self.current[state] = record
            self.owners[record] = state
        return record

    def capture(self, array: np.ndarray[Any, Any], owner: Any) -> Record:
        """A leaf for an array made outside the trace; the call passes it by reference, nothing is baked in."""
        held = self.outside.get(id(owner))
        if held is None:
            record = self.leaf(Spec(array.shape, array.dtype), f"array{len(self.outside)}", "captured")
            self.graph.captured[record] = array
            held = self.outside[id(owner)] = (record, owner)  # the owner is kept, so its id stays its own
        return held[0]

    def constant(self, value: Any, dtype: DType, shape: Shape = ()) -> Record:
        """A number as a record."""
        attrs = {"shape": shape, "value": value, "dtype": dtype}
        return self.make(_FULL, (), attrs, Spec(shape, dtype))

    def finish(self, outputs: list[Record]) -> Graph:
        """The graph of what the outputs, the changed states and the gradients need."""
        graph = self.graph
        graph.outputs = outputs
        graph.updates = {s: r for s, r in self.current.items() if r is not graph.states[s]}
        graph.grad_updates = {
            s: None if g is None else g._record
            for s, g in self.grads.items()
            if (None if g is None else g._record) is not graph.grads.get(s)
        }
        return graph.pruned()


def _constants_last(record: Record) -> tuple[bool, int]:
    return record.op is _FULL, record.serial


def _frozen(value: Any) -> Any:
    """A hashable form in which 0.0 and -0.0, 1 and True, NaN and itself are told apart or together as they should."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, bool):
        return ("bool", value)
    return value


class Builder:
    """The interpreter that writes down what it is asked to do. Two of them, with and without gradients, share a trace."""

    name = "static"

    def __init__(self, trace: Trace, grad_enabled: bool = True) -> None:
        self.trace = trace
        self.grad_enabled = grad_enabled

    def with_grad(self, enabled: bool) -> Builder:
        return self if enabled == self.grad_enabled else Builder(self.trace, enabled)

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Symbol:
        args = op.prepare(args)
        if op.expand is not None:
            return op.expand(*args, **attrs)
        spec = op.spec(args, attrs)
        dtype = next((a.dtype for a in args[op.casts or slice(None)] if isinstance(a, Handle)), None)
        records = tuple(
            self.lift(a) if isinstance(a, Handle) else self.trace.constant(a, dtype or spec.dtype) for a in args
        )
        tracked = self.grad_enabled and bool(op.vjp) and any(r.tracked for r in records)
        if op.many:
            return self._results(self.trace.make(op, records, attrs, spec, tracked))
        return Symbol(self.trace.make(op, records, attrs, spec, tracked and spec.dtype.kind == "f"), self.trace)

    def _results(self, whole: Record) -> tuple[Symbol, ...]:
        """The symbols of the results of an op that has several."""
        made = []
        for index, spec in enumerate(whole.spec):
            tracked = whole.tracked and spec.dtype.kind == "f"
            made.append(Symbol(self.trace.make(RESULT, (whole,), {"index": index}, spec, tracked), self.trace))
        return tuple(made)

    def lift(self, handle: Any) -> Record:
        """The record that a handle of any kind stands for in this graph."""
        if isinstance(handle, Symbol):
            if handle._trace is not self.trace:
                raise SymbolError(
                    "this symbol belongs to another graph",
                    operands=(handle,),
                    fix="a value that leaves a traced function must be returned from it or kept in a tg.State",
                )
            return handle._record
        if isinstance(handle, State):
            return self.trace.state(handle)
        return self.trace.capture(handle._value, handle)

    def handle(self, arg: Any) -> Any:
        return self._results(arg) if arg.op.many else Symbol(arg, self.trace)

    def record(self, handle: Any) -> Record | None:
        if isinstance(handle, State) and not handle.trainable:
            return None
        record = self.lift(handle)
        return record if record.tracked else None

    def owner(self, record: Record) -> Any:
        return self.trace.owners.get(record)

    def asarray(self, value: Any, dtype: Any) -> Symbol:
        if isinstance(value, Dim):
            return self.apply(size_of, (), {"size": value, "dtype": dtype or np.dtype(np.int64)})
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        if dtype is None and array.dtype == np.float64 and not isinstance(value, np.ndarray | np.generic):
            dtype = DEFAULT_FLOAT
        target = array.dtype if dtype is None else as_dtype(dtype)
        as_dtype(target)
        if array.ndim == 0:
            return Symbol(self.trace.constant(array.astype(target).item(), target), self.trace)
        owner = value if isinstance(value, np.ndarray) and array.dtype == target else object()
        return Symbol(self.trace.capture(np.ascontiguousarray(array, target), owner), self.trace)

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
            self.trace.grads[leaf] = grad
        return self.trace.grads[leaf]

    def set_grad(self, leaf: Any, value: Any) -> None:
        self._only_states(leaf)
        self.trace.state(leaf)
        self.trace.grads[leaf] = None if value is None else Symbol(self.lift(value), self.trace)

    def _only_states(self, leaf: Any) -> None:
        if not isinstance(leaf, State):
            raise UnsupportedError(
                "inside a traced function only parameters carry a .grad",
                op="grad",
                operands=(leaf,),
                fix="use tg.grad(function) for gradients with respect to arguments",
            )

    def require_grad(self, handle: Any, requires: bool) -> None:
        self._only_states(handle)

    def watch(self, owner: Any, attribute: str) -> None:
        """Note that the program read a Python attribute: another value of it makes another program."""
        self.trace.watched.append((owner, attribute, getattr(owner, attribute)))

    def leaf(self, handle: Any) -> Symbol:
        record = self.lift(handle)
        attrs = {"tag": next_serial()}
        made = self.trace.make(MARK, (record,), attrs, record.spec, True)
        return Symbol(made, self.trace)

    def detach(self, handle: Any) -> Symbol:
        record = self.lift(handle)
        return Symbol(self.trace.make(_STOP, (record,), {}, record.spec, False), self.trace)
