"""Saving an optimizer: its options, slots and counts as plain values, and taking them over again, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import ArgumentError, UnsupportedError
from engine.sizes import show_shape
from engine.state import Parameter, State
from tapegraph.optim.group import Cohort, Group
from tapegraph.optim.numbers import tracing

if TYPE_CHECKING:
    from tapegraph.optim.optimizer import Optimizer


def state_dict(optimizer: Optimizer) -> dict[str, Any]:
    """Options and slots as Python numbers and copied arrays; parameters by their number over all groups."""
    number = {parameter: i for i, parameter in enumerate(optimizer.state)}
    groups = [
        {**group.values_now(), "params": [number[p] for p in group["params"]]} for group in optimizer.param_groups
    ]
    slots = [{name: np.array(slot) for name, slot in held.items()} for held in optimizer.state.values()]
    return {"state": slots, "param_groups": groups}


def load_state_dict(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Make an optimizer hold what ``state_dict`` gave, after every check has passed."""
    if tracing():
        raise UnsupportedError(
            "a state dict is taken over once, not in each call",
            op=f"{type(optimizer).__name__}.load_state_dict",
            fix="load it outside the traced function",
        )
    groups: Sequence[Mapping[str, Any]] = saved["param_groups"]
    slots = saved["state"]
    if isinstance(slots, Mapping):
        slots = [slots[i] for i in sorted(slots, key=int)]
    problems = _group_problems(optimizer, groups)
    if not problems:
        for group in groups:
            optimizer.check({name: group[name] for name in optimizer.defaults})
        problems = _slot_problems(optimizer, groups, slots)
    if problems:
        raise ArgumentError(
            "the saved state does not fit this optimizer\n    " + "\n    ".join(problems),
            op=f"{type(optimizer).__name__}.load_state_dict",
            fix="build an optimizer of the kind that was saved, over the same parameters in the same groups",
        )
    held = dict(zip(optimizer.state, slots, strict=True))
    for group, options in zip(optimizer.param_groups, groups, strict=True):
        group.take({name: value for name, value in options.items() if name != "params"})
        optimizer.furnish(group, options)
        _count_as_saved(optimizer, group, held)
        for parameter in group["params"]:
            _take_slots(optimizer, parameter, held[parameter])


def _take_slots(optimizer: Optimizer, parameter: Parameter, saved: Mapping[str, Any]) -> None:
    for name, state in optimizer.state[parameter].items():
        if name in saved:
            state.hold(np.array(saved[name], dtype=state.dtype, order="C"))


def _count_as_saved(optimizer: Optimizer, group: Group, saved: Mapping[Parameter, Mapping[str, Any]]) -> None:
    """Divide the group so that parameters with different counts are in different cohorts."""
    names = list(group.cohorts[0].tallies)

    def counts(parameter: Parameter) -> tuple[float, ...]:
        return tuple(float(saved[parameter].get(name, 0.0)) for name in names)

    if all(len({counts(p) for p in cohort.members}) <= 1 for cohort in group.cohorts):
        return
    members: dict[tuple[float, ...], list[Parameter]] = {}
    for parameter in group["params"]:
        members.setdefault(counts(parameter), []).append(parameter)
    names_of = {name: state.name for name, state in group.cohorts[0].tallies.items()}
    group.regroup(
        [
            Cohort(parameters, {n: State(np.float64(v), name=names_of[n]) for n, v in zip(names, values, strict=True)})
            for values, parameters in members.items()
        ]
    )
    optimizer.furnish(group, group.values_now())


def _group_problems(optimizer: Optimizer, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    saved_sizes = [len(group["params"]) for group in groups]
    if sizes != saved_sizes:
        return [f"groups of {saved_sizes} parameters were saved, here are {sizes}"]
    found = []
    for number, (held, saved) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        now = held.values_now()
        for name in optimizer.defaults:
            if name not in saved:
                found.append(f"group {number} was saved without {name}")
            elif _kind(saved[name]) != _kind(now[name]):
                found.append(f"group {number} was saved with {name}={saved[name]!r}, here it is {now[name]!r}")
    return found


def _kind(value: Any) -> Any:
    """A flag, a number, so many numbers, or anything else."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, tuple | list):
        return len(value)
    return "number" if isinstance(value, int | float | np.number) else "other"


def _slot_problems(optimizer: Optimizer, groups: Any, slots: Sequence[Mapping[str, Any]]) -> list[str]:
    if len(slots) != len(optimizer.state):
        return [f"{len(slots)} parameters were saved, here are {len(optimizer.state)}"]
    found = []
    arrays = iter(slots)
    for group, options in zip(optimizer.param_groups, groups, strict=True):
        needed = {**optimizer.slots(options), **optimizer.tallies(options)}
        for parameter in group["params"]:
            saved = next(arrays)
            label = parameter.name or "a parameter"
            if not needed.keys() <= saved.keys():
                found.append(f"{label} was saved with {sorted(saved)}, here it needs {sorted(needed)}")
                continue
            for name in optimizer.slots(options):
                shape = np.shape(saved[name])
                if shape != parameter.shape:
                    found.append(
                        f"{name} of {label} is {show_shape(shape)}, here it is {show_shape(tuple(parameter.shape))}"
                    )
    return found
