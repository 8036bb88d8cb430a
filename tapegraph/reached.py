"""What a program can reach: the states, modules and functions behind its names, its closure and the object it is bound to."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from engine import origin, tree
from engine.ops.random import Generator
from engine.state import State
from tapegraph.function import Function
from tapegraph.optim.optimizer import Optimizer

MANY = 100_000  # objects looked at; in a program that holds more, some are not found
# Whose objects hold no states of a program's, or hold compiled code that knows them too.
_APART = {*sys.stdlib_module_names, "numpy", "engine", "eager", "graph", "compiler"} - {"__main__"}
_PLAIN = (str, bytes, int, float, np.ndarray, type, ModuleType, CodeType)


def states_of(things: Iterable[Any]) -> list[State]:
    """Every state that can be reached from things."""
    return [thing for thing in reached(things) if isinstance(thing, State)]


def reached(things: Iterable[Any]) -> list[Any]:
    """Everything that can be reached from things: through nests, functions, modules, optimizers and objects of the user's."""
    found: list[Any] = []
    seen: set[int] = set()
    stack = list(things)
    while stack and len(found) < MANY:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, _PLAIN):
            continue
        seen.add(id(thing))
        found.append(thing)
        stack += _inside(thing)
        if "__wrapped__" in getattr(thing, "__dict__", ()) or hasattr(type(thing), "__wrapped__"):
            stack.append(thing.__wrapped__)
    return found


def _inside(thing: Any) -> Iterator[Any]:
    """What is one step away."""
    match thing:
        case State():
            return
        case Optimizer():
            yield from thing.states()
        case Generator():
            yield from (thing.key, thing.counter)
        case Mapping():
            yield from thing.values()
        case list() | tuple() | set() | frozenset():
            yield from thing
        case functools.partial():
            yield from (thing.func, thing.args, thing.keywords)
        case MethodType():
            yield from (thing.__self__, thing.__func__)
        case FunctionType():
            yield from _names(thing)
        case _:
            inner = tree.held(thing)
            if inner is not thing:
                yield inner
            elif type(thing).__module__.partition(".")[0] not in _APART and not isinstance(thing, Function):
                yield from getattr(thing, "__dict__", {}).values()
                yield from _methods(type(thing))


def _methods(kind: type) -> Iterator[Any]:
    """The methods of a class that are the user's."""
    for owner in kind.__mro__:
        for value in vars(owner).values():
            body = value.body if isinstance(value, Function) else value
            if isinstance(body, FunctionType) and origin.is_user_file(body.__code__.co_filename):
                yield value


def _names(function: FunctionType) -> Iterator[Any]:
    """What a function's names stand for: in its closure, its module, and modules of the user's that it names."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
    space = function.__globals__
    said = list(_said(function.__code__))
    for name in said:
        value = space.get(name)
        if isinstance(value, ModuleType):
            if origin.is_user_file(getattr(value, "__file__", None) or "<none>"):
                yield from (vars(value)[inner] for inner in said if inner in vars(value))
        elif value is not None:
            yield value


def _said(code: CodeType) -> Iterator[str]:
    """The names in a function and in the functions written inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _said(constant)
