"""Rprop: a step size for each element, which grows while its gradient keeps its sign and shrinks where it turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.ops.arithmetic import clip, sign
from engine.ops.compare import less, where
from engine.state import State
from tapegraph.optim.blocks import on_elements
from tapegraph.optim.group import Group
from tapegraph.optim.numbers import as_float
from tapegraph.optim.optimizer import Optimizer


class Rprop(Optimizer):
    """p -= sign(g) * s, where s is multiplied by ``etas``[1] or [0] and held within ``step_sizes`` (Riedmiller and Braun 1993).

    Where the sign turned, the element stays for one step. For whole batches: noise turns signs. s starts from ``lr``.
    ``maximize`` ascends. Raises ArgumentError for a negative lr and for etas not on either side of 1.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, etas=etas, step_sizes=step_sizes, maximize=maximize)

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        shrink, grow = map(as_float, options["etas"])
        if not 0 < shrink < 1 < grow:
            self.refuse(f"etas must be one number in (0, 1) and one above 1, got {(shrink, grow)}")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {"prev": 0.0, "step_size": as_float(options["lr"])}

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        (shrink, grow), (low, high) = group["etas"], group["step_sizes"]
        return {"shrink": shrink, "grow": grow, "low": low, "high": high}

    @on_elements
    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        product = gradient * slots["prev"].value
        turned = less(product, 0.0)
        size = slots["step_size"].value
        size = where(turned, size * shared["shrink"], where(less(0.0, product), size * shared["grow"], size))
        size = clip(size, shared["low"], shared["high"])
        slots["step_size"].assign(size)
        gradient = where(turned, 0.0, gradient)
        slots["prev"].assign(gradient)
        return value - sign(gradient) * size
