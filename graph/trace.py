"""Trace: what one graph under construction has seen, with equal records met as one (hash-consing)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import CO_OPTIMIZED
from typing import Any, NoReturn

import numpy as np

from engine import origin
from engine.errors import FeedError
from engine.lowering import Control
from engine.notices import TapegraphWarning
from engine.op import OPS, Op, Trait
from engine.ops.dtype import leaf as LEAF
from engine.record import Record
from engine.sizes import Shape
from engine.spec import DType, Spec
from engine.state import State
from graph.graph import Graph
from graph.symbol import Symbol

_FULL = OPS["full"]


class Trace:
    """What one graph under construction has seen: its records by content, its leaves, states and gradients.

    ``literal``: every application of an op is a record of its own, as on the eager tape, so that the reverse pass adds up
    gradients in the same order; and gradient rules see the program's numbers as the Python numbers they are.
    """

    def __init__(self, literal: bool = False) -> None:
        self.literal = literal
        self.graph = Graph()
        self.places = origin.Places()
        self.known: dict[Any, Record] = {}
        self.numbers: dict[Record, Any] = {}  # where it is literal: the number that a constant was
        self.owners: dict[Record, State] = {}
        self.current: dict[State, Record] = {}  # what each state holds at this point of the program
        self.grads: dict[State, Any] = {}  # the gradient of each state at this point: a Symbol or None
        self.notes: dict[State, tuple[Record, Any]] = {}  # what is known of that gradient: see engine.spent
        self.roots: list[Record] = []  # what gradients were taken of
        self.silenced: dict[Record, origin.Origin] = {}  # made without gradients, and where those were switched off
        self.had_grad: dict[State, bool] = {}  # whether the program found a gradient there when it started
        self.outside: dict[int, tuple[Record, Any]] = {}
        self.later: list[Callable[[], bool]] = []  # asked after a call until they say True; see optim.watch
        self.watched: list[tuple[Any, str, Any]] = []  # (object, attribute, value) the program depends on
        self.pulled, self.derived, self.within = self.graph.pulled, self.graph.derived, self.graph.within
        self.modules: tuple[Any, ...] = ()  # those that are being called, outermost first
        self.notices: list[TapegraphWarning] = []  # given while tracing
        self.whole: tuple[Op, tuple[Record, ...]] | None = None  # the op that is being written in other ops
        self.shown: list[origin.Origin] = []  # where the program made text of a symbol
        # Once it is traced: what finds the place outside that holds a symbol, and the expression that put it there.
        self.whereabouts: list[Callable[[Any], tuple[str, origin.Origin] | None]] = []

    def make(
        self, op: Op, args: tuple[Record, ...], attrs: dict[str, Any], spec: Spec, tracked: bool = False
    ) -> Record:
        """The record of ``op`` applied to records; an equal one is reused, so equal subexpressions are one node."""
        # The length of the graph is a key that no other record has.
        key = len(self.graph.nodes) if self.literal else (self.key(op, self.ordered(op, args), attrs), tracked)
        record = self.known.get(key)
        if record is None:
            place, frame = self.places.capture(skip=2)
            record = Record(op, args, attrs, spec.shape, spec.dtype, place, tracked)
            if frame is None:
                record.scope = origin.inherited_scope()
                if (forward := origin.deriving()) is not None:
                    self.derived[record] = forward
            elif frame.f_code.co_flags & CO_OPTIMIZED:  # a function, not a module
                record.scope = self.variables(frame.f_locals)
            if self.whole is not None:
                record.whole = self.whole
            if self.modules:
                self.within[record] = self.modules
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

    def variables(self, names: Mapping[str, Any]) -> dict[str, Record]:
        """The records that variables stand for here."""
        found = {}
        for name, x in names.items():
            symbol = (
                x if type(x) is Symbol else getattr(x, "_handle", None)
            )  # as ``symbol_in``, without a call for each
            if type(symbol) is Symbol:
                record = symbol._record if symbol._trace is self else self.here(symbol)
                if record is not None:
                    found[name] = record
        return found

    def here(self, symbol: Symbol) -> Record | None:
        """The record of a symbol in this graph, where it has one already."""
        return symbol._record if symbol._trace is self else None

    def number(self, value: Any, dtype: DType, op: Op) -> Record:
        """A number that the program writes down as an operand of an op, as a record."""
        record = self.constant(value, dtype)
        if self.literal and not isinstance(op.lower, Control):  # subprograms take arrays
            self.numbers[record] = value
        return record

    def bring(self, handle: Any) -> NoReturn:
        """Raises SymbolError: a program by itself has no other around it whose values it could use."""
        raise handle.stray(None)

    def check_gradients(self, leaf: Any) -> None:
        """Whether gradients may be accumulated here; a subprogram refuses."""

    def finish(self, outputs: list[Record]) -> Graph:
        """The graph of what the outputs, the changed states and the gradients need."""
        self.places.forget()
        graph = self.graph
        graph.outputs = outputs
        graph.updates = {s: r for s, r in self.current.items() if r is not graph.states[s]}
        graph.grad_updates = {
            s: None if g is None else g._record
            for s, g in self.grads.items()
            # Whether a gradient dropped unread was there, only the call knows.
            if (s not in self.had_grad and g is None) or (None if g is None else g._record) is not graph.grads.get(s)
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
