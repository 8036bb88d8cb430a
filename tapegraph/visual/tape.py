"""The stage of eager mode: every op of a call, forward and backward, as it was applied, whether or not it is on the tape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np

from eager.hooks import Event
from eager.tensor import Tensor
from engine import dispatch, origin, tree
from engine.errors import ArgumentError
from engine.handle import Handle
from engine.op import Op
from engine.ops.dtype import leaf as LEAF
from engine.ops.results import result as RESULT
from engine.record import Record
from engine.state import State
from graph.views import kind_of, label_of
from tapegraph.debug.entries import Log
from tapegraph.visual.modules import Names, Path, common, part_of
from tapegraph.visual.scene import PARTS, Node, Stage
from tapegraph.visual.writing import Places, attributes, notes, sizes, types


@dataclass(frozen=True)
class Applied:
    """An op that was applied, and its result, or a list of them. ``op``: None for a step of an optimizer in blocks."""

    name: str
    op: Op | None
    where: origin.Origin
    value: Any


@dataclass
class Tape(Log):
    """Nodes of eager ops in the order in which they were applied."""

    names: Names = field(default_factory=Names)
    places: Places = field(default_factory=Places)
    outer: origin.Origin = ()
    arguments: dict[int, str] = field(default_factory=dict)  # names of arrays among the arguments

    def __post_init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Node] = {}
        self.applied: dict[str, Applied] = {}
        self.timed: list[list[str]] = []  # the nodes that each stretch of time is spent on, in order
        self.modules: tuple[Any, ...] = ()
        self.paused = False
        self._known: dict[int, str] = {}  # by handle, array or record
        self._held: list[Any] = []  # what is known stays alive, so that its id stays its own
        self._states: dict[Any, str] = {}  # what each state holds now
        self._numbers: dict[Any, str] = {}
        self._count = count()

    # ------------------------------------------------------------------------------------ values

    def _is(self, thing: Any, node: str) -> None:
        self._known[id(thing)] = node
        self._held.append(thing)

    def _add(self, node: Node) -> str:
        self.nodes[node.id] = node
        return node.id

    def _new(self) -> str:
        return f"e{next(self._count)}"

    def held(self, thing: Any) -> str | None:
        """The node of an operand: a handle, an array or a number; None for what is only a shape."""
        if isinstance(thing, State):
            return self.state(thing)
        if isinstance(thing, Handle):
            record, array = getattr(thing, "_record", None), getattr(thing, "_value", None)
        else:
            record, array = None, thing
        for known in (thing, record, array):
            if known is not None and (found := self._known.get(id(known))) is not None:
                return found
        if record is not None and record.op is LEAF and (owner := record.attrs.get("owner")) and (at := owner()):
            return self.state(at) if isinstance(at, State) else self._leaf(at._value, "input")
        if isinstance(array, np.ndarray):
            return self._leaf(array, "input" if id(array) in self.arguments else "state")
        return self._number(thing) if isinstance(thing, bool | int | float) else None

    def state(self, state: Any) -> str:
        """The node of what a state holds now."""
        found = self._states.get(state)
        if found is None:
            found = self._states[state] = self._leaf(state._value, "state", self.names.of_state(state))
        return found

    def _leaf(self, array: Any, kind: str, name: str = "") -> str:
        name = name or self.arguments.get(id(array), "array")
        made = self._add(Node(self._new(), "leaf", name, kind, array.dtype.name, tuple(map(str, array.shape))))
        self._is(array, made)
        return made

    def _number(self, value: Any) -> str:
        key = type(value), repr(value)
        if key not in self._numbers:
            text = f"{value:.3g}" if isinstance(value, float) else str(value)
            self._numbers[key] = self._add(Node(self._new(), "number", text, "constant", type(value).__name__, ()))
        return self._numbers[key]

    # ------------------------------------------------------------------------------------ what happens

    def after(self, event: Event) -> None:
        """Note an op that was applied, but for what an optimizer computes in blocks."""
        if self.paused:
            return
        results = event.result if isinstance(event.result, tuple) else (event.result,)
        arrays = [r._value for r in results]
        inputs = tuple(n for n in map(self.held, event.args) if n is not None)
        of = self._known.get(id(event.derived), "") if event.derived is not None else ""
        words = [f for f in event.origin if type(f) is str]
        made = self._add(
            Node(
                self._new(),
                event.op.name,
                label_of(event.op, event.attrs),
                kind_of(event.op),
                ", ".join(dict.fromkeys(a.dtype.name for a in arrays)),
                () if event.op.many else tuple(map(str, arrays[0].shape)),
                inputs,
                self.nodes[of].module if of else self._module(event.op, event.origin),
                part="backward" if of else part_of(self.modules),
                of=of,
                place=self.places.number(event.origin),
                attrs=attributes(event.op, event.attrs) | notes(words, event.result if event.op.many else ()),
            )
        )
        self.timed.append([made])
        self.applied[made] = Applied(event.op.name, event.op, event.origin, arrays if event.op.many else arrays[0])
        for thing in results:
            record = thing._record if type(thing) is Tensor else None
            if record is not None and record.op is RESULT:
                self._is(record.args[0], made)
            for known in (thing, record, thing._value):
                if known is not None:
                    self._is(known, made)

    def _module(self, op: Op, where: origin.Origin) -> Path:
        """Where an op belongs; one that stands for others is a group of its own where nothing else is around it."""
        return self.names.path(where, self.modules, self.outer) or ((op.name,) if op.expand is not None else ())

    def read(self, handle: Any, state: Any) -> None:
        """Note that a handle is what a state holds now."""
        self._is(handle, self.state(state))

    def assigned(self, state: Any, value: Any) -> None:
        """Note what a state holds from now on."""
        found = self.held(value)
        if found is not None:
            self._states[state] = found
            self._is(state._value, found)

    def stepped(self, name: str, optimizer: Any) -> None:
        """Note a step of an optimizer that computed in blocks, without ops."""
        where = origin.capture(1, 3)
        self.timed.append([])
        for parameter in (p for group in optimizer.param_groups for p in group["params"]):
            if parameter._grad is None:
                continue
            inputs = tuple(n for n in (self._states.get(parameter), self.held(parameter._grad)) if n is not None)
            module = self.names.path(where, self.modules, self.outer)
            shape, number = tuple(map(str, parameter.shape)), self.places.number(where)
            made = Node(
                self._new(),
                name,
                name,
                "other",
                parameter.dtype.name,
                shape,
                inputs,
                module,
                part="update",
                place=number,
            )
            self._states[parameter] = self._add(made)
            self.timed[-1].append(made.id)
            self.applied[made.id] = Applied(name, None, where, parameter._value)
            self._is(parameter._value, made.id)

    def written(self, record: Record) -> None:
        """Note a record of the tape."""
        if record.op is LEAF:
            owner = record.attrs["owner"]() if "owner" in record.attrs else None
            name = getattr(owner, "name", None) or ("a tensor" if record.tracked else "an array")
            kind = "state" if isinstance(owner, State) else "input"
            leaf = Node(self._new(), "leaf", name, kind, types(record), sizes(record))
            self._is(record, self._add(leaf))
            return
        inputs = tuple(n for n in map(self.held, record.args) if n is not None)
        words = [f for f in record.origin if type(f) is str]
        made = Node(
            self._new(), record.op.name, label_of(record.op, record.attrs), kind_of(record.op),
            types(record), sizes(record), inputs, self.names.path(record.origin, ()),
            part="backward" if words else "forward", place=self.places.number(record.origin),
            attrs=attributes(record.op, record.attrs) | notes(words, record.spec if record.op.many else ()),
        )  # fmt: skip
        self._is(record, self._add(made))
        self.applied[made.id] = Applied(record.op.name, record.op, record.origin, record.value)

    def node(self, record: Record) -> Node:
        """The node of a record that was written."""
        return self.nodes[self._known[id(record)]]

    # ------------------------------------------------------------------------------------ the end

    def close(self, returned: Any) -> None:
        """Name the results, and let leaves belong to what uses them."""
        roles: dict[str, list[str]] = {}
        leaves = [leaf for leaf in tree.leaves(returned) if isinstance(leaf, Handle)]
        for number, leaf in enumerate(leaves):
            if (found := self.held(leaf)) is not None:
                roles.setdefault(found, []).append("result" if len(leaves) == 1 else f"result {number}")
        for state in self.before:
            name = self.names.of_state(state)
            if (now := self._states.get(state)) is not None and now in self.applied:
                roles.setdefault(now, []).append(f"update of {name}")
            if state._grad is not None and (found := self.held(state._grad)) in self.applied:
                roles.setdefault(found, []).append(f"gradient of {name}")  # type: ignore[arg-type]
        for number, told in roles.items():
            self.nodes[number] = replace(self.nodes[number], result=", ".join(told))
        settle(self.nodes)

    def stage(self) -> Stage:
        """The stage of eager mode."""
        count = Counter(self.nodes[n].part for n in self.applied)
        caption = "the ops as they were applied, one by one: " + ", ".join(f"{count[p]} {p}" for p in PARTS if count[p])
        if not self.applied:
            caption = "no op was applied: what is computed on NumPy arrays before a tensor comes in, NumPy computes"
        return Stage("eager", "eager", caption, tuple(self.nodes.values()))


def settle(nodes: dict[str, Node]) -> None:
    """Let what has no operands belong to what uses it."""
    users: dict[str, list[Node]] = {}
    for node in nodes.values():
        for operand in node.inputs:
            users.setdefault(operand, []).append(node)
    for key, node in list(nodes.items()):
        if not node.inputs and key in users:
            first = min(users[key], key=lambda u: PARTS.index(u.part))
            theirs = common(u.module for u in users[key] if u.part == first.part)
            nodes[key] = replace(node, module=theirs, part=first.part, of=first.of)


def tape_of(tensors: Sequence[Tensor], places: Places) -> Tape:
    """The tape behind some tensors, as far as gradients flow: what was computed without any is not written on it.

    Raises ArgumentError where there is none.
    """
    records = [r for r in (dispatch.default.record(t) for t in tensors) if r is not None]
    if not records:
        raise ArgumentError(
            "there is no tape behind this tensor",
            op="visualize",
            operands=tuple(tensors[:1]),
            fix="compute it from a Parameter or a tensor with requires_grad=True; or visualize(function, *args)",
        )
    tape = Tape(Names(), places)
    for record in _behind(records):
        tape.written(record)
    for number, record in enumerate(records):
        node = tape.node(record)
        tape.nodes[node.id] = replace(node, result="result" if len(records) == 1 else f"result {number}")
    settle(tape.nodes)
    return tape


def _behind(records: Sequence[Record]) -> list[Record]:
    """The records of a tape that some depend on, themselves included, in the order in which they were made."""
    seen = set(records)
    stack = list(seen)
    while stack:
        new = [p for p in stack.pop().parents if p not in seen]
        seen.update(new)
        stack += new
    return sorted(seen, key=lambda r: r.serial)
