"""Steps that do nothing: what an optimizer looks at in each step, told where it is certain to be a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import dispatch, level
from engine.notices import GradientWarning, warn
from engine.origin import Origin, capture
from tapegraph.optim.numbers import tracing

if TYPE_CHECKING:
    from tapegraph.optim.optimizer import Optimizer

PATIENCE = 2  # one step of no length may be meant: to compile, to start a warm-up, to quiet a scheduler


class Idling:
    """How many steps in a row changed nothing for one and the same reason."""

    __slots__ = ("count", "reason")

    def __init__(self) -> None:
        self.count = 0
        self.reason = ""

    def note(self, optimizer: Optimizer, moved: bool, where: Origin) -> bool:
        """Take note of a step; ``moved``: whether there was any gradient. Returns whether nothing is left to look for."""
        reason = "" if level.current() == "off" else _reason(optimizer, moved)
        self.count = self.count + 1 if reason and reason == self.reason else int(bool(reason))
        self.reason = reason
        if self.count == PATIENCE:
            warn(_notice(optimizer, reason, where))
        return not reason or self.count >= PATIENCE


def watch(optimizer: Optimizer, moved: bool) -> None:
    """Look at a step just made. In a trace, which is made once for many calls, the first calls are looked at instead."""
    if tracing():
        later = dispatch.current().trace.later  # type: ignore[attr-defined]
        where = capture()
        later.append(lambda: optimizer.idling.note(optimizer, moved, where))
    else:
        optimizer.idling.note(optimizer, moved, ())


def _reason(optimizer: Optimizer, moved: bool) -> str:
    if not moved:
        return "gradient"
    for group in optimizer.param_groups:
        if "lr" not in group.states or group.states["lr"].item() or "initial_lr" in group:
            return ""
    return "rate"


def _notice(optimizer: Optimizer, reason: str, where: Origin) -> GradientWarning:
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
