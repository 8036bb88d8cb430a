"""LBFGS: a quasi-Newton method for whole batches, which asks a closure for the loss as often as it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import UnsupportedError
from tapegraph.optim.line_search import Point, strong_wolfe
from tapegraph.optim.numbers import tracing
from tapegraph.optim.optimizer import Optimizer

Vector = np.ndarray[Any, Any]


@dataclass
class Memory:
    """What is remembered between steps: counts, pairs of gradient and parameter differences, the last direction."""

    func_evals: int = 0
    n_iter: int = 0
    t: float | None = None
    H_diag: float = 1.0
    d: Vector | None = None
    prev_flat_grad: Vector | None = None
    old_dirs: list[Vector] = field(default_factory=list)
    old_stps: list[Vector] = field(default_factory=list)
    ro: list[float] = field(default_factory=list)


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright 2006, algorithm 7.5): ``step(closure)`` runs up to ``max_iter`` iterations.

    The closure clears the gradients, computes the loss, calls ``backward`` and returns the loss; it may be a compiled
    function. ``max_eval``: calls of it in one step, 1.25 * ``max_iter`` by default. ``tolerance_grad``: on the largest
    gradient. ``tolerance_change``: on the parameters and on the loss. ``history_size``: pairs kept, each as large as
    all parameters. ``line_search_fn``: None (steps of ``lr``) or "strong_wolfe". The iteration itself is Python's:
    inside a traced function ``step`` raises UnsupportedError. Raises ArgumentError for several groups, negative
    options, and another line search.
    """

    plain = frozenset({"max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "line_search_fn"})

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        self.memory = Memory()
        super().__init__(
            params,
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """The one group; raises ArgumentError for a second."""
        if self.param_groups:
            self.refuse("takes one group of parameters: it treats them as one vector")
        super().add_param_group(group)

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        self.check_range(options, "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size")
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            self.refuse(f"line_search_fn must be None or 'strong_wolfe', got {options['line_search_fn']!r}")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        return {}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate until a tolerance or limit is met; returns the loss that the closure gave first."""
        if closure is None:
            self.refuse("needs a closure", "pass a function that computes the loss and its gradients: step(closure)")
        if tracing():
            raise UnsupportedError(
                "how often it calls the closure depends on values, which a trace does not have",
                op=f"{type(self).__name__}.step",
                fix="call step(closure) outside traced functions, and make the closure itself a tg.function",
            )
        options, memory = self.param_groups[0], self.memory
        first, value, gradient = self._evaluate(closure)
        calls, iterations = 1, 0
        grad_limit, change_limit = options["tolerance_grad"], options["tolerance_change"]
        if _largest(gradient) <= grad_limit:
            return first
        while iterations < options["max_iter"]:
            iterations += 1
            memory.n_iter += 1
            direction = self._direction(gradient, options["history_size"])
            memory.prev_flat_grad, memory.d, value_before = gradient, direction, value
            step = options["lr"]
            if memory.n_iter == 1:
                step *= min(1.0, 1.0 / float(np.abs(gradient).sum()))
            memory.t = step
            slope = float(gradient @ direction)
            if slope > -change_limit:
                break
            begin = self._parameters()
            if options["line_search_fn"] is not None:
                start = Point(0.0, value, gradient, slope)
                found, calls_made = strong_wolfe(
                    lambda t, begin=begin, direction=direction: self._at(closure, begin, direction, t),  # type: ignore[misc]
                    start,
                    step,
                    _largest(direction),
                    change_limit,
                    options["max_eval"] - calls,
                )
                calls += calls_made
                value, gradient, memory.t = found.value, found.gradient, found.step
                self._move(begin, direction, memory.t)
            else:
                self._move(begin, direction, step)
                if iterations != options["max_iter"]:  # the next step begins with a call of its own
                    _, value, gradient = self._evaluate(closure)
                    calls += 1
            if calls >= options["max_eval"] or _largest(gradient) <= grad_limit:
                break
            if _largest(direction * memory.t) <= change_limit or abs(value - value_before) < change_limit:
                break
        return first

    def _direction(self, gradient: Vector, most: int) -> Vector:
        """Minus the inverse of the approximate Hessian times the gradient, by the two-loop recursion (algorithm 7.4)."""
        memory = self.memory
        if memory.n_iter == 1 or memory.prev_flat_grad is None or memory.d is None or memory.t is None:
            return -gradient
        change, moved = gradient - memory.prev_flat_grad, memory.d * memory.t
        curvature = float(change @ moved)
        if curvature > 1e-10:
            memory.old_dirs.append(change)
            memory.old_stps.append(moved)
            memory.ro.append(1.0 / curvature)
            for kept in (memory.old_dirs, memory.old_stps, memory.ro):
                del kept[: max(0, len(kept) - most)]
            memory.H_diag = curvature / float(change @ change)
        pairs = list(zip(memory.old_dirs, memory.old_stps, memory.ro, strict=True))
        found = -gradient
        weights = []
        for change, moved, inverse in reversed(pairs):
            weights.append(inverse * float(moved @ found))
            found -= change * weights[-1]
        found *= memory.H_diag
        for (change, moved, inverse), weight in zip(pairs, reversed(weights), strict=True):
            found += moved * (weight - inverse * float(change @ found))
        return found

    # ------------------------------------------------------------------------------------------ the function

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, Vector]:
        """What the closure returns, the same as a float, and the gradients as one vector; zeros where there is none."""
        with dispatch.interpret(dispatch.current().with_grad(True)):
            loss = closure()
        self.memory.func_evals += 1
        parts = [
            np.zeros(p.shape, p.dtype) if p.grad is None else np.asarray(p.grad) for p in self.param_groups[0]["params"]
        ]
        return loss, float(loss), np.concatenate([part.reshape(-1) for part in parts])

    def _at(self, closure: Callable[[], Any], begin: list[Vector], direction: Vector, step: float) -> Point:
        self._move(begin, direction, step)
        _, value, gradient = self._evaluate(closure)
        return Point(step, value, gradient, float(gradient @ direction))

    def _parameters(self) -> list[Vector]:
        return [p.numpy() for p in self.param_groups[0]["params"]]

    def _move(self, begin: list[Vector], direction: Vector, step: float) -> None:
        """Put the parameters ``step`` times the direction from where they began."""
        done = 0
        for parameter, start in zip(self.param_groups[0]["params"], begin, strict=True):
            part = direction[done : done + start.size].reshape(start.shape)
            parameter.hold(np.array(start + step * part, start.dtype))
            done += start.size

    # ------------------------------------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that a resumed run needs; the memory stands beside the slots of the first parameter."""
        saved = super().state_dict()
        for part in fields(Memory):
            value = getattr(self.memory, part.name)
            if isinstance(value, list):
                value = [np.array(v) for v in value]
            saved["state"][0][part.name] = np.array(value) if isinstance(value, np.ndarray) else value
        return saved

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict``; raises ArgumentError, having changed nothing, where it does not fit."""
        slots = state_dict["state"]
        saved = dict(slots[0] if 0 in slots or not isinstance(slots, Mapping) else {})
        size = sum(int(p.size) for p in self.state)
        vectors = [saved.get("d"), saved.get("prev_flat_grad"), *saved.get("old_dirs", ()), *saved.get("old_stps", ())]
        wrong = [np.shape(v) for v in vectors if v is not None and np.shape(v) != (size,)]
        if "n_iter" not in saved or wrong:
            self.refuse(
                f"the saved memory does not fit {size} numbers", "load it into an LBFGS over the same parameters"
            )
        super().load_state_dict(state_dict)
        memory = Memory(**{part.name: saved[part.name] for part in fields(Memory) if part.name in saved})
        memory.d, memory.prev_flat_grad = (None if v is None else np.array(v) for v in vectors[:2])
        memory.old_dirs, memory.old_stps = (list(map(np.array, v)) for v in (memory.old_dirs, memory.old_stps))
        memory.ro = list(map(float, memory.ro))
        self.memory = memory


def _largest(vector: Vector) -> float:
    return float(np.abs(vector).max(initial=0.0))
