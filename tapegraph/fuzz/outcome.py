"""What a program does when it is run: results, states, gradients and errors of every call."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

import tapegraph as tg
from engine import tree
from engine.errors import Sentence
from engine.notices import MismatchWarning
from engine.state import State
from tapegraph.fuzz.program import Loaded, load

Array = np.ndarray[Any, Any]
Maker = Callable[[Loaded], Callable[..., Any]]


@dataclass(frozen=True)
class Failure:
    """An error: its class, what it says without the address, and the program's line it names."""

    kind: str
    message: str
    line: int | None


@dataclass
class Call:
    """What one call did. ``values``: arrays by what they are ("result 0", "state s1", "gradient of p1").

    ``alarms``: what the engine itself takes for wrong code of its own.
    """

    values: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    alarms: list[str] = field(default_factory=list)


Outcome = list[Call]


def run(text: str, maker: Maker) -> Outcome:
    """Load the program and make its calls through what ``maker`` makes of it.

    States are put back after a call that fails: compiled calls write them only in the end, line by line they are written on the way.
    """
    loaded = load(text)
    function = maker(loaded)
    outcome: Outcome = []
    for args in loaded.calls:
        before = [(s, np.array(s), s.grad) for s in loaded.states.values()]
        given = [tg.asarray(a, copy=False) if isinstance(a, np.ndarray) else a for a in args]
        call = Call()
        outcome.append(call)
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                found = function(*given)
            call.alarms = [w.message.problem for w in told if isinstance(w.message, MismatchWarning)]
            call.values = _values(found, given, loaded.states)
        except Exception as error:
            call.failure = _failure(error, loaded.file)
            for state, value, gradient in before:
                state.assign(value)
                state.grad = gradient
    return outcome


def line_by_line(loaded: Loaded) -> Callable[..., Any]:
    """The program itself, which eager mode runs as it stands."""
    return loaded.function


def lines_run(text: str, number: int) -> set[int | None]:
    """The lines of the program that eager mode executes in one of its calls; None is always among them."""
    lines: set[int | None] = {None}
    calls = count()

    def maker(loaded: Loaded) -> Callable[..., Any]:
        def local(frame: Any, event: str, argument: Any) -> Any:
            if event == "line":
                lines.add(frame.f_lineno)
            return local

        def function(*args: Any) -> Any:
            if next(calls) != number:
                return loaded.function(*args)
            before = sys.gettrace()
            sys.settrace(lambda frame, *_: local if frame.f_code.co_filename == loaded.file else None)
            try:
                return loaded.function(*args)
            finally:
                sys.settrace(before)

        return function

    run(text, maker)
    return lines


def _values(found: Any, given: list[Any], states: dict[str, State]) -> dict[str, Any]:
    values = {"structure": str(tree.map_tree(lambda leaf: "*", found))}
    values |= {f"result {n}": np.array(y) for n, y in enumerate(tree.leaves([found]))}
    values |= {f"argument {n}": np.array(a) for n, a in enumerate(given) if isinstance(a, tg.Tensor)}
    for name, state in states.items():
        values[f"state {name}"] = np.array(state)
        values[f"gradient of {name}"] = None if state.grad is None else np.array(state.grad)
    return values


def _failure(error: Exception, file: str) -> Failure:
    if isinstance(error, Sentence):
        place = error.place
        message = f"{error.op}: {error.problem}; {error.fix}"
        return Failure(type(error).__name__, message, place.line if place and place.file == file else None)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    # Python's own errors name the class of a handle, which is Tensor in one mode and Symbol in the other.
    return Failure(type(error).__name__, str(error).replace("'Symbol'", "'Tensor'"), lines[-1] if lines else None)
