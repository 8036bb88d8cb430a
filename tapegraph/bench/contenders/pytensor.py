"""PyTensor: one function with its updates, compiled in numba mode."""

from __future__ import annotations

from typing import Any

import numpy as np


class Contender:
    """``pytensor``."""

    def __init__(self, name: str, threads: int, cold: bool) -> None:
        import pytensor  # numba's threads are set by the environment the worker was started with
        import pytensor.tensor as pt

        pytensor.config.floatX = "float32"
        self.pytensor, self.pt = pytensor, pt
        self.version = pytensor.__version__

    def function(self, inputs: Any, outputs: Any, updates: Any = ()) -> Any:
        """A compiled function; ``trust_input`` spares the check of what it is given, as its documentation advises."""
        made = self.pytensor.function(inputs, outputs, updates=list(updates), mode="NUMBA")
        made.trust_input = True
        return made

    def train(self, case: Any, params: Any, inputs: Any, loss: Any, back: Any) -> Any:
        """The step of shared variables by name: loss(variables, *inputs), gradients, updates."""
        shared, pt, lr = self.pytensor.shared, self.pt, np.float32(case["lr"])
        held = {name: shared(np.array(value), name=name) for name, value in params.items()}
        value = loss(held, *inputs)
        slopes = self.pytensor.grad(value, list(held.values()))
        if case["optimizer"] == "sgd":
            updates = [(p, p - lr * g) for p, g in zip(held.values(), slopes)]
        else:
            count = shared(np.float32(0))
            step = count + np.float32(1)
            updates = [(count, step)]
            first, second = (np.float32(1) - np.float32(rate) ** step for rate in (0.9, 0.999))
            for p, g in zip(held.values(), slopes):
                m, v = (shared(np.zeros_like(p.get_value())) for _ in range(2))
                moved = np.float32(0.9) * m + np.float32(0.1) * g
                spread = np.float32(0.999) * v + np.float32(0.001) * g * g
                change = lr * (moved / first) / (pt.sqrt(spread / second) + np.float32(1e-8))
                updates += [(m, moved), (v, spread), (p, p * (np.float32(1) - lr * np.float32(0.01)) - change)]
        step = self.function(inputs, value, updates)
        return step, lambda: {name: back(name, p.get_value()) for name, p in held.items()}
