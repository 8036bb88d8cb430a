"""Lion: steps of one size for every element, along the sign of a momentum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.arithmetic import sign
from engine.state import State
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class Lion(Optimizer):
    """p -= lr * (sign(beta1 * m + (1 - beta1) * g) + ``weight_decay`` * p), then m fades by beta2 (Chen et al. 2023).

    One array for each parameter, half of Adam's; its rate is to be three to ten times smaller. ``maximize`` ascends.
    Raises ArgumentError for negative options and betas outside [0, 1).
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        return {"lr": group["lr"], "beta1": beta1, "new1": 1.0 - beta1, "beta2": beta2, "new2": 1.0 - beta2}

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        mean = slots["exp_avg"].value
        slots["exp_avg"].assign(mean * shared["beta2"] + gradient * shared["new2"])
        return value - sign(mean * shared["beta1"] + gradient * shared["new1"]) * shared["lr"]
