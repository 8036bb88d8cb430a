"""Graph: records in dependence order, with what goes in, what comes out and which states are written back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from engine.origin import Origin
from engine.record import Record, needed
from engine.sizes import names_in
from engine.state import State


class Pull(NamedTuple):
    """The backward step of a record: the gradient that arrived (a list, where the op has several results), and what went on
    to each operand, or None.
    """

    record: Record
    arrived: Any
    parts: Sequence[Any]


@dataclass
class Graph:
    """A symbolic program.

    ``inputs``, ``states``, ``grads`` and ``captured`` are leaves: what a call brings, what states and their gradients
    hold when it starts, arrays from outside. ``updates`` and ``grad_updates`` are written back when it ends (None:
    the gradient is dropped). ``outer``: the user's frames around the call that was traced, which origins end with.
    ``pulled``: the backward steps in a graph as traced, those in subprograms included. Of the records in a graph as traced:
    ``derived``, the record that a gradient rule made each from; ``within``, the modules that were being called, outermost
    first. Both hold more than the nodes: those of subprograms, and what nobody needed in the end.
    """

    nodes: list[Record] = field(default_factory=list)
    inputs: list[Record] = field(default_factory=list)
    outputs: list[Record] = field(default_factory=list)
    states: dict[State, Record] = field(default_factory=dict)
    grads: dict[State, Record] = field(default_factory=dict)
    captured: dict[Record, np.ndarray[Any, Any]] = field(default_factory=dict)
    updates: dict[State, Record] = field(default_factory=dict)
    grad_updates: dict[State, Record | None] = field(default_factory=dict)
    outer: Origin = ()
    pulled: list[Pull] = field(default_factory=list)
    derived: dict[Record, Record] = field(default_factory=dict)
    within: dict[Record, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def results(self) -> list[Record]:
        """Every record that must be computed: outputs, updates and gradients."""
        kept = [r for r in self.grad_updates.values() if r is not None]
        return [*self.outputs, *self.updates.values(), *kept]

    def pruned(self) -> Graph:
        """The same program without the nodes and leaves that no result needs; inputs stay."""
        wanted = set(needed(self.results)) | set(self.inputs)
        states = {s: r for s, r in self.states.items() if r in wanted or s in self.updates}
        wanted |= set(states.values())
        return replace(
            self,
            nodes=sorted(wanted, key=lambda r: r.serial),
            states=states,
            grads={s: r for s, r in self.grads.items() if r in wanted},
            captured={r: a for r, a in self.captured.items() if r in wanted},
        )

    @property
    def leaves(self) -> list[Record]:
        """Every record that comes from outside."""
        return [*self.inputs, *self.states.values(), *self.grads.values(), *self.captured]

    def names(self) -> list[str]:
        """The named sizes the inputs bring."""
        found: dict[str, None] = {}
        for record in self.inputs:
            for n in record.shape:
                for name in sorted(names_in(n)):
                    found.setdefault(name)
        return list(found)
