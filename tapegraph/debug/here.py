"""breakpoint_here: a stop that the program itself asks for, with what its variables stand for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from engine import origin, tree
from engine.effects import perform
from engine.errors import SymbolError
from engine.handle import Handle
from engine.op import as_handle
from tapegraph.debug.conditions import condition
from tapegraph.debug.stop import Stop, halt
from tapegraph.mode import mode


def breakpoint_here(when: Any = None, *, on_stop: Callable[[Stop], Any] | None = None) -> None:
    """Stop here whenever the program comes by, in both modes: pdb opens at this line with concrete tensors as variables.

    In a compiled function it is an effect, in order with prints, in loops and branches too; variables of the function that
    calls it are what it may show (kept in memory up to here), and assigning to them changes nothing. ``when``: a bool of
    the program (``loss > 10``); a function of a dict of the variables; "nan", "nonfinite" or a bound ("norm > 10"), for any
    of them. ``on_stop``: called with a ``Stop`` in place of the debugger. sys.breakpointhook and PYTHONBREAKPOINT are
    honoured. Raises ArgumentError for words that are no condition.
    """
    frame = _caller(sys._getframe(1))
    where = origin.capture(skip=2)
    handles: list[Any] = []
    variables = {name: _kept(value, handles) for name, value in frame.f_locals.items()}
    count = len(handles)
    asked: Any = None
    if isinstance(when, Handle | bool | np.bool_):
        handles.append(as_handle(when))
    elif callable(when):
        asked = when
    elif when is not None:
        holds = condition(when, "breakpoint_here")
        assert holds is not None
        asked = lambda names: any(holds(x) for x in _arrays(names))  # noqa: E731

    def action(*arrays: np.ndarray[Any, Any]) -> None:
        if len(arrays) > count and not arrays[-1].any():
            return
        copies = [a.copy() for a in arrays]
        names = {name: _filled(value, copies) for name, value in variables.items()}
        with mode("inline"):  # it may call the very function that is running
            wanted = asked is None or asked(names)
        if wanted:
            halt(Stop("here", where, names=names), on_stop)

    perform(action, handles)


def _caller(frame: FrameType) -> FrameType:
    """The innermost of the user's frames."""
    found: FrameType | None = frame
    while found is not None and not origin.is_user_file(found.f_code.co_filename):
        found = found.f_back
    return found or frame


class _Slot:
    """The place of a variable's array among those of the effect."""

    def __init__(self, number: int) -> None:
        self.number = number


def _kept(value: Any, handles: list[Any]) -> Any:
    """A variable with slots for the handles in it; what has no value here stays as it is."""
    if type(value) in (list, tuple, dict):
        return tree.map_tree(lambda leaf: _kept(leaf, handles), value)
    handle = tree.held(value)
    if not isinstance(handle, Handle):
        return value
    try:
        handle.requires_grad  # noqa: B018 - asks the mode whether it knows this handle
    except SymbolError:
        return value
    handles.append(handle)
    return _Slot(len(handles) - 1)


def _filled(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if type(value) in (list, tuple, dict):
        return tree.map_tree(lambda leaf: _filled(leaf, arrays), value)
    return arrays[value.number] if type(value) is _Slot else value


def _arrays(value: Any) -> list[np.ndarray[Any, Any]]:
    return [leaf for leaf in tree.leaves([value]) if type(leaf) is np.ndarray]
