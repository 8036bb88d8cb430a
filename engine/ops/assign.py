"""assign: a state given a new value, as a function."""

from __future__ import annotations

from typing import Any

from engine.errors import ArgumentError
from engine.makers import public
from engine.state import State


@public
def assign(state: Any, value: Any) -> Any:
    """Make ``state`` hold ``value`` from here on, and return the value; the same as ``state.assign(value)``.

    state: a State or Parameter; value: an array of its shape and dtype. In a graph the new value is written back when
    the call ends. Raises ArgumentError for something that is no state.
    """
    if not isinstance(state, State):
        raise ArgumentError(
            "only a State or a Parameter keeps a value between calls",
            op="assign",
            operands=(state,),
            fix="make it a tg.State, or use the new value under a name",
        )
    state.assign(value)
    return state.value
