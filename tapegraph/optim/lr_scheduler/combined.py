"""Schedulers made of schedulers: one after the other, or all at once."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

from tapegraph.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tapegraph.optim.lr_scheduler.scheduler import LRScheduler
from tapegraph.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """Several schedulers of one optimizer. Raises ArgumentError for none, for one of another optimizer, and for a plateau."""

    unsaved = frozenset({"optimizer", "_schedulers"})

    def _take(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
        for number, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
                self.refuse(
                    f"scheduler {number} is a {type(scheduler).__name__}, which cannot be stepped without a metric"
                )
            if scheduler.optimizer is not optimizer:
                self.refuse(f"scheduler {number} belongs to another optimizer")
        self.optimizer = optimizer
        self._schedulers = list(schedulers)

    def state_dict(self) -> dict[str, Any]:
        """A copy of its numbers, and those of its schedulers in order as "_schedulers"."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict``. Raises ArgumentError for one of another kind."""
        saved = state_dict.get("_schedulers", ())
        if len(saved) != len(self._schedulers):
            self.refuse(f"{len(saved)} schedulers were saved, here are {len(self._schedulers)}")
        schedulers = self._schedulers
        super().load_state_dict({**state_dict, "_schedulers": []})
        self._schedulers = schedulers
        for scheduler, state in zip(schedulers, saved, strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Combined):
    """One scheduler after the other: at epoch ``milestones[i]`` number i + 1 starts, from its own epoch 0."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        if not schedulers or len(milestones) != len(schedulers) - 1:
            self.refuse(f"needs one milestone less than schedulers, got {len(milestones)} and {len(schedulers)}")
        self._take(optimizer, schedulers)
        self._milestones = list(milestones)
        self._initial = False
        self.last_epoch = last_epoch + 1
        self.set_rates(
            [group["initial_lr"] for group in optimizer.param_groups]
        )  # each scheduler has made its first step
        for scheduler in schedulers:
            scheduler.rewind()
        first = schedulers[bisect.bisect_right(self._milestones, 0)]
        first.begin()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:
        """Go on by one epoch of the scheduler whose turn it is."""
        self.outside_traces()
        self.last_epoch += 1
        number = bisect.bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == self.last_epoch:
            scheduler.restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def rewind(self) -> None:
        for scheduler in self._schedulers:
            scheduler.rewind()
        self.last_epoch -= 1

    def restart(self) -> None:
        self.last_epoch = 0
        first = self._schedulers[bisect.bisect_right(self._milestones, 0)]
        first.restart()
        self._last_lr = first.get_last_lr()


class ChainedScheduler(_Combined):
    """All schedulers step at once, each multiplying what the one before made of the rate."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            self.refuse("was given no schedulers")
        self._take(optimizer or schedulers[0].optimizer, schedulers)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Go on by one epoch of every scheduler."""
        self.outside_traces()
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._schedulers[-1].get_last_lr()

    def begin(self) -> None:
        for scheduler in self._schedulers:
            scheduler.begin()
        self._last_lr = self._schedulers[-1].get_last_lr()

    def rewind(self) -> None:
        for scheduler in self._schedulers:
            scheduler.rewind()

    def restart(self) -> None:
        self.set_rates([group["initial_lr"] for group in self.optimizer.param_groups])
        for scheduler in self._schedulers:
            scheduler.last_epoch = -1
        self.begin()
