"""What an audit looks at while a step runs: gradients, weights and changes, activations, dtypes, what is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eager.hooks import Event
from eager.tensor import Tensor
from engine import dispatch, dtypes, origin, tree
from engine.op import Trait
from engine.state import Parameter, State
from tapegraph.nn.module import Module
from tapegraph.optim.optimizer import Optimizer

BLOCKED = 1e-3  # of a gradient that an activation lets through
FLAT = 0.98  # of an activation's elements that lie at its ends


@dataclass
class Slopes:
    """Of one parameter, a number for each step: rms of the gradient (None: there was none), of the weights, of the change."""

    gradients: list[float | None] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)


class Seen:
    """What was seen of the calls of a step. ``everything``: all objects that can be reached from it."""

    def __init__(self, everything: Sequence[Any], inputs: Sequence[Tensor]) -> None:
        self.everything = everything
        self.inputs = inputs
        self.slopes: dict[Parameter, Slopes] = defaultdict(Slopes)
        self.used: set[int] = set()  # ids of states and of the memory of inputs that an op has read
        self.blocked: dict[origin.Frame, list[tuple[Event, float]]] = defaultdict(list)
        self.drifts: dict[origin.Frame, Event] = {}
        self.results: list[list[np.ndarray[Any, Any]]] = []
        self.not_finite = False
        self.calls = 0
        self._drifted = False
        self.graded: set[int] = set()  # ids of parameters of modules that had a gradient when a step was made
        self.owned = list(dict.fromkeys(p for m in self.of(Module) for p in m.parameters()))
        self.alone = not self.of(Optimizer)  # gradients are looked at when a call ends, and taken away for the next
        self._memory: dict[int, Any] = {}  # id of the memory of an input or a state: which

    def of(self, kind: type) -> list[Any]:
        """The objects of a kind."""
        return [t for t in self.everything if isinstance(t, kind)]

    def begin(self) -> None:
        """A call begins."""
        self.calls += 1
        self._drifted = False
        self._memory = {id(owner(t._value)): t for t in (*self.of(State), *self.inputs)}

    def end(self, result: Any) -> None:
        """A call has ended with this result."""
        arrays = [np.array(y._value) for y in tree.leaves([result]) if isinstance(y, Tensor)]
        self.results.append(arrays)
        self._look_for_nonfinite(arrays)
        if self.alone and any(p._grad is not None for p in self.owned):
            self._look_at([p for p in self.owned if p.trainable])
            for p in self.owned:
                p._grad = None

    def _look_at(self, parameters: Sequence[Parameter]) -> None:
        for p in parameters:
            gradient = dispatch.current().get_grad(p)
            self.slopes[p].gradients.append(None if gradient is None else _rms(gradient._value))
            self.slopes[p].weights.append(_rms(p._value))
            if gradient is not None:
                self._look_for_nonfinite([gradient._value])

    def _look_for_nonfinite(self, arrays: Sequence[Any]) -> None:
        self.not_finite = self.not_finite or not all(np.isfinite(a).all() for a in arrays if a.dtype.kind == "f")

    def around(self, optimizer: Optimizer) -> Callable[..., Any]:
        """The step of an optimizer with a look at its parameters before and after."""
        plain = type(optimizer).step

        def step(closure: Any = None) -> Any:
            if closure is not None:
                return plain(optimizer, closure)
            parameters = [p for g in optimizer.param_groups for p in g["params"] if p.trainable]
            self.graded.update(id(p) for p in self.owned if p._grad is not None)
            self._look_at(parameters)
            before = [p._value.copy() for p in parameters]
            found = plain(optimizer)
            for p, old in zip(parameters, before, strict=True):
                self.slopes[p].changes.append(_rms(p._value - old))
            return found

        return step

    # ------------------------------------------------------------------------------------ hooks

    def after(self, event: Event) -> None:
        """An op has run."""
        backward = bool(event.origin) and isinstance(event.origin[0], str)
        for a in event.args:
            if isinstance(a, State):
                self.used.add(id(a))
            elif (
                isinstance(a, Tensor)
                and a._value is not None
                and ((source := self._memory.get(id(owner(a._value)))) is not None)
            ):
                self.used.add(id(source))
        result = event.result
        if not backward and not self._drifted and not event.op.many and result.dtype == dtypes.float64 and result.ndim:
            kinds = {a.dtype for a in event.args if hasattr(a, "dtype")}
            frames = origin.user_frames(event.origin)
            if dtypes.float32 in kinds and frames:
                self._drifted = True
                self.drifts[frames[0]] = event

    def after_backward(self, event: Event) -> None:
        """The backward step of an op has run."""
        if Trait.ELEMENTWISE not in event.op.traits or len(event.args) != 1 or event.gradients[0] is None:
            return
        arrived, gone_on = _rms(event.gradient._value), _rms(event.gradients[0]._value)
        frames = origin.user_frames(event.origin)
        if arrived and frames and gone_on < BLOCKED * arrived:
            x = event.args[0]._value if event.args[0]._value is not None else None
            y = event.result if event.result is not None else event.record.value if event.record else None
            if y is None and x is not None:
                y = event.op.kernel(x, **event.attrs)
            if y is None or _flat(np.asarray(y)):
                self.blocked[frames[0]].append((event, gone_on / arrived))


def owner(array: Any) -> Any:
    """The array that owns the memory of a view."""
    return array if array.base is None else array.base


def _rms(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if x.size else 0.0


def _flat(y: np.ndarray[Any, Any]) -> bool:
    """Whether nearly all elements lie at one of two ends."""
    low, high = y.min(), y.max()
    near = 1e-3 * max(abs(low), abs(high))
    return bool(np.mean((y - low <= near) | (high - y <= near)) >= FLAT)
