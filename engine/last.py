"""The last error or notice, kept for a post-mortem without what it would keep alive: no traceback, few bytes of values."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.errors import Sentence

LIMIT = 64 << 20  # bytes of arrays that one error may keep; what is larger is kept as its dtype and shape

_kept: Sentence | None = None
_raised: Any = None  # a weak reference to what was raised, whose traceback lives as long as the program holds it


def keep(found: Sentence, concrete: Callable[[Any], Any] = lambda x: x) -> None:
    """Make ``found`` the last error or notice. ``concrete``: what its operands and variables are kept as."""
    global _kept, _raised
    room = LIMIT
    operands = []
    for x in found.operands:
        value, room = _bounded(concrete(x.value), room)
        operands.append(x._replace(value=x.spec if value is None else value))
    scope: dict[str, Any] = {}
    for name, x in found.scope.items():
        value, room = _bounded(concrete(x), room)
        if value is not None:
            scope[name] = value
    kept = type(found).__new__(type(found))
    kept.__dict__.update(found.__dict__, operands=tuple(operands), scope=scope)
    kept.args = found.args
    _kept, _raised = kept, weakref.ref(found)


def last() -> Sentence | None:
    """The last error or notice of the library, or None where there was none.

    ``.place``: file, line and columns of the guilty expression. ``.values``: its operands by name. ``.scope``: variables
    there. Arrays of more than 64 MiB together are left out, so that nothing large is kept alive.
    """
    return _kept


def raised() -> Sentence | None:
    """The last error itself, where the program still holds it."""
    return None if _raised is None else _raised()


def _bounded(x: Any, room: int) -> tuple[Any, int]:
    """An array or number without the tape behind it, or None where it is neither or there is no room; the room left."""
    value = getattr(x, "_value", x)
    if not isinstance(value, bool | int | float | str | np.ndarray | np.generic) or getattr(value, "nbytes", 0) > room:
        return None, room
    return value, room - getattr(value, "nbytes", 0)
