"""What an optimizer looks at in each step: steps that do nothing, parameters that no gradient comes back to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from eager.flow import FLOW
from engine import dispatch, level
from engine.cuts import cut_notice
from engine.finite import RATES
from engine.notices import GradientWarning, warn
from engine.origin import Origin, capture, resolve, user_frames
from engine.state import Parameter
from tapegraph.optim.numbers import tracing

if TYPE_CHECKING:
    from tapegraph.optim.optimizer import Optimizer

_alive: WeakSet[Any] = WeakSet()  # optimizers
PATIENCE = 2  # one step of no length may be meant: to compile, to start a warm-up, to quiet a scheduler


class Watch:
    """What was seen of the steps of one optimizer."""

    __slots__ = ("idle", "judged", "reason")

    def __init__(self, optimizer: Optimizer) -> None:
        self.idle = 0  # steps in a row that changed nothing, for one and the same reason
        self.reason = ""
        self.judged: set[Parameter] = set()  # without a gradient, and looked into
        _alive.add(optimizer)
        self.begin(optimizer)

    def begin(self, optimizer: Optimizer) -> None:
        """Forget what was seen, and follow values in the next step."""
        self.idle, self.reason, self.judged = 0, "", set()
        if level.current() != "off" and not tracing():
            FLOW.wait(optimizer)

    def __reduce__(self) -> Any:
        return _unwatched, ()

    def step(self, optimizer: Optimizer, moved: bool, missing: Sequence[Parameter]) -> None:
        """Look at a step just made. ``moved``: whether there was any gradient. ``missing``: parameters that had none."""
        if level.current() == "off":
            return
        if tracing():  # once for many calls: what depends on the numbers is looked at in the first calls
            where, trace = capture(), dispatch.current().trace  # type: ignore[attr-defined]
            trace.later.append(lambda: self._count(optimizer, moved, where))
            if missing:
                _tell_cut(
                    optimizer, missing, trace.graph.states.get, trace.roots, trace.silenced, dispatch.current().handle
                )
            return
        self._count(optimizer, moved, ())
        if missing or FLOW.waits(optimizer):
            self._look_into(optimizer, missing)

    def _look_into(self, optimizer: Optimizer, missing: Sequence[Parameter]) -> None:
        new = [p for p in missing if p not in self.judged]
        if FLOW.waits(optimizer):
            if new:
                _tell_cut(optimizer, new, FLOW.leaves.get, FLOW.roots(optimizer), FLOW.silenced)
            self.judged = set(missing)
            FLOW.done(optimizer)
        elif new:
            FLOW.wait(optimizer)  # the next step will show where they were lost

    def _count(self, optimizer: Optimizer, moved: bool, where: Origin) -> bool:
        """Count steps of no length; whether nothing is left to look for."""
        reason = _reason(optimizer, moved)
        self.idle = self.idle + 1 if reason and reason == self.reason else int(bool(reason))
        self.reason = reason
        if self.idle == PATIENCE:
            warn(_idle_notice(optimizer, reason, where))
        return not reason or self.idle >= PATIENCE


def _unwatched() -> Watch:
    found = Watch.__new__(Watch)
    found.idle, found.reason, found.judged = 0, "", set()
    return found


def _tell_cut(optimizer: Optimizer, missing: Sequence[Parameter], *seen: Any) -> None:
    notice = cut_notice(f"{type(optimizer).__name__}.step", missing, *seen)
    if notice is not None:
        warn(notice)


def _reason(optimizer: Optimizer, moved: bool) -> str:
    if not moved:
        return "gradient"
    for group in optimizer.param_groups:
        if "lr" not in group.states or group.states["lr"].item() or "initial_lr" in group:
            return ""
    return "rate"


def _idle_notice(optimizer: Optimizer, reason: str, where: Origin) -> GradientWarning:
    op = f"{type(optimizer).__name__}.step"
    if reason == "gradient":
        return GradientWarning(
            "two steps in a row found no gradient at all and changed nothing",
            op=op,
            fix="call backward() between zero_grad() and step(), on a loss made from the parameters this optimizer was given",
            origin=where or None,
        )
    set_at = next((g.rate_set for g in optimizer.param_groups if g.rate_set), optimizer.origin)
    return GradientWarning(
        "the learning rate is 0 in two steps in a row, and no scheduler is there to change it: they change nothing",
        op=op,
        fix="give a rate above 0; 1 // 100 is 0, 1 / 100 is not",
        origin=set_at,
    )


def _rate_in_force() -> str:
    """The learning rate and the line that made the optimizer, in brackets; nothing where there is not exactly one."""
    optimizers = list(_alive)
    if len(optimizers) != 1 or not user_frames(optimizers[0].origin):
        return ""
    place, rate = resolve(user_frames(optimizers[0].origin)[0]), optimizers[0].param_groups[0].states.get("lr")
    if rate is None:
        return ""
    name = type(optimizers[0]).__name__
    return f" ({name} has {rate.item():g}, made at {place.address}, in {place.function}: {place.expression.strip()})"


RATES.append(_rate_in_force)
