"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

from typing import Any

from engine.ops.arithmetic import maximum
from engine.ops.math import sqrt
from engine.state import Parameter, State
from tapegraph.optim.optimizer import Group, Optimizer, slot


class Adam(Optimizer):
    """p -= lr * m̂ / (sqrt(v̂) + eps), with m̂ and v̂ the unbiased running means of g and g² (Kingma and Ba 2015).

    g is the gradient plus ``weight_decay`` * p. ``amsgrad`` divides by the largest v so far (Reddi et al. 2018).
    ``maximize`` ascends. Steps are counted for each group, so put parameters that are frozen for a while in a group of
    their own. Raises ArgumentError for negative options and betas outside [0, 1).
    """

    counts_steps = True
    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def check(self, options: dict[str, Any]) -> None:
        super().check(options)
        options["betas"] = tuple(options["betas"])
        if len(options["betas"]) != 2 or not all(0 <= beta < 1 for beta in options["betas"]):
            self._refuse(f"betas must be two numbers in [0, 1), got {options['betas']}")

    def slots(self, parameter: Parameter, options: dict[str, Any]) -> dict[str, State]:
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 2 + bool(options["amsgrad"])]
        return {name: slot(parameter, name) for name in names}

    def shared(self, group: Group) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        count = group["step"].value + 1.0
        group["step"].assign(count)
        # lr/c1 * m / (sqrt(v)/c2 + eps) with the fraction widened by c2: one division for each element, not two
        root = sqrt(1.0 - beta2**count)
        rate = group["lr"].value
        shared = {"rate": rate * root / (1.0 - beta1**count), "eps": root * group["eps"]}
        if self.decoupled and group["weight_decay"]:
            shared["keep"] = 1.0 - rate * group["weight_decay"]
        return shared

    def update(
        self, parameter: Parameter, gradient: Any, slots: dict[str, State], shared: dict[str, Any], group: Group
    ) -> None:
        beta1, beta2 = group["betas"]
        value = parameter.value
        if group["maximize"]:
            gradient = -gradient
        if "keep" in shared:
            value = value * shared["keep"]
        elif group["weight_decay"]:
            gradient = gradient + value * group["weight_decay"]
        mean, square = slots["exp_avg"], slots["exp_avg_sq"]
        mean.assign(mean + (gradient - mean) * (1.0 - beta1))
        square.assign(square * beta2 + gradient * gradient * (1.0 - beta2))
        largest = square
        if group["amsgrad"]:
            largest = slots["max_exp_avg_sq"]
            largest.assign(maximum(largest, square))
        parameter.assign(value - mean * shared["rate"] / (sqrt(largest) + shared["eps"]))


class AdamW(Adam):
    """Adam with ``weight_decay`` applied to the parameter instead of the gradient (Loshchilov and Hutter 2019)."""

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
