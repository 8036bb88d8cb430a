"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.arithmetic import maximum
from engine.ops.math import sqrt
from engine.state import State
from tapegraph.optim import numbers
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.optimizer import Optimizer


class Adam(Optimizer):
    """p -= lr * m̂ / (sqrt(v̂) + eps), with m̂ and v̂ the unbiased running means of g and g² (Kingma and Ba 2015).

    g is the gradient plus ``weight_decay`` * p; with ``decoupled_weight_decay`` the parameter shrinks by
    lr * ``weight_decay`` instead. ``amsgrad`` divides by the largest v so far (Reddi et al. 2018). ``maximize`` ascends.
    Raises ArgumentError for negative options and betas outside [0, 1).
    """

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
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return dict.fromkeys(("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 2 + bool(options["amsgrad"])], 0.0)

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        count = numbers.count(tallies["step"])
        # lr/c1 * m / (sqrt(v)/c2 + eps) with the fraction widened by c2: one division for each element, not two
        root = numbers.sqrt(1.0 - beta2**count)
        return {
            "rate": group["lr"] * root / (1.0 - beta1**count),
            "eps": root * group["eps"],
            "new1": 1.0 - beta1,
            "beta2": beta2,
            "new2": 1.0 - beta2,
            "amsgrad": group.on("amsgrad"),
        }

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        mean = slots["exp_avg"].value
        mean = mean + (gradient - mean) * shared["new1"]
        slots["exp_avg"].assign(mean)
        square = slots["exp_avg_sq"].value * shared["beta2"] + gradient * gradient * shared["new2"]
        slots["exp_avg_sq"].assign(square)
        if shared["amsgrad"]:
            square = maximum(slots["max_exp_avg_sq"].value, square)
            slots["max_exp_avg_sq"].assign(square)
        return value - mean * shared["rate"] / (sqrt(square) + shared["eps"])


class AdamW(Adam):
    """Adam with ``weight_decay`` applied to the parameter instead of the gradient (Loshchilov and Hutter 2019)."""

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
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
