"""Part: the trace of a subprogram, which takes what it uses of the program around it as further inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.control.body import Body, Traced
from engine.errors import UnsupportedError
from engine.record import Record, needed
from engine.state import State
from graph.symbol import Symbol
from graph.trace import Trace

if TYPE_CHECKING:
    from graph.builder import Builder


class Part(Trace):
    """The body of a control op under construction. ``outer`` writes the program around it."""

    def __init__(self, outer: Builder) -> None:
        super().__init__(outer.trace.literal)
        self.outer = outer
        self.later = outer.trace.later
        self.watched, self.shown, self.whereabouts = outer.trace.watched, outer.trace.shown, outer.trace.whereabouts
        self.pulled, self.notices = outer.trace.pulled, outer.trace.notices
        self.derived, self.within, self.modules = outer.trace.derived, outer.trace.within, outer.trace.modules
        self.brought: dict[Record, Record] = {}  # a record of the program around: the input that stands for it here
        self.before: dict[State, Record] = {}  # what each state holds when the subprogram starts

    def bring(self, handle: Any) -> Record:
        """The input that stands for a value of the program around."""
        record = self.outer.lift(handle)
        found = self.brought.get(record)
        if found is None:
            name = record.attrs.get("name") or f"outside{len(self.brought)}"
            found = self.brought[record] = self.leaf(record.spec, name, "input", record.tracked)
        return found

    def here(self, symbol: Symbol) -> Record | None:
        """The record of a symbol in this subprogram: its own, or the input that stands for one from around."""
        own = super().here(symbol)
        if own is None and (outside := self.outer.trace.here(symbol)) is not None:
            own = self.brought.get(outside)
        return own

    def state(self, state: State) -> Record:
        """What a state holds at this point of the subprogram."""
        record = self.current.get(state)
        if record is None:
            record = self.current[state] = self.before[state] = self.bring(self.outer.read(state))
            self.owners[record] = state
        return record

    def capture(self, array: np.ndarray[Any, Any], owner: Any) -> Record:
        """An array made outside is captured by the whole program, and brought in from there."""
        return self.bring(Symbol(self.outer.trace.capture(array, owner), self.outer.trace))

    def check_gradients(self, leaf: Any) -> None:
        """Raises UnsupportedError: what a subprogram changes must leave it as a result."""
        raise UnsupportedError(
            "gradients cannot be accumulated from inside a subprogram of scan, cond or while_loop",
            op="backward",
            operands=(leaf,),
            fix="return the loss and call backward() outside, or use tg.grad inside",
        )

    def finished(self, inputs: list[Record], outputs: list[Record]) -> Traced:
        """The subprogram without what its outputs do not need."""
        self.places.forget()
        changed = [s for s, r in self.before.items() if self.current[s] is not r]
        results = [*outputs, *(self.current[s] for s in changed)]
        used = set(needed(results)) | {self.before[s] for s in changed}
        outside = [(r, leaf) for r, leaf in self.brought.items() if leaf in used]
        leaves = [*(leaf for _, leaf in outside), *inputs]
        position = {leaf: i for i, (_, leaf) in enumerate(outside)}
        nodes = sorted(used | set(leaves), key=lambda r: r.serial)
        return Traced(
            Body(leaves, nodes, results),
            [Symbol(r, self.outer.trace) for r, _ in outside],
            {s: position[self.before[s]] for s in changed},
        )
