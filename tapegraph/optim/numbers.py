"""Numbers of an optimizer: Python floats where ops compute at once, symbols of 0-d float64 states inside a trace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dispatch
from engine.handle import Handle
from engine.ops import compare as comparisons
from engine.ops.dtype import astype
from engine.ops.math import sqrt as sqrt_op
from engine.state import State


def number_state(value: float, name: str) -> State:
    """A 0-d float64 state: a compiled step reads it anew at each call."""
    return State(np.asarray(value, np.float64), name=name)


def tracing() -> bool:
    """Whether ops are written down here instead of computed."""
    return dispatch.current().name != "eager"


def read(state: State) -> Any:
    """What a 0-d state holds: a Python float, inside a trace the symbol of its value."""
    interpreter = dispatch.current()
    return state._value.item() if interpreter.name == "eager" else interpreter.read(state)


def write(state: State, value: Any) -> None:
    """Make a 0-d state hold a number; inside a trace it may be a symbol."""
    if isinstance(value, Handle) and tracing():
        state.assign(astype(value, state.dtype))
    elif tracing():
        state.assign(float(value))
    else:
        state.hold(np.array(as_float(value)))


def as_float(value: Any) -> float:
    """A number of any kind, or a one-element array, as a Python float."""
    return float(value.item() if isinstance(value, State) else value)


def sqrt(x: Any) -> Any:
    """The square root of a number of either kind."""
    return sqrt_op(x) if isinstance(x, Handle) else math.sqrt(x)


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """``yes`` where the condition holds, else ``no``; inside a trace both are computed."""
    if isinstance(condition, bool):
        return yes if condition else no
    return comparisons.where(condition, yes, no)


def count(step: State) -> Any:
    """Add one to a count; its new value."""
    counted = read(step) + 1.0
    write(step, counted)
    return counted
