"""A scheduler that lowers the rate when what it is told no longer improves."""

from __future__ import annotations

import math
from typing import Any

from tapegraph.optim.lr_scheduler.scheduler import LRScheduler
from tapegraph.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """``factor`` times the rate once ``step(metric)`` has brought no better metric for more than ``patience`` epochs.

    ``mode``: "min" or "max", what is better. ``threshold``: how much better counts, as a share of the best
    (``threshold_mode`` "rel") or as it is ("abs"). ``cooldown``: epochs after a reduction in which nothing is counted.
    ``min_lr``: below which no rate goes, for all groups or a list. ``eps``: a smaller change is left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1:
            self.refuse(f"factor must be below 1, got {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            self.refuse(
                f"mode is 'min' or 'max' and threshold_mode 'rel' or 'abs', not {mode!r} and {threshold_mode!r}"
            )
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.eps = eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        super().__init__(optimizer)
        self.min_lrs = self.for_groups("min_lr", min_lr)

    def begin(self) -> None:
        self.last_epoch = 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def step(self, metrics: Any = None) -> None:
        """Go on by one epoch, whose metric (a number or a one-element array) was this."""
        self.outside_traces()
        if metrics is None:
            self.refuse("needs the metric of the epoch", "step(validation_loss)")
        metric = float(metrics)
        self.last_epoch += 1
        if self._better(metric):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self.num_bad_epochs > self.patience:
            lower = [max(rate * self.factor, least) for rate, least in zip(rates, self.min_lrs, strict=True)]
            rates = [new if rate - new > self.eps else rate for rate, new in zip(rates, lower, strict=True)]
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self.set_rates(rates)

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted because of a reduction just made."""
        return self.cooldown_counter > 0

    def _better(self, metric: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            return sign * metric > sign * self.best * (1.0 + sign * self.threshold)
        return sign * metric > sign * self.best + self.threshold
