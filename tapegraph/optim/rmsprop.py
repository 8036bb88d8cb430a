"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.arithmetic import maximum
from engine.ops.math import sqrt
from engine.state import State
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.numbers import as_float
from tapegraph.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """p -= lr * b, with b = momentum * b + g / (sqrt(s) + eps) and s the running mean of g² (Hinton 2012, lecture 6e).

    s fades by ``alpha``. ``centered`` takes the variance of the gradients in place of s (Graves 2013). g is the gradient
    plus ``weight_decay`` * p. ``maximize`` ascends. Raises ArgumentError for negative options.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        self.check_range(options, "alpha")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        wanted = {"square_avg": True, "momentum_buffer": as_float(options["momentum"]), "grad_avg": options["centered"]}
        return {name: 0.0 for name, needed in wanted.items() if needed}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        return {
            "lr": group["lr"],
            "alpha": group["alpha"],
            "new": 1.0 - group["alpha"],
            "eps": group["eps"],
            "momentum": group["momentum"] if group.on("momentum") else None,
            "centered": group.on("centered"),
        }

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        square = slots["square_avg"].value * shared["alpha"] + gradient * gradient * shared["new"]
        slots["square_avg"].assign(square)
        if shared["centered"]:
            mean = slots["grad_avg"].value
            mean = mean + (gradient - mean) * shared["new"]
            slots["grad_avg"].assign(mean)
            square = maximum(square - mean * mean, 0.0)  # rounding may make a variance negative
        step = gradient / (sqrt(square) + shared["eps"])
        if shared["momentum"] is not None:
            step = slots["momentum_buffer"].value * shared["momentum"] + step
            slots["momentum_buffer"].assign(step)
        return value - step * shared["lr"]
