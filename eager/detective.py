"""The detective: names the first op that makes a NaN or an infinity out of finite operands, forward or backward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eager.hooks import Event, hooks
from engine.finite import check_birth
from engine.handle import Handle


@contextmanager
def detect_nonfinite() -> Iterator[None]:
    """Raise NonFiniteError at the first op whose result has a NaN or an infinity though its operands are all finite.

    The error names the op, its operands, the user's line, the first bad index and, for an op on matching elements, the
    operands' values there. In the backward pass it shows the line of the forward expression.
    """
    with hooks(after=examine):
        yield


def examine(event: Event) -> None:
    """The hook: raises NonFiniteError where this op is the culprit."""
    values = [a._value if isinstance(a, Handle) else a for a in event.args]  # type: ignore[attr-defined]
    result = event.result
    found = [r._value for r in result] if event.op.many else result._value
    check_birth(event.op, event.args, values, found, event.origin)
