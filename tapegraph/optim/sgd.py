"""SGD: gradient descent with momentum, as PyTorch defines it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.compare import greater
from engine.state import State
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.numbers import as_float, choose, read, write
from tapegraph.optim.optimizer import Optimizer


class SGD(Optimizer):
    """p -= lr * v, where v = momentum * v + (1 - dampening) * g, and v = g at a parameter's first step.

    g is the gradient plus ``weight_decay`` * p. ``nesterov`` steps along g + momentum * v instead (Sutskever et al.
    2013). ``maximize`` ascends. Raises ArgumentError for negative options, and for nesterov without momentum or with
    dampening.
    """

    switches = frozenset({"weight_decay", "momentum", "dampening"})

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

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        if options["nesterov"] and (as_float(options["momentum"]) <= 0 or as_float(options["dampening"]) != 0):
            self.refuse("nesterov needs a momentum and no dampening")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if as_float(options["momentum"]) else {}

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"step": 0.0} if as_float(options["momentum"]) else {}

    def counts(self, group: Group) -> bool:
        return group.on("momentum")

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        shared = {"lr": group["lr"], "nesterov": group.on("nesterov")}
        if group.on("momentum"):
            count = read(tallies["step"])
            write(tallies["step"], count + 1.0)
            shared["momentum"] = group["momentum"]
            if group.on("dampening"):
                begun = count > 0.0 if isinstance(count, float) else greater(count, 0.0)
                shared["fresh"] = choose(begun, 1.0 - group["dampening"], 1.0)
        return shared

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        momentum = shared.get("momentum")
        if momentum is not None:
            fresh = gradient * shared["fresh"] if "fresh" in shared else gradient
            velocity = slots["momentum_buffer"].value * momentum + fresh
            slots["momentum_buffer"].assign(velocity)
            gradient = gradient + velocity * momentum if shared["nesterov"] else velocity
        return value - gradient * shared["lr"]
