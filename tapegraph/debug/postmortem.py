"""tg.debug.pm: the debugger at the last error or notice, on the user's expression, with the values that names have there."""

from __future__ import annotations

import pdb

from engine.errors import ArgumentError
from engine.landing import landed
from engine.last import last, raised


def pm() -> None:
    """Open pdb at the last error or notice: in its traceback, where the program still holds it, else in a frame made anew.

    Names stand for the values that ``tg.debug.last()`` has kept. A notice has no traceback and is looked at the same way.
    Raises ArgumentError where there was neither.
    """
    found = last()
    if found is None:
        raise ArgumentError("there was no error and no notice", op="debug.pm")
    held = raised()
    traceback = (held.__traceback__ if held is not None else None) or landed(found).__traceback__
    found.__traceback__ = None
    print(found)
    if traceback is not None:
        pdb.post_mortem(traceback)
