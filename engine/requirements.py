"""Requirements: what an op asks of a size that only a call will bring is noted, and checked when the call brings it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from engine import origin
from engine.size_policy import size_policy_now
from engine.sizes import Dim, Size


class Requirement(NamedTuple):
    """A size, the least it may be, how to say that it is less, and where in the program that was asked."""

    size: Dim
    least: int
    mistake: Callable[[], Exception]
    origin: origin.Origin


def require(size: Size, least: int, mistake: Callable[[], Exception]) -> None:
    """Raise ``mistake()`` where ``size`` is less than ``least``, at once or in a call that brings such a size."""
    if not isinstance(size, Dim):
        if size < least:
            raise mistake()
        return
    policy = size_policy_now()
    known = policy.hint(size)
    if known is not None and known < least:
        raise mistake()
    policy.require(Requirement(size, least, mistake, origin.capture(skip=2)))
