"""Averages of a model over its training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError
from engine.ops.compare import equal, where
from engine.ops.dtype import astype
from engine.state import State
from tapegraph.nn.module import Module
from tapegraph.optim.lr_scheduler.scheduler import LRScheduler
from tapegraph.optim.numbers import tracing
from tapegraph.optim.optimizer import Optimizer

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_swa_avg_fn"]


def get_swa_avg_fn() -> Callable[[Any, Any, Any], Any]:
    """The mean of all models so far: what ``AveragedModel`` takes by default (Izmailov et al. 2018)."""

    def average(averaged: Any, new: Any, count: Any) -> Any:
        return averaged + (new - averaged) / (count + 1.0)

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Any, Any, Any], Any]:
    """``decay`` times the average plus 1 - ``decay`` times the new model (Polyak and Juditsky 1992).

    Raises ArgumentError for a decay outside [0, 1].
    """
    if not 0 <= decay <= 1:
        raise ArgumentError(f"decay must be in [0, 1], got {decay}", op="get_ema_avg_fn")

    def average(averaged: Any, new: Any, count: Any) -> Any:
        return averaged + (new - averaged) * (1.0 - decay)

    return average


class AveragedModel(Module):
    """A copy of ``model`` whose parameters are averages; call it as the model itself.

    ``update_parameters(model)`` takes the model in, the first time as it is; it may stand in a traced function.
    ``avg_fn(averaged, new, count)``: the next average of one parameter, written in ops; the mean of all by default.
    ``use_buffers``: average the float buffers too; else they stay as they were copied.
    """

    def __init__(
        self, model: Module, avg_fn: Callable[[Any, Any, Any], Any] | None = None, use_buffers: bool = False
    ) -> None:
        super().__init__()
        self.module = copy.deepcopy(model)
        self.n_averaged = State(np.zeros((), np.int64))
        self.avg_fn = avg_fn or get_swa_avg_fn()
        self.use_buffers = use_buffers
        for parameter in self.module.parameters():
            parameter.grad = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model computes."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of ``model`` into the averages. Raises ArgumentError where they do not fit."""
        held, new = self._averaged(self.module), self._averaged(model)
        if [s.shape for s in held] != [s.shape for s in new]:
            raise ArgumentError("the model has other parameters than the averages", op="update_parameters")
        with dispatch.interpret(dispatch.current().with_grad(False)):
            for state, other in zip(held, new, strict=True):
                state.assign(self._next(state.value, other.value))
            self.n_averaged.assign(self.n_averaged.value + 1)

    def _averaged(self, model: Module) -> list[State]:
        states = itertools.chain(model.parameters(), model.buffers() if self.use_buffers else ())
        return [s for s in states if s.dtype.kind == "f"]

    def _next(self, averaged: Any, new: Any) -> Any:
        if not tracing():
            count = self.n_averaged.item()
            return self.avg_fn(averaged, new, float(count)) if count else new
        count = self.n_averaged.value
        return where(equal(count, 0), new, self.avg_fn(averaged, new, astype(count, averaged.dtype)))


class SWALR(LRScheduler):
    """To ``swa_lr`` (for all groups or a list) in ``anneal_epochs`` epochs, along "cos" or "linear", then constant."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            self.refuse(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        if anneal_epochs < 0:
            self.refuse(f"anneal_epochs must not be negative, got {anneal_epochs}")
        self.optimizer = optimizer
        self.swa_lrs = self.for_groups("swa_lr", swa_lr)
        self.anneal_epochs = anneal_epochs
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        done = min(1.0, max(0, epoch) / max(1, self.anneal_epochs)) if self.anneal_epochs else 1.0
        return (1.0 - math.cos(math.pi * done)) / 2 if self.anneal_strategy == "cos" else done

    def get_lr(self) -> list[float]:
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self._initial:
            return rates if self.anneal_epochs else list(self.swa_lrs)
        done, before = self._share(self.last_epoch), self._share(self.last_epoch - 1)
        if before == 1:
            return list(self.swa_lrs)
        left = (1.0 - done) / (1.0 - before)
        return [end + (rate - end) * left for rate, end in zip(rates, self.swa_lrs, strict=True)]
