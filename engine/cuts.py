"""Where the way of a parameter to the loss is cut, so that no gradient comes back: detach(), no_grad(), an op without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.notices import GradientWarning
from engine.ops.dtype import identity as STOP
from engine.origin import Origin, resolve, user_frames
from engine.record import Record
from engine.source import called

ROUND_TRIP = "round_trip"  # an attribute: the value left for NumPy or Python and came back


def cut_between(leaf: Record, roots: Sequence[Record]) -> Record | None:
    """The first record behind ``leaf`` on a shortest way to one of the roots that gradients do not flow through."""
    towards: dict[Record, Record | None] = dict.fromkeys(roots)
    wave: list[Record] = list(roots)
    while wave and leaf not in towards:
        following: list[Record] = []
        for record in wave:
            for parent in record.parents:
                if parent not in towards:
                    towards[parent] = record
                    following.append(parent)
        wave = following
    step = towards.get(leaf)
    while step is not None and step.tracked:
        step = towards[step]
    return step


def cut_notice(
    op: str,
    parameters: Sequence[Any],
    leaf_of: Callable[[Any], Record | None],
    roots: Sequence[Record],
    silenced: Any,
    handle: Callable[[Record], Any] | None = None,
) -> GradientWarning | None:
    """What to say of parameters that a step found without a gradient; None unless the way of one to a root is cut.

    ``leaf_of``: the record of a parameter where it was used. ``silenced``: of records made without gradients, where
    those were switched off. ``handle``: the handle of a record, where records have such.
    """
    found: dict[tuple[str, str, Origin], list[Any]] = {}
    stopped: dict[Origin, Record] = {}
    for parameter in parameters:
        leaf = leaf_of(parameter)
        cut = None if leaf is None else cut_between(leaf, roots)
        if cut is not None:
            cause = _cause(cut, silenced.get(cut, ()))
            found.setdefault(cause, []).append(parameter)
            stopped.setdefault(cause[2], cut)
    if not found:
        return None
    (what, fix, where), held = max(found.items(), key=lambda item: len(item[1]))
    names = ", ".join(p.name or f"a parameter of shape {tuple(p.shape)}" for p in held[:3])
    more = f" and {len(held) - 3} more" if len(held) > 3 else ""
    cut = stopped[where]
    stop = cut.op is STOP and where is cut.origin
    operands = [handle(cut.args[0])] if stop and handle is not None else ()
    return GradientWarning(
        f"{what}: no gradient comes back to {names}{more}, and a step leaves {'it' if len(held) == 1 else 'them'} as "
        f"{'it was' if len(held) == 1 else 'they were'}",
        op=_called(where) if stop else op,
        operands=operands,
        fix=fix,
        origin=where,
    )


def _called(where: Origin) -> str | None:
    frames = user_frames(where)
    return called(resolve(frames[0])) if frames else None


def _cause(cut: Record, silenced: Origin) -> tuple[str, str, Origin]:
    if cut.attrs.get(ROUND_TRIP):
        return (
            "this value came through NumPy or a Python number, which cuts the way to the loss",
            "stay with tensors: the library has the same functions as NumPy",
            cut.origin,
        )
    if cut.op is STOP:
        return (
            "cuts the way to the loss",
            "leave it out; where it is meant, give the optimizer only what is to be trained, or set requires_grad = False",
            cut.origin,
        )
    if silenced:
        return (
            "what is computed without gradients cuts the way to the loss",
            "move it out of no_grad(); where that is meant, give the optimizer only what is to be trained",
            silenced,
        )
    return (
        f"{cut.op.name} has no gradient, which cuts the way to the loss",
        "use a function with a gradient (a sigmoid for a comparison, a softmax for argmax)",
        cut.origin,
    )
