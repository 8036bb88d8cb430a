"""Adagrad: steps divided by the root of the sum of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.math import sqrt
from engine.state import State
from tapegraph.optim import numbers
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class Adagrad(Optimizer):
    """p -= lr / (1 + (t - 1) * ``lr_decay``) * g / (sqrt(s) + eps), with s the sum of g² (Duchi et al. 2011).

    s starts from ``initial_accumulator_value``. g is the gradient plus ``weight_decay`` * p. ``maximize`` ascends.
    Raises ArgumentError for negative options.
    """

    plain = frozenset({"initial_accumulator_value"})

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        self.check_range(options, "lr_decay", "initial_accumulator_value")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"sum": options["initial_accumulator_value"]}

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        count = numbers.count(tallies["step"])
        return {"rate": group["lr"] / (1.0 + (count - 1.0) * group["lr_decay"]), "eps": group["eps"]}

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        total = slots["sum"].value + gradient * gradient
        slots["sum"].assign(total)
        return value - gradient * shared["rate"] / (sqrt(total) + shared["eps"])
