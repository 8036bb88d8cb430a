"""audit: a training step is run a few times and looked over for mistakes that raise nothing; the states are restored."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eager.flow import FLOW
from eager.hooks import hooks
from eager.interpreter import RECORDING
from eager.tensor import Tensor
from engine import dispatch, tree
from engine.cuts import cut_notice
from engine.errors import NonFiniteError
from engine.level import level
from engine.notices import TapegraphWarning, warn
from engine.ops.random import default_generator
from engine.state import State
from tapegraph.debug.audit_checks import Finding, findings
from tapegraph.debug.audit_seen import Seen
from tapegraph.debug.nonfinite import detect_nonfinite
from tapegraph.mode import current_mode, mode
from tapegraph.optim.optimizer import Optimizer
from tapegraph.reached import reached


@dataclass
class Audit:
    """What ``tg.debug.audit`` found; ``print`` it. ``ok``: whether that is nothing."""

    name: str
    calls: int
    mode: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        count = len(self.findings)
        head = (
            f"audit of {self.name}: {self.calls} calls in {self.mode} mode, {count or 'no'} finding{'s' * (count != 1)}"
        )
        return "\n".join([head, *(f"{number}. {found}" for number, found in enumerate(self.findings, 1))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def audit(step: Callable[..., Any], *args: Any, calls: int = 3, model: Any = None, optimizer: Any = None) -> Audit:
    """Run ``step(*args)`` a few times and list what looks like a mistake; states, gradients and generators are restored.

    Looks for: gradients that are missing (and what cut their way), exactly zero, not finite, vanishing or exploding; a
    missing ``zero_grad``; updates that change nothing or are out of proportion (not between 1e-6 and 0.5 of the weights);
    columns paired with rows; dead and saturated activations; parameters in no optimizer, in two, or in no model; models
    left in eval mode; float64 creeping in; inputs without use; results that stay the same. ``calls``: at least 2.
    ``model``, ``optimizer``: needed only where they cannot be reached from the step's closure, globals or object.

    In static mode the compiled step is called too, so that what only a trace shows is seen. Each finding has a ``kind``, a
    ``place``, the ``numbers`` and a ``fix``.
    """
    roots = [step, model, optimizer]
    everything = reached(roots)
    held = [t for t in reached([*roots, default_generator]) if isinstance(t, State)]
    given = tree.rebuild(
        list(args), [Tensor(np.array(a)) if type(a) is np.ndarray else a for a in tree.leaves(list(args))]
    )
    seen = Seen(everything, [a for a in tree.leaves(given) if type(a) is Tensor])
    chosen = current_mode()
    count = max(2, calls)
    with _restored(held), level("default"), dispatch.interpret(RECORDING):
        notices = _notices(step, given, count, seen, chosen)
    with _restored(held), level("off"), dispatch.interpret(RECORDING):
        with (
            _restored(held),
            mode("inline"),
            _watched(seen),
            hooks(after=seen.after, after_backward=seen.after_backward),
        ):
            for _ in range(count):
                seen.begin()
                seen.end(step(*given))
        if seen.not_finite:
            notices += _births(step, given, held)
    name = getattr(step, "__name__", type(step).__name__)
    return Audit(name, count, chosen, findings(seen, notices))


def _notices(step: Any, given: list[Any], count: int, seen: Seen, chosen: str) -> list[Any]:
    """What the notices of the default level have to say in ``count`` calls, in eager mode and in the one chosen."""
    held = [s for s in seen.everything if isinstance(s, State)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TapegraphWarning)
        for how in dict.fromkeys(("inline", chosen if chosen == "static" else "inline")):
            with _restored(held), mode(how):
                for optimizer in seen.of(Optimizer):
                    optimizer.watch.begin(optimizer)
                if seen.alone:
                    FLOW.wait(seen)
                for _ in range(count):
                    step(*given)
                    _tell_cut(seen)
    for optimizer in seen.of(Optimizer):
        FLOW.done(optimizer)
    return [w.message for w in caught if isinstance(w.message, TapegraphWarning)]


def _tell_cut(seen: Seen) -> None:
    """What an optimizer would say of parameters without a gradient, where there is none."""
    if FLOW.waits(seen):
        missing = [p for p in seen.owned if p.trainable and p._grad is None]
        notice = cut_notice("audit", missing, FLOW.leaves.get, FLOW.roots(seen), FLOW.silenced)
        FLOW.done(seen)
        if notice is not None:
            warn(notice)


def _births(step: Any, given: list[Any], held: list[State]) -> list[Any]:
    with _restored(held), mode("inline"):
        try:
            with detect_nonfinite():
                step(*given)
        except NonFiniteError as error:
            return [error]
    return []


@contextmanager
def _restored(held: list[State]) -> Iterator[None]:
    before = [(s._value.copy(), s._grad, s._note) for s in held]
    for state in held:
        state.own_value()
    try:
        yield
    finally:
        for state, (value, gradient, note) in zip(held, before, strict=True):
            state.hold(value)
            state._grad, state._note = gradient, note


@contextmanager
def _watched(seen: Seen) -> Iterator[None]:
    """Look at the gradients and weights around each step of each optimizer."""
    optimizers = seen.of(Optimizer)
    for optimizer in optimizers:
        optimizer.step = seen.around(optimizer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for optimizer in optimizers:
            del optimizer.step
