"""A lane: one mode with its own copy of every state, run a block of batches at a time so that lanes can take turns."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine import tree
from engine.state import Parameter, State
from tapegraph.function import Function
from tapegraph.mode import mode

Array = np.ndarray[Any, Any]


class Lane:
    """One mode: the values and gradients its states hold while another lane runs, and what was measured.

    seconds  of each call but the first, beside the number of samples in it
    """

    def __init__(self, name: str, step: Callable[..., Any], states: Sequence[State]) -> None:
        self.name = name
        self.step = step
        self.states = states
        self.first = 0.0
        self.calls = 0
        self.seconds: list[tuple[int, float]] = []
        self._stored: list[tuple[Array, Any]] = [(s._value.copy(), s._grad) for s in states]

    def swap(self) -> None:
        """Exchange what the states hold with what this lane keeps; no array is copied."""
        for number, state in enumerate(self.states):
            value, gradient = self._stored[number]
            self._stored[number] = (state._value, state._grad)
            state.hold(value)
            state._grad = gradient
            del value  # a second reference would make a compiled step copy before it writes in place

    def run(self, batches: Sequence[tuple[Any, ...]]) -> Any:
        """One call for each batch, timed; the last result."""
        result, step, clock = None, self.step, time.perf_counter
        self.swap()
        try:
            with mode(self.name):
                for batch in batches:
                    started = clock()
                    result = step(*batch)
                    passed = clock() - started
                    if self.calls:
                        self.seconds.append((samples(batch), passed))
                    else:
                        self.first = passed
                    self.calls += 1
        finally:
            self.swap()
        return result

    def during(self, action: Callable[[], Any]) -> Any:
        """What ``action`` returns with this lane's values in the states and its mode in force."""
        self.swap()
        try:
            with mode(self.name):
                return action()
        finally:
            self.swap()

    def nudge(self) -> None:
        """Move every float parameter of this lane by one unit in its last place."""
        for state, (value, _) in zip(self.states, self._stored, strict=True):
            if isinstance(state, Parameter) and value.dtype.kind == "f":
                np.nextafter(value, value.dtype.type(np.inf), out=value)

    def values(self) -> list[Array]:
        """A copy of what each state holds in this lane."""
        return [value.copy() for value, _ in self._stored]

    def restore(self, values: Sequence[Array]) -> None:
        """Take over ``values`` in this lane."""
        self._stored = [(v.copy(), g) for v, (_, g) in zip(values, self._stored, strict=True)]

    def peak(self, batch: tuple[Any, ...]) -> int:
        """Bytes that Python and NumPy allocate at most during one call, beyond those held before it (tracemalloc)."""

        def call() -> int:
            tracemalloc.start()
            try:
                held = tracemalloc.get_traced_memory()[0]
                self.step(*batch)
                return tracemalloc.get_traced_memory()[1] - held
            finally:
                tracemalloc.stop()

        return int(self.during(call))


def samples(batch: tuple[Any, ...]) -> int:
    """The size of the first axis of the first array of a batch; 1 where there is none."""
    for leaf in tree.leaves(list(batch)):
        shape = getattr(leaf, "shape", ())
        if shape:
            return int(shape[0])
    return 1


def outputs(result: Any) -> list[Array]:
    """The arrays among the results of a call, as NumPy arrays."""
    return [np.array(leaf) for leaf in tree.leaves([result]) if hasattr(leaf, "__array__")]


def arena(step: Function) -> int:
    """Bytes of the native memory that a compiled function holds for its largest sizes: intermediates and gradients."""
    programs = [version.program for known in step.versions.values() for version in known]
    return max(p.arena.bytes + sum(a.nbytes for a in p.kept.values()) for p in programs)
