"""LRScheduler: counts epochs (or steps) and sets the learning rate of each group of an optimizer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, ClassVar, NoReturn

from engine.errors import ArgumentError, UnsupportedError
from tapegraph.optim.numbers import tracing
from tapegraph.optim.optimizer import Optimizer


class LRScheduler:
    """Base class of schedulers. A subclass defines ``get_lr``: the rates, one for each group, at ``last_epoch``.

    Making one sets the rates of epoch 0 and keeps the given ones as "initial_lr" in the groups; ``step`` goes on by one
    epoch. ``last_epoch``: the epoch finished before a run was interrupted, -1 for a new one; where it is not -1, each
    group needs its "initial_lr", which the optimizer's state dict brings. Call ``step`` after the optimizer's, outside
    traced functions (inside it raises UnsupportedError); a compiled step reads the new rates without a new trace.
    Raises ArgumentError for a number out of range.
    """

    unsaved: ClassVar[frozenset[str]] = frozenset({"optimizer"})  # attributes that are no part of a state dict

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            self.refuse(f"schedules an optimizer, not {type(optimizer).__name__}")
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                self.refuse(
                    f"cannot go on from epoch {last_epoch}: param_groups[{number}] has no 'initial_lr'",
                    "load the optimizer's state dict first, or begin with last_epoch=-1",
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial = False
        self.begin()

    def begin(self) -> None:
        """The step that is part of making a scheduler: from before the first epoch into it."""
        self._initial = True
        try:
            self.step()
        finally:
            self._initial = False

    def get_lr(self) -> list[float]:
        """The rates of the groups at ``last_epoch``; most are reached from those of the epoch before."""
        raise NotImplementedError

    def closed_form(self) -> list[float]:
        """The rates of the groups at ``last_epoch``, whatever they are now, where there is a formula for it."""
        return self.get_lr()

    def step(self) -> None:
        """Go on by one epoch: set the rate of each group."""
        self.outside_traces()
        self.last_epoch += 1
        self.set_rates(self.get_lr())

    def rewind(self) -> None:
        """Go back to before the first epoch; the rates stay."""
        self.last_epoch -= 1

    def restart(self) -> None:
        """Set the rates of epoch 0 from the initial ones."""
        self.last_epoch = 0
        self.set_rates(self.closed_form())

    def set_rates(self, rates: list[float]) -> None:
        """Set the rate of each group."""
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [float(rate) for rate in rates]

    def get_last_lr(self) -> list[float]:
        """The rates set last, one for each group."""
        return list(self._last_lr)

    def outside_traces(self) -> None:
        """Raise UnsupportedError inside a traced function, where the epoch would be counted once and never again."""
        if tracing():
            raise UnsupportedError(
                "a scheduler counts in Python, which a compiled step does not run",
                op=f"{type(self).__name__}.step",
                fix="call scheduler.step() after the compiled step; it reads the new rate without a new trace",
            )

    # ------------------------------------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """A copy of its numbers. The rates themselves are part of the optimizer's state dict."""
        return {
            name: copy.deepcopy(value)
            for name, value in vars(self).items()
            if name not in self.unsaved and name != "_initial"
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict`` of the same kind of scheduler. Raises ArgumentError for one of another kind."""
        here = self.state_dict().keys()
        if here != state_dict.keys():
            self.refuse(
                f"the saved state holds {sorted(state_dict)}, here are {sorted(here)}", "build the kind that was saved"
            )
        vars(self).update({name: copy.deepcopy(value) for name, value in state_dict.items()})

    def for_groups(self, name: str, value: Any) -> list[Any]:
        """One value for each group, from a list of them or from one for all."""
        groups = len(self.optimizer.param_groups)
        if not isinstance(value, list | tuple):
            return [value] * groups
        if len(value) != groups:
            self.refuse(f"{name} must be one or {groups}, as many as there are groups, got {len(value)}")
        return list(value)

    def refuse(self, problem: str, fix: str = "") -> NoReturn:
        """Raise an ArgumentError that names this scheduler."""
        raise ArgumentError(problem, op=type(self).__name__, fix=fix)


def saved_callable(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """The attributes of an object that is called; None for a function, which is made anew from code."""
    attributes = None if function is None or isinstance(function, FunctionType) else getattr(function, "__dict__", None)
    return None if attributes is None else copy.deepcopy(attributes)


def restore_callable(function: Any, saved: Mapping[str, Any] | None) -> None:
    """Give an object that is called the attributes it was saved with."""
    if saved is not None:
        vars(function).update(copy.deepcopy(saved))
