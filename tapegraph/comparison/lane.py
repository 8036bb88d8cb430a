"""A lane: one mode with its own copy of every state and argument, run a turn at a time so that lanes can alternate."""

from __future__ import annotations

import random
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import tree
from engine.notices import TapegraphWarning
from engine.state import Parameter, State, left_alone
from tapegraph.mode import mode

Array = np.ndarray[Any, Any]
Batch = tuple[Any, ...]


class Timed:
    """What was timed: ``turns`` holds the seconds of the calls of each turn, beside the number of samples in each call."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turns: list[list[tuple[int, float]]] = []
        self.calls = 0
        self.first = 0.0

    def usual(self) -> int:
        """The most common number of samples in a timed call."""
        return Counter(n for turn in self.turns for n, _ in turn).most_common(1)[0][0]

    def seconds(self, size: int) -> list[list[float]]:
        """Seconds of the calls with ``size`` samples, of each turn that has any."""
        found = [[s for n, s in turn if n == size] for turn in self.turns]
        return [turn for turn in found if turn]


class Lane(Timed):
    """One mode: the values and gradients its states hold while another lane runs, and what was measured.

    ``versions``: how many versions are compiled so far; a call that raises that number is no timed one.
    """

    def __init__(
        self,
        name: str,
        step: Callable[..., Any],
        states: Sequence[State],
        versions: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(name)
        self.step = step
        self.states = states
        self.versions = versions
        self.notices: list[TapegraphWarning] = []
        self._stored: list[tuple[Array, Any]] = [(s._value.copy(), _own(_array(s._grad))) for s in states]
        self._generators = np.random.get_state(), random.getstate()  # what Python's and NumPy's own numbers come from

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This lane's values in the states, its mode in force, warnings noted; no array is copied."""
        self._swap()
        try:
            with mode(self.name), noting(self.notices):
                yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for number, state in enumerate(self.states):
            value, gradient = self._stored[number]
            self._stored[number] = (state._value, state._grad)
            state.hold(value)
            state._grad = gradient
            del value  # a second reference would make a compiled step copy before it writes in place
        now, (numpys, pythons) = (np.random.get_state(), random.getstate()), self._generators
        np.random.set_state(numpys)
        random.setstate(pythons)
        self._generators = now

    def run(self, batches: Sequence[Batch]) -> Any:
        """One call for each batch, timed as one turn; the last result. Calls are given copies, which they may change.

        Of several calls the first is not timed: compiled calls look again at what has changed with the mode.
        """
        result, step, clock, versions = None, self.step, time.perf_counter, self.versions
        turn: list[tuple[int, float]] = []
        given = [copied(batch) for batch in batches]
        with self.inside():
            for number, batch in enumerate(given):
                known = versions()
                started = clock()
                result = step(*batch)
                passed = clock() - started
                if not self.calls:
                    self.first = passed
                elif versions() == known and (number or len(given) == 1):
                    turn.append((samples(batch), passed))
                self.calls += 1
        if turn:
            self.turns.append(turn)
        return result

    def during(self, action: Callable[[], Any]) -> Any:
        """What ``action`` returns with this lane's values in the states and its mode in force."""
        with self.inside():
            return action()

    def nudge(self) -> None:
        """Move every float parameter of this lane by one unit in its last place."""
        for state, (value, _) in zip(self.states, self._stored, strict=True):
            if isinstance(state, Parameter):
                value[...] = nudged(value)

    def values(self) -> list[Array]:
        """A copy of what each state holds in this lane."""
        return [value.copy() for value, _ in self._stored]

    def gradients(self) -> list[Array | None]:
        """A copy of each state's gradient in this lane, None where it has none."""
        return [_array(gradient) for _, gradient in self._stored]

    def restore(self, values: Sequence[Array], gradients: Sequence[Array | None]) -> None:
        """Take over values and gradients in this lane."""
        self._stored = [(v.copy(), _own(g)) for v, g in zip(values, gradients, strict=True)]

    def peak(self, batch: Batch) -> int:
        """Bytes that Python and NumPy allocate at most during one call, beyond those held before it (tracemalloc)."""
        given = copied(batch)

        def call() -> int:
            tracemalloc.start()
            try:
                held = tracemalloc.get_traced_memory()[0]
                self.step(*given)
                return tracemalloc.get_traced_memory()[1] - held
            finally:
                tracemalloc.stop()

        return int(self.during(call))


def _array(gradient: Any) -> Array | None:
    """A copy of a gradient, which a compiled step may have left in its own memory."""
    return None if gradient is None else np.array(gradient._value)


def _own(gradient: Array | None) -> Tensor | None:
    return None if gradient is None else Tensor(gradient.copy())


@contextmanager
def as_before(states: Sequence[State]) -> Iterator[None]:
    """Leave states, gradients and the random numbers of Python and NumPy after the block as they are now."""
    numpys, pythons = np.random.get_state(), random.getstate()
    try:
        with left_alone(states):
            yield
    finally:
        np.random.set_state(numpys)
        random.setstate(pythons)


@contextmanager
def noting(notices: list[TapegraphWarning]) -> Iterator[None]:
    """Keep the notices of a block instead of showing them; other warnings are shown as ever."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TapegraphWarning)
        try:
            yield
        finally:
            found = list(caught)
    for warning in found:
        if isinstance(warning.message, TapegraphWarning):
            notices.append(warning.message)
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def samples(batch: Batch) -> int:
    """The size of the first axis of the first array of a batch; 1 where there is none."""
    for leaf in tree.leaves(list(batch)):
        shape = getattr(leaf, "shape", ())
        if shape:
            return int(shape[0])
    return 1


def copied(value: Any) -> Any:
    """The same nest with arrays of its own; tensors that gradients are taken of stay so."""

    def copy(leaf: Any) -> Any:
        if type(leaf) is Tensor:
            new = Tensor(leaf._array().copy())
            return new.requires_grad_() if leaf.requires_grad else new
        return leaf.copy() if type(leaf) is np.ndarray else leaf

    return tree.map_tree(copy, value)


def nudged(value: Any) -> Any:
    """A nest whose float arrays are moved by one unit in their last place."""

    def move(leaf: Any) -> Any:
        if type(leaf) is Tensor and leaf.dtype.kind == "f":
            new = Tensor(move(leaf._array()))
            return new.requires_grad_() if leaf.requires_grad else new
        if type(leaf) is np.ndarray and leaf.dtype.kind == "f":
            return np.nextafter(leaf, leaf.dtype.type(np.inf))
        return leaf

    return tree.map_tree(move, value)
