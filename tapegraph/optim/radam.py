"""RAdam: Adam that divides by the mean square only once enough gradients have been seen to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.math import sqrt
from engine.state import State
from tapegraph.optim import numbers
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class RAdam(Optimizer):
    """Rectified Adam (Liu et al. 2020): plain momentum for the first steps, then Adam times a factor that grows to 1.

    g is the gradient plus ``weight_decay`` * p; with ``decoupled_weight_decay`` the parameter shrinks by
    lr * ``weight_decay`` instead. ``maximize`` ascends. Raises ArgumentError for negative options and betas outside
    [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        count = numbers.count(tallies["step"])
        unbiased = 1.0 - beta2**count
        most = 2.0 / (1.0 - beta2) - 1.0
        length = most - 2.0 * count * beta2**count / unbiased
        trusted = length > 5.0
        # Where it is not trusted, the formula's parts may have no root: 6 stands for any length that does.
        length = numbers.choose(trusted, length, 6.0)
        most = numbers.choose(trusted, most, 6.0)
        factor = (length - 4.0) * (length - 2.0) * most / ((most - 4.0) * (most - 2.0) * length)
        rate = group["lr"] / (1.0 - beta1**count)
        return {
            "trusted": trusted,
            "rate": numbers.choose(trusted, rate * numbers.sqrt(factor * unbiased), rate),
            "eps": group["eps"],
            "new1": 1.0 - beta1,
            "beta2": beta2,
            "new2": 1.0 - beta2,
        }

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        mean = slots["exp_avg"].value
        mean = mean + (gradient - mean) * shared["new1"]
        slots["exp_avg"].assign(mean)
        square = slots["exp_avg_sq"].value * shared["beta2"] + gradient * gradient * shared["new2"]
        slots["exp_avg_sq"].assign(square)
        trusted = shared["trusted"]
        if trusted is False:
            return value - mean * shared["rate"]
        return value - mean * shared["rate"] / numbers.choose(trusted, sqrt(square) + shared["eps"], 1.0)
