"""SGD: gradient descent with momentum, as PyTorch defines it."""

from __future__ import annotations

from typing import Any

from engine.ops.create import ones_like
from engine.state import Parameter, State
from tapegraph.optim.optimizer import Group, Optimizer, slot


class SGD(Optimizer):
    """p -= lr * v, where v = momentum * v + (1 - dampening) * g, and v = g at a parameter's first step.

    g is the gradient plus ``weight_decay`` * p. ``nesterov`` steps along g + momentum * v instead (Sutskever et al.
    2013). ``maximize`` ascends. Raises ArgumentError for negative options, and for nesterov without momentum or with
    dampening.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def check(self, options: dict[str, Any]) -> None:
        super().check(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            self._refuse("nesterov needs a momentum and no dampening")

    def slots(self, parameter: Parameter, options: dict[str, Any]) -> dict[str, State]:
        if not options["momentum"]:
            return {}
        kept = {"momentum": slot(parameter, "momentum")}
        if options["dampening"]:
            kept["started"] = slot(parameter, "started", ())  # 0 before the first step, which is not dampened
        return kept

    def shared(self, group: Group) -> dict[str, Any]:
        return {"lr": group["lr"].value}

    def update(
        self, parameter: Parameter, gradient: Any, slots: dict[str, State], shared: dict[str, Any], group: Group
    ) -> None:
        momentum, dampening = group["momentum"], group["dampening"]
        if group["maximize"]:
            gradient = -gradient
        if group["weight_decay"]:
            gradient = gradient + parameter * group["weight_decay"]
        if momentum:
            fresh = gradient
            if dampening:
                started = slots["started"]
                fresh = gradient * (1.0 - started * dampening)
                started.assign(ones_like(started))
            velocity = slots["momentum"] * momentum + fresh
            slots["momentum"].assign(velocity)
            gradient = gradient + velocity * momentum if group["nesterov"] else velocity
        parameter.assign(parameter - gradient * shared["lr"])
