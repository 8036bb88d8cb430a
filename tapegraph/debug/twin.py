"""A call made twice, compiled and in eager mode, from the same arguments and states; these are put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import effects, tree
from engine.record import Record
from engine.state import State, left_alone
from graph.mismatch import gap, size
from tapegraph.function import Function
from tapegraph.mode import mode
from tapegraph.selfcheck import SUSPECT
from tapegraph.tracing import Slot
from tapegraph.version import Version

Array = np.ndarray[Any, Any]


class Twin:
    """A call of ``function`` that ``version`` serves, with copies of its arguments and of what the states held before."""

    def __init__(self, function: Function, version: Version, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        graph = version.graph
        self.function, self.version = function, version
        self.args, self.kwargs = copied(tuple(args)), copied(dict(kwargs))
        self.states: list[State] = list({**graph.states, **graph.updates, **graph.grad_updates})
        self.before = [(s, s._value.copy(), None if s._grad is None else s._grad._value.copy()) for s in self.states]

    def begin(self) -> None:
        """Let the states and gradients be what they were before the call."""
        for state, value, grad in self.before:
            state.hold(value.copy())
            state._grad = None if grad is None else Tensor(grad.copy())

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Leave states and gradients after the block as they are now."""
        kept = [(a, a.copy()) for a in self.version.program.kept.values()]
        try:
            with left_alone(self.states):
                yield
        finally:
            for array, content in kept:
                np.copyto(array, content)

    def results(self, returned: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Array]:
        """Copies of the results of a call just made with these arguments, of the new states and of the gradients."""
        outputs: dict[int, Array] = {}
        slots = tree.leaves(self.version.calls.structure)
        for slot, leaf in zip(slots, tree.leaves(returned), strict=False):
            if type(slot) is Slot:
                outputs[slot.number] = np.array(leaf)
        given = [leaf for leaf in tree.leaves([*args, *kwargs.values()]) if type(leaf) in (Tensor, np.ndarray)]
        for argument, output in self.version.rebound:
            outputs[output] = np.array(given[argument])
        return [*(outputs[n] for n in sorted(outputs)), *self.left()]

    def left(self) -> list[Array]:
        """Copies of the states that a call changes and of the gradients it leaves."""
        graph = self.version.graph
        states = [np.array(s._value) for s in graph.updates if s is not effects.ORDER]
        return states + [np.array(s._grad._value) for s, r in graph.grad_updates.items() if r is not None]

    def described(self) -> list[tuple[str, Record]]:
        """What each of ``results`` is, and its node in the graph as traced."""
        graph = self.version.graph
        outputs = [(f"result {n}", r) for n, r in enumerate(graph.outputs)]
        states = [(_name(s, "a state"), r) for s, r in graph.updates.items() if s is not effects.ORDER]
        grads = [(f"the gradient of {_name(s, 'a state')}", r) for s, r in graph.grad_updates.items() if r is not None]
        return [*outputs, *states, *grads]

    def eager(self) -> list[Array]:
        """The results of the call in eager mode, from what the states hold now."""
        args, kwargs = copied(self.args), copied(self.kwargs)
        with mode("inline"):
            returned = self.function.body(*args, **kwargs)
        return self.results(returned, args, kwargs)


def copied(value: Any) -> Any:
    """Arguments whose arrays the program may assign to without anybody noticing."""

    def copy(leaf: Any) -> Any:
        if type(leaf) is Tensor:
            return Tensor(leaf._array().copy())
        return leaf.copy() if type(leaf) is np.ndarray else leaf

    return tree.map_tree(copy, value)


def far_apart(found: Array, wanted: Array, rtol: float | None, atol: float) -> tuple[float, bool]:
    """The largest difference relative to the largest element, and whether it is within tolerance."""
    if found.shape != wanted.shape:
        return float("inf"), False
    absolute = float(gap(found, wanted).max(initial=0.0))
    scale = size(wanted)
    usual = SUSPECT.get(wanted.dtype.itemsize, 1e-2) if wanted.dtype.kind == "f" else 0.0
    return (absolute / scale if scale else absolute), absolute <= atol + (usual if rtol is None else rtol) * scale


def _name(state: State, otherwise: str) -> str:
    return f"state {state.name!r}" if state.name else otherwise
