"""Schedulers that go up and down, and the momentum down and up: one cycle for a whole training, or many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tapegraph.optim.lr_scheduler.scheduler import LRScheduler, restore_callable, saved_callable
from tapegraph.optim.optimizer import Optimizer


class _WithMomentum(LRScheduler):
    """A scheduler that also sets ``momentum``, or the first of ``betas``, where ``cycle_momentum`` is on."""

    def _take(self, optimizer: Optimizer, cycle_momentum: bool, base_momentum: Any, max_momentum: Any) -> None:
        if not isinstance(optimizer, Optimizer):
            self.refuse(f"schedules an optimizer, not {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.cycle_momentum = cycle_momentum
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum and not self.use_beta1 and "momentum" not in optimizer.defaults:
            self.refuse(
                f"{type(optimizer).__name__} has no momentum and no betas to cycle", "pass cycle_momentum=False"
            )
        self.base_momentums = self.for_groups("base_momentum", base_momentum)
        self.max_momentums = self.for_groups("max_momentum", max_momentum)

    def set_momentums(self, momentums: list[float]) -> None:
        """Set the momentum of each group."""
        for group, momentum in zip(self.optimizer.param_groups, momentums, strict=True):
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


class OneCycleLR(_WithMomentum):
    """From max_lr / ``div_factor`` up to ``max_lr`` and far down, within one training (Smith and Topin 2018).

    ``total_steps``, or ``epochs`` times ``steps_per_epoch``: calls of ``step``, one after each batch. ``pct_start``: the
    share of them that goes up. ``final_div_factor``: the first rate over the last. ``anneal_strategy``: "cos" or
    "linear". ``three_phase``: down as slowly as up, then on to the last rate. The momentum, or beta1, goes from
    ``max_momentum`` to ``base_momentum`` while the rate goes up, and back.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            total_steps = (epochs or 0) * (steps_per_epoch or 0)
        if total_steps < 1 or total_steps != int(total_steps):
            self.refuse("needs total_steps, or epochs and steps_per_epoch, as whole numbers from 1")
        if not 0 <= pct_start <= 1:
            self.refuse(f"pct_start must be in [0, 1], got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            self.refuse(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self._take(optimizer, cycle_momentum, base_momentum, max_momentum)
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self.max_lrs = self.for_groups("max_lr", max_lr)
        starts = [high / div_factor for high in self.max_lrs]
        self.final_lrs = [start / final_div_factor for start in starts]
        peak, last = float(pct_start * total_steps) - 1, total_steps - 1
        # (last step of a phase, rate and momentum at its end); what a phase starts from is the end of the one before
        self.phases: list[tuple[float, str, str]] = [(peak, "max", "base"), (last, "final", "max")]
        if three_phase:
            self.phases.insert(1, (2 * peak, "start", "max"))
        if last_epoch == -1:
            for group, start in zip(optimizer.param_groups, starts, strict=True):
                group["initial_lr"] = start
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        now = self.last_epoch
        if now > self.total_steps:
            self.refuse(f"step {now + 1} of {self.total_steps}: the schedule is over", "give it more total_steps")
        rates = {"start": self.base_lrs, "max": self.max_lrs, "final": self.final_lrs}
        momentums = {"base": self.base_momentums, "max": self.max_momentums}
        begin, rate, momentum = 0.0, "start", "max"
        for number, (end, next_rate, next_momentum) in enumerate(self.phases):
            if now <= end or number == len(self.phases) - 1:
                break
            begin, rate, momentum = end, next_rate, next_momentum
        done = (now - begin) / (end - begin) if end != begin else 1.0
        if self.cycle_momentum:
            self.set_momentums(self._between(momentums[momentum], momentums[next_momentum], done))
        return self._between(rates[rate], rates[next_rate], done)

    def _between(self, starts: list[float], ends: list[float], done: float) -> list[float]:
        left = (1.0 + math.cos(math.pi * done)) / 2 if self.anneal_strategy == "cos" else 1.0 - done
        return [end + (start - end) * left for start, end in zip(starts, ends, strict=True)]


class CyclicLR(_WithMomentum):
    """Between ``base_lr`` and ``max_lr`` in straight lines, again and again (Smith 2017).

    ``step_size_up`` and ``step_size_down`` (the same by default): calls of ``step`` on the way. ``mode``: "triangular",
    "triangular2" (half the height in each cycle) or "exp_range" (``gamma``^step times the height); ``scale_fn`` gives
    another factor, of the cycle from 1 on or of the step (``scale_mode`` "cycle" or "iterations"). The momentum, or
    beta1, goes the other way, between ``max_momentum`` and ``base_momentum``.
    """

    unsaved = frozenset({"optimizer", "scale_fn"})

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            self.refuse(f"mode must be 'triangular', 'triangular2' or 'exp_range', got {mode!r}")
        if scale_mode not in ("cycle", "iterations"):
            self.refuse(f"scale_mode must be 'cycle' or 'iterations', got {scale_mode!r}")
        self._take(optimizer, cycle_momentum, base_momentum, max_momentum)
        self.max_lrs = self.for_groups("max_lr", max_lr)
        lows = self.for_groups("base_lr", base_lr)
        self.total_size = float(step_size_up + (step_size_up if step_size_down is None else step_size_down))
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, lows, strict=True):
                group["initial_lr"] = low
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        place = 1.0 + self.last_epoch / self.total_size - cycle
        up = place <= self.step_ratio
        height = place / self.step_ratio if up else (place - 1.0) / (self.step_ratio - 1.0)
        height *= self._scale(cycle)
        if self.cycle_momentum:
            pairs = zip(self.base_momentums, self.max_momentums, strict=True)
            self.set_momentums([high - (high - low) * height for low, high in pairs])
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def _scale(self, cycle: int) -> float:
        if self.scale_fn is not None:
            return self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.mode == "exp_range":
            return self.gamma**self.last_epoch
        return 0.5 ** (cycle - 1) if self.mode == "triangular2" else 1.0

    def state_dict(self) -> dict[str, Any]:
        """A copy of its numbers, and the attributes of a callable object as "scale_fn"."""
        return {**super().state_dict(), "scale_fn": saved_callable(self.scale_fn)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict``. Raises ArgumentError for one of another kind."""
        function = self.scale_fn
        super().load_state_dict(state_dict)
        self.scale_fn = function
        restore_callable(function, state_dict["scale_fn"])
