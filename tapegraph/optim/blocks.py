"""Eager updates in blocks: small parameters are joined and large ones cut, so that a step is few ops, and in cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import followed
from engine.state import Parameter, State

Change = Callable[[Any, Any, Mapping[str, Any]], Any]  # (value, gradient, slots) -> the new value
Place = tuple[int, int, int]  # elements of one array: its number, first, behind the last

SIZE = 1 << 14  # elements: the dozen arrays of an update stay in the second-level cache


def on_elements(update: Callable[..., Any]) -> Callable[..., Any]:
    """Mark an update that computes each element from those beside it alone; which parameter it is of does not matter."""
    update.on_elements = True  # type: ignore[attr-defined]
    return update


class _Slot:
    """Stands for one slot of all parameters in a block."""

    __slots__ = ("assigned", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.assigned = False

    def assign(self, new: Any) -> None:
        self.value = new
        self.assigned = True


def change_in_blocks(change: Change, pairs: Sequence[tuple[Parameter, Any]], slots: Mapping[str, list[State]]) -> None:
    """Let parameters of one dtype and their slots hold what ``change`` makes of them and the gradients.

    Arrays that others may hold are left as they are: the new values stand in new ones.
    """
    gradients = [np.ravel(g._value) for _, g in pairs]
    states = {"": [p for p, _ in pairs], **slots}
    old = {name: [s._value.reshape(-1) for s in column] for name, column in states.items()}
    new: dict[str, list[Any]] = {}
    for places in _blocks([g.size for g in gradients]):
        held = {name: _Slot(Tensor(_joined(old[name], places))) for name in slots}
        value = change(Tensor(_joined(old[""], places)), Tensor(_joined(gradients, places)), held)
        for name, found in [("", value), *((n, s.value) for n, s in held.items() if s.assigned)]:
            if followed.alive:
                followed.reached(found._value)
            if name not in new:
                new[name] = [np.empty_like(a) for a in old[name]]
            _deal_out(found._value, new[name], places)
    for name, arrays in new.items():
        for state, array in zip(states[name], arrays, strict=True):
            array.shape = state._value.shape
            state.hold(array)


def _blocks(sizes: Sequence[int]) -> Iterator[list[Place]]:
    """Elements of the arrays in order, about ``SIZE`` at a time."""
    places: list[Place] = []
    room = SIZE
    for number, size in enumerate(sizes):
        at = 0
        while at < size:
            step = min(room, size - at)
            places.append((number, at, at + step))
            at, room = at + step, room - step
            if not room:
                yield places
                places, room = [], SIZE
    if places:
        yield places


def _joined(arrays: Sequence[Any], places: list[Place]) -> Any:
    parts = [arrays[number][first:behind] for number, first, behind in places]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _deal_out(block: Any, arrays: Sequence[Any], places: list[Place]) -> None:
    at = 0
    for number, first, behind in places:
        arrays[number][first:behind] = block[at : at + behind - first]
        at += behind - first
