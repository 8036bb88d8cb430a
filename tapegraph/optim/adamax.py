"""Adamax: Adam with the largest gradient so far, which fades, in place of the root of a mean square."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.arithmetic import abs, maximum
from engine.state import State
from tapegraph.optim import numbers
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class Adamax(Optimizer):
    """p -= lr / (1 - beta1^t) * m / u, with u = max(beta2 * u, |g| + eps) (Kingma and Ba 2015, section 7.1).

    g is the gradient plus ``weight_decay`` * p. ``maximize`` ascends. Raises ArgumentError for negative options and
    betas outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        count = numbers.count(tallies["step"])
        return {
            "rate": group["lr"] / (1.0 - beta1**count),
            "eps": group["eps"],
            "new1": 1.0 - beta1,
            "beta2": beta2,
        }

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        mean = slots["exp_avg"].value
        mean = mean + (gradient - mean) * shared["new1"]
        slots["exp_avg"].assign(mean)
        largest = maximum(slots["exp_inf"].value * shared["beta2"], abs(gradient) + shared["eps"])
        slots["exp_inf"].assign(largest)
        return value - mean * shared["rate"] / largest
