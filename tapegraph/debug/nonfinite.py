"""Finding where a NaN or an infinity is born, in either mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eager import detective
from engine import level


@contextmanager
def detect_nonfinite() -> Iterator[None]:
    """Raise NonFiniteError at the op that first makes a NaN or an infinity out of finite operands.

    Eager mode looks at every result as it is computed. A compiled call looks at its outputs and new states; if one is
    not finite, the call is replayed node by node from the same states, which are left as they were.
    """
    with detective.detect_nonfinite(), level.trapping():
        yield
