"""Adadelta: steps in the units of the parameter, from running squares of gradients and of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.math import sqrt
from engine.state import State
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class Adadelta(Optimizer):
    """p -= lr * d, with d = g * sqrt(D + eps) / sqrt(G + eps); G and D are running means of g² and d² (Zeiler 2012).

    Both fade by ``rho``. g is the gradient plus ``weight_decay`` * p. ``maximize`` ascends. Raises ArgumentError for
    negative options and rho above 1.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        self.check_range(options, "rho", high=1.0)

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        return {"lr": group["lr"], "rho": group["rho"], "new": 1.0 - group["rho"], "eps": group["eps"]}

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        rho, new, eps = shared["rho"], shared["new"], shared["eps"]
        square = slots["square_avg"].value * rho + gradient * gradient * new
        slots["square_avg"].assign(square)
        moved = slots["acc_delta"].value
        step = gradient * sqrt(moved + eps) / sqrt(square + eps)
        slots["acc_delta"].assign(moved * rho + step * step * new)
        return value - step * shared["lr"]
