"""Where two graphs of one program first differ: the same program traced twice, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.control.body import Body
from engine.op import OPS
from engine.record import Record
from graph.graph import Graph

_FULL = OPS["full"]


@dataclass(frozen=True)
class Difference:
    """The first difference of two graphs. ``old``, ``new``: the records, None where one graph has no such node.

    ``was``: the number or array that the old graph holds where the new one holds another.
    """

    what: str
    old: Record | None
    new: Record | None
    was: Any = None


def difference(old: Graph, new: Graph) -> Difference | None:
    """The first node, result or update in which ``new`` is not what ``old`` is; None where they mean the same.

    Nodes are compared in the order in which the program made them: op, attributes, operands, shape and dtype, and the
    contents of arrays from outside.
    """
    pairs = _Pairs(old, new)
    found = pairs.nodes(old.nodes, new.nodes)
    if found is not None:
        return found
    if not pairs.all(old.outputs, new.outputs):
        return _other("the results are other nodes", old.outputs, new.outputs)
    for what, before, after in (
        ("is updated", old.updates, new.updates),
        ("gets a gradient", old.grad_updates, new.grad_updates),
    ):
        for state in [*before, *after]:
            a, b = before.get(state), after.get(state)
            if (state in before) != (state in after) or not pairs.same(a, b):
                return Difference(f"{state.name or 'a state'} {what} in another way", a, b)
    return None


def _other(what: str, old: Sequence[Record], new: Sequence[Record]) -> Difference:
    return Difference(what, old[0] if old else None, new[0] if new else None)


class _Pairs:
    """Which record of one graph is which of the other."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self.old, self.new = old, new
        self.partner: dict[Record, Record] = {}
        self.tags: dict[int, int] = {}
        self.states = {r: s for s, r in old.states.items()}, {r: s for s, r in new.states.items()}
        self.grads = {r: s for s, r in old.grads.items()}, {r: s for s, r in new.grads.items()}

    def same(self, a: Record | None, b: Record | None) -> bool:
        return a is b if a is None or b is None else self.partner.get(a) is b

    def all(self, a: Sequence[Record], b: Sequence[Record]) -> bool:
        return len(a) == len(b) and all(map(self.same, a, b))

    def nodes(self, old: Sequence[Record], new: Sequence[Record]) -> Difference | None:
        for a, b in zip(old, new, strict=False):
            what = self._what(a, b)
            if what:
                was = a.attrs.get("value") if a.op is _FULL is b.op else self.old.captured.get(a)
                return Difference(what, a, b, was)
            self.partner[a] = b
        if len(old) > len(new):
            return Difference(f"{old[len(new)].op.name} is not there any more", old[len(new)], None)
        if len(new) > len(old):
            return Difference(f"{new[len(old)].op.name} is new", None, new[len(old)])
        return None

    def _what(self, a: Record, b: Record) -> str:
        """How two records differ; empty where they do not."""
        if a.op is not b.op:
            return f"{b.op.name} stands where {a.op.name} was"
        if not self.all(a.args, b.args):
            return f"{b.op.name} has other operands"
        if a.spec != b.spec:
            return f"{b.op.name} gives {b.spec}, before {a.spec}"
        if a.attrs.keys() != b.attrs.keys():
            return f"{b.op.name} has other options"
        for name, value in a.attrs.items():
            if not self._alike(name, value, b.attrs[name]):
                if b.op is _FULL and name == "value":
                    return f"a number is {_short(b.attrs[name])}, before {_short(value)}"
                return f"{name} of {b.op.name} is {_short(b.attrs[name])}, before {_short(value)}"
        if not a.args:
            return self._leaf(a, b)
        return ""

    def _leaf(self, a: Record, b: Record) -> str:
        for old, new in (self.states, self.grads):
            if old.get(a) is not new.get(b):
                return f"{b.attrs.get('name', b.op.name)} is another state"
        was, now = self.old.captured.get(a), self.new.captured.get(b)
        if was is not now and not _equal(was, now):
            return "an array from outside has other values"
        return ""

    def _alike(self, name: str, a: Any, b: Any) -> bool:
        if name == "tag" and isinstance(a, int) and isinstance(b, int):
            return self.tags.setdefault(a, b) == b  # a number that only tells marks apart
        if isinstance(a, Body) and isinstance(b, Body):
            return self.nodes(a.nodes, b.nodes) is None and self.all(a.outputs, b.outputs)
        if isinstance(a, tuple | list) and isinstance(b, tuple | list):
            return len(a) == len(b) and all(self._alike(name, x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            return _equal(a, b)
        if type(a) is not type(b):
            return False
        if isinstance(a, float):
            return a.hex() == b.hex()
        # Functions and objects made anew by each trace are no difference that could be told.
        return bool(a == b) or type(a).__eq__ is object.__eq__


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
