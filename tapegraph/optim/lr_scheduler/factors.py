"""Schedulers that multiply: a rate is the initial one times a factor of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tapegraph.optim.lr_scheduler.scheduler import LRScheduler, restore_callable, saved_callable
from tapegraph.optim.optimizer import Optimizer


class _Factor(LRScheduler):
    """``factor`` times the initial rate, reached by ``change`` from epoch to epoch so that schedulers may be chained."""

    def factor(self, epoch: int) -> float:
        """The rate of an epoch over the initial one."""
        raise NotImplementedError

    def change(self, epoch: int) -> float:
        """The rate of an epoch over that of the epoch before, which is not zero."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        epoch = self.last_epoch
        if self._initial:
            by = self.factor(0) if epoch == 0 else 1.0
        elif self.factor(epoch - 1) == 0 and self.factor(epoch) != 0:
            return self.closed_form()
        else:
            by = self.change(epoch)
        return [group["lr"] * by for group in self.optimizer.param_groups]

    def closed_form(self) -> list[float]:
        by = self.factor(self.last_epoch)
        return [base * by for base in self.base_lrs]


class StepLR(_Factor):
    """``gamma`` times the rate every ``step_size`` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            self.refuse(f"step_size must be at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)

    def change(self, epoch: int) -> float:
        return self.gamma if epoch % self.step_size == 0 else 1.0


class MultiStepLR(_Factor):
    """``gamma`` times the rate at each of the epochs ``milestones``; one that stands there twice counts twice."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.gamma ** sum(milestone <= epoch for milestone in self.milestones)

    def change(self, epoch: int) -> float:
        return self.gamma ** self.milestones.count(epoch)


class ConstantLR(_Factor):
    """``factor`` times the initial rate for ``total_iters`` epochs, then the initial rate."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            self.refuse(f"factor must be in [0, 1], got {factor}")
        self.by = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.by if epoch < self.total_iters else 1.0

    def change(self, epoch: int) -> float:
        return 1.0 / self.by if epoch == self.total_iters else 1.0


class LinearLR(_Factor):
    """From ``start_factor`` to ``end_factor`` times the initial rate in ``total_iters`` equal moves: a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not (0 <= start_factor <= 1 and 0 <= end_factor <= 1):
            self.refuse(f"start_factor and end_factor must be in [0, 1], got {start_factor} and {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        done = min(epoch, self.total_iters) / self.total_iters if self.total_iters else 1.0
        return self.start_factor + (self.end_factor - self.start_factor) * done

    def change(self, epoch: int) -> float:
        return self.factor(epoch) / self.factor(epoch - 1) if epoch <= self.total_iters else 1.0


class ExponentialLR(_Factor):
    """``gamma`` times the rate at each epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.gamma**epoch

    def change(self, epoch: int) -> float:
        return self.gamma


class PolynomialLR(_Factor):
    """(1 - epoch / ``total_iters``)^``power`` times the initial rate, then 0."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        if total_iters < 1:
            self.refuse(f"total_iters must be at least 1, got {total_iters}")
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return float((1.0 - min(epoch, self.total_iters) / self.total_iters) ** self.power)

    def change(self, epoch: int) -> float:
        if epoch > self.total_iters:
            return 1.0
        return float(((self.total_iters - epoch) / (self.total_iters - epoch + 1)) ** self.power)


class _ByFunction(LRScheduler):
    """A factor that functions of the epoch give, one for each group or one for all.

    Functions are not saved; of objects that are called, the attributes are.
    """

    unsaved = frozenset({"optimizer", "lr_lambdas"})

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = optimizer
        self.lr_lambdas = self.for_groups("lr_lambda", lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """A copy of its numbers, and the attributes of callable objects as "lr_lambdas"."""
        return {**super().state_dict(), "lr_lambdas": [saved_callable(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict``. Raises ArgumentError for one of another kind."""
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        saved, self.lr_lambdas = self.lr_lambdas, functions
        for function, attributes in zip(functions, saved, strict=True):
            restore_callable(function, attributes)


class LambdaLR(_ByFunction):
    """The initial rate times ``lr_lambda(epoch)``."""

    def get_lr(self) -> list[float]:
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_ByFunction):
    """The rate of the epoch before times ``lr_lambda(epoch)``, from epoch 1 on."""

    def get_lr(self) -> list[float]:
        groups = self.optimizer.param_groups
        if self._initial:
            return [group["lr"] for group in groups]
        return [group["lr"] * f(self.last_epoch) for group, f in zip(groups, self.lr_lambdas, strict=True)]
