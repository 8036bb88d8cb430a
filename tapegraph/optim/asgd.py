"""ASGD: gradient descent beside the running average of where it has been."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.arithmetic import maximum
from engine.state import State
from tapegraph.optim import numbers
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class ASGD(Optimizer):
    """p -= eta * (g + ``lambd`` * p) with a falling eta; ``state[p]["ax"]`` is the average (Polyak and Juditsky 1992).

    eta = lr / (1 + lambd * lr * t)^``alpha``; averaging begins at step ``t0``. g is the gradient plus ``weight_decay``
    * p. ``maximize`` ascends. Raises ArgumentError for negative options.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, maximize=maximize)

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        self.check_range(options, "lambd", "alpha", "t0")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"ax": 0.0}

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "eta": numbers.as_float(options["lr"]), "mu": 1.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        count = numbers.count(tallies["step"])
        eta, mu = numbers.read(tallies["eta"]), numbers.read(tallies["mu"])
        lambd, rate = group["lambd"], group["lr"]
        numbers.write(tallies["eta"], rate / (1.0 + lambd * rate * count) ** group["alpha"])
        behind = count - group["t0"]
        numbers.write(tallies["mu"], 1.0 / (max(behind, 1.0) if isinstance(behind, float) else maximum(behind, 1.0)))
        return {"eta": eta, "keep": 1.0 - lambd * eta, "mu": mu}

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        value = value * shared["keep"] - gradient * shared["eta"]
        mean = slots["ax"].value
        slots["ax"].assign(mean + (value - mean) * shared["mu"])
        return value
