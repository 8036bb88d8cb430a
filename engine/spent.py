"""What is known of an accumulated gradient: whether a step has used it, or it was added to one that a step had used."""

from __future__ import annotations

from typing import Any

from engine import dispatch, level, origin
from engine.notices import GradientWarning, warn
from engine.state import State

USED = (
    "used"  # the note on a gradient that a step has used; on a sum with one, the origin of the backward pass that added
)


def added(by: Any, leaf: Any, held: Any, total: Any) -> None:
    """Set the gradient of a leaf to ``total``, which is ``held`` and more, and note where ``held`` was a used one."""
    note = by.grad_note(leaf) if isinstance(leaf, State) else None
    by.set_grad(leaf, total)
    if note is not None:
        by.note_grad(leaf, origin.capture(skip=3) if note is USED else note)


def replaced(parameter: Any, grad: Any) -> None:
    """Set the gradient of a parameter to what was made of it, clipped or scaled: what is known of it still holds."""
    by = dispatch.current()
    note = by.grad_note(parameter) if isinstance(parameter, State) else None
    parameter.grad = grad
    if note is not None:
        by.note_grad(parameter, note)


def stepped(parameters: list[tuple[State, Any]], name: str) -> None:
    """Note that a step uses these gradients. Warns where one contains a gradient that an earlier step has used."""
    if level.current() == "off":
        return
    by = dispatch.current()
    for parameter, _ in parameters:
        note = by.grad_note(parameter)
        if note is not None and note is not USED:
            label = f" of {parameter.name}" if parameter.name else ""
            warn(
                GradientWarning(
                    f"the gradient{label} that this adds to was used by an earlier step already, and the next step uses "
                    "the sum: each step repeats all earlier ones",
                    op=f"{name}.step",
                    operands=(parameter,),
                    fix="call zero_grad() after each step, or before each backward()",
                    origin=note,
                )
            )
            break
    for parameter, _ in parameters:
        by.note_grad(parameter, USED)
