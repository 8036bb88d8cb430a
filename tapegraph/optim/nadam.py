"""NAdam: Adam that looks ahead along its momentum, as Nesterov's method does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.math import sqrt
from engine.state import State
from tapegraph.optim import numbers
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class NAdam(Optimizer):
    """Adam with Nesterov momentum that grows from beta1 / 2 to beta1 (Dozat 2016).

    At step t the momentum is mu_t = beta1 * (1 - 0.96^(t * ``momentum_decay``) / 2). g is the gradient plus
    ``weight_decay`` * p; with ``decoupled_weight_decay`` the parameter shrinks by lr * ``weight_decay`` instead.
    ``maximize`` ascends. Raises ArgumentError for negative options and betas outside [0, 1).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
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
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        self.check_range(options, "momentum_decay")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "mu_product": 1.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        decay, rate = group["momentum_decay"], group["lr"]
        count = numbers.count(tallies["step"])
        now = beta1 * (1.0 - 0.5 * 0.96 ** (count * decay))
        ahead = beta1 * (1.0 - 0.5 * 0.96 ** ((count + 1.0) * decay))
        product = numbers.read(tallies["mu_product"]) * now
        numbers.write(tallies["mu_product"], product)
        root = numbers.sqrt(1.0 - beta2**count)
        return {
            "of_gradient": rate * root * (1.0 - now) / (1.0 - product),
            "of_mean": rate * root * ahead / (1.0 - product * ahead),
            "eps": root * group["eps"],
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
        direction = gradient * shared["of_gradient"] + mean * shared["of_mean"]
        return value - direction / (sqrt(square) + shared["eps"])
