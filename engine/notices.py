"""Notices: what is probably a mistake though it can be computed, told like an error and shown once for each line."""

from __future__ import annotations

import warnings

from engine import dispatch, last, level, origin
from engine.errors import Sentence
from engine.landing import landed


class TapegraphWarning(Sentence, UserWarning):
    """A probable mistake: a sentence with an address, as errors are. At level "checked" it is raised."""


class NonFiniteWarning(TapegraphWarning, RuntimeWarning):
    """A NaN or an infinity was born and has reached a result."""


class BroadcastWarning(TapegraphWarning):
    """Both operands were repeated to a shape that neither of them has, probably by accident."""


class GradientWarning(TapegraphWarning):
    """A training step that does not do what it seems to: gradients lost, left over, or steps of no length."""


class TraceWarning(TapegraphWarning):
    """Something that Python did once, while tracing, and that compiled calls will not do again."""


class MismatchWarning(TapegraphWarning, RuntimeWarning):
    """A compiled result that differs from what the program means by more than rounding."""


_shown: tuple[list[object], set[object]] = ([], set())


def warn(notice: TapegraphWarning) -> None:
    """Show the notice at the user's line, once for each line and kind; raise it at level "checked"; not at "off".

    Python's filters apply, as to any warning. A new list of filters (``warnings.catch_warnings``) starts anew.
    """
    global _shown
    now = level.current()
    if now == "off":
        return
    last.keep(notice)
    if (told := getattr(dispatch.current(), "told", None)) is not None:
        told(notice)
    if now == "checked":
        raise landed(notice, outer=origin.capture())
    # What is shown and passed on does not keep the user's other variables alive.
    scope = notice.scope
    notice.scope = {n: v for n, v in scope.items() if any(v is operand.value for operand in notice.operands)}
    if _shown[0] is not warnings.filters:
        _shown = (warnings.filters, set())  # type: ignore[assignment]
    place = notice.place
    key = (type(notice), place and (place.file, place.line, place.column))
    if key not in _shown[1]:
        _shown[1].add(key)
        try:
            warnings.warn_explicit(
                notice,
                type(notice),
                origin.cell(place.file) or place.file if place else "tapegraph",
                place.line if place else 0,
            )
        except type(notice) as raised:  # the filters make an error of it
            raise landed(raised, scope, outer=origin.capture()) from None
