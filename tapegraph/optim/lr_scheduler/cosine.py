"""Schedulers that fall along half a cosine, once or again and again."""

from __future__ import annotations

import math

from tapegraph.optim.lr_scheduler.scheduler import LRScheduler
from tapegraph.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to ``eta_min`` in ``T_max`` epochs along a cosine, and back (Loshchilov and Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max < 1:
            self.refuse(f"T_max must be at least 1, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        return 1.0 + math.cos(math.pi * epoch / self.T_max)

    def get_lr(self) -> list[float]:
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self._initial:
            return rates
        if (self.last_epoch - 1 - self.T_max) % (
            2 * self.T_max
        ) == 0:  # from the bottom, where nothing can be multiplied
            rise = (1.0 - math.cos(math.pi / self.T_max)) / 2
            return [rate + (base - self.eta_min) * rise for rate, base in zip(rates, self.base_lrs, strict=True)]
        change = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return [(rate - self.eta_min) * change + self.eta_min for rate in rates]

    def closed_form(self) -> list[float]:
        height = self._height(self.last_epoch) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate to ``eta_min`` along a cosine, then from the top again: SGDR (Loshchilov and Hutter 2017).

    The first fall takes ``T_0`` epochs, each further one ``T_mult`` times as many as the one before.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_0 < 1 or T_mult < 1 or int(T_0) != T_0 or int(T_mult) != T_mult:
            self.refuse(f"T_0 and T_mult must be whole numbers from 1, got {T_0} and {T_mult}")
        self.T_0 = self.T_i = int(T_0)
        self.T_mult = int(T_mult)
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1.0 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def restart(self) -> None:
        self.step(0)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to ``epoch``, which may have a fraction: ``step(epoch + batch / batches)``."""
        self.outside_traces()
        if epoch is not None and epoch < 0:
            self.refuse(f"epoch must not be negative, got {epoch}")
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = epoch or 0
            self.T_cur, self.T_i = epoch % self.T_0 if self.T_mult == 1 else epoch, self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch)
        self.set_rates(self.get_lr())
