"""Spot: where Python keeps a value that a program names: an attribute, a variable, an entry of a container."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from operator import getitem
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from engine import origin
from engine.handle import Handle
from tapegraph.outside.uses import At, Chain

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "missing"})()


class Spot:
    """A place and what stood there. ``code``, ``at``: the function that names it, and where.

    ``get(holder, key)`` is what stands there now.
    """

    __slots__ = ("at", "chain", "code", "get", "holder", "key", "value")

    def __init__(self, get: Callable[[Any, Any], Any], holder: Any, key: Any, chain: Chain) -> None:
        self.get, self.holder, self.key, self.chain = get, holder, key, chain
        self.code: CodeType | None = None
        self.at: At = (0, 0, 0, 0)
        self.value = self.now()

    def now(self) -> Any:
        """What stands there now; MISSING where nothing does."""
        try:
            return self.get(self.holder, self.key)
        except (AttributeError, KeyError, IndexError, ValueError):
            return MISSING

    @property
    def place(self) -> tuple[int, Any]:
        """What two spots of the same place have in common."""
        return id(self.holder), self.key

    def moved(self) -> bool:
        """Whether another value stands there now than when the spot was found."""
        now = self.now()
        return now is not self.value and not equal(now, self.value)

    def put(self, value: Any) -> None:
        """Let ``value`` stand there, or nothing."""
        if self.get is getattr:
            _ = object.__delattr__(self.holder, self.key) if value is MISSING else _set(self.holder, self.key, value)
        elif self.get is getitem:
            if value is not MISSING:
                self.holder[self.key] = value
            else:
                self.holder.pop(self.key, None)
        elif value is not MISSING:
            self.holder.cell_contents = value

    @property
    def name(self) -> str:
        """How the program names it."""
        return "".join(self.chain)

    @property
    def frame(self) -> origin.Origin:
        """The expression that names it, as an origin."""
        return () if self.code is None else frame_at(self.code, self.at)


def _set(holder: Any, key: str, value: Any) -> None:
    object.__setattr__(holder, key, value)


def equal(a: Any, b: Any) -> bool:
    """Whether two plain values are worth the same; NaN is NaN."""
    return type(a) is type(b) and isinstance(a, PLAIN) and (a == b or (a != a and b != b))


def frame_at(code: CodeType, at: At) -> origin.Origin:
    """The instruction of a function, or of one inside it, that stands at a place in the source, as an origin."""
    near: origin.Origin = ()
    codes = [code]
    for code in codes:
        codes += [c for c in code.co_consts if isinstance(c, CodeType)]
        for index, (line, end_line, column, end_column) in enumerate(code.co_positions()):
            if (line, column, end_line, end_column) == at:
                return ((code, 2 * index),)
            if line == at[0] and not near:
                near = ((code, 2 * index),)
    return near


def _cell(cell: CellType, _: Any) -> Any:
    return cell.cell_contents


class Names:
    """What the names in a function stand for: what is bound to its parameters, its closure, its globals."""

    def __init__(self, function: FunctionType, bound: Mapping[str, Any]) -> None:
        self.bound = bound
        self.globals = function.__globals__
        self.cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        code = function.__code__
        self.parameters = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) - bound.keys()
        self._known: dict[Chain, tuple[Any, Spot | None]] = {}

    def look(self, chain: Chain) -> tuple[Any, Spot | None]:
        """What a chain stands for, and the spot where it is kept, if it can be known without running code of the user's."""
        found = self._known.get(chain)
        if found is None:
            found = self._known[chain] = self._look(chain)
        return found

    def _look(self, chain: Chain) -> tuple[Any, Spot | None]:
        if len(chain) > 1:
            owner, _ = self.look(chain[:-1])
            step = chain[-1]
            if owner is MISSING:
                return MISSING, None
            return _attribute(owner, step[1:], chain) if step[0] == "." else _entry(owner, step, chain)
        (name,) = chain
        if name in self.bound:
            return self.bound[name], None
        if name in self.parameters:
            return MISSING, None
        if name in self.cells:
            spot = Spot(_cell, self.cells[name], None, chain)
        elif name in self.globals:
            spot = Spot(getitem, self.globals, name, chain)
        else:
            return MISSING, None
        return spot.value, spot


def _attribute(owner: Any, name: str, chain: Chain) -> tuple[Any, Spot | None]:
    if isinstance(owner, ModuleType):
        if name not in owner.__dict__:
            return MISSING, None
        spot = Spot(getitem, owner.__dict__, name, chain)
        return spot.value, spot if _users(owner) else None
    kind = type(owner)
    if isinstance(owner, type):
        value = owner.__dict__.get(name, MISSING)
        kept = simple(value) and _users(sys.modules.get(owner.__module__))
        return value, Spot(getattr, owner, name, chain) if kept else None
    static = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), MISSING)
    if isinstance(static, property):
        return Getter(static.fget, owner), None
    if name in getattr(owner, "__dict__", ()) and not isinstance(owner, Handle):
        spot = Spot(getattr, owner, name, chain)  # before the methods of its class
        return spot.value, spot
    match static:
        case FunctionType():
            return MethodType(static, owner), None
        case staticmethod():
            return static.__func__, None
        case classmethod():
            return MethodType(static.__func__, kind), None
    if kind.__module__.partition(".")[0] in ("builtins", "numpy", "random", "_random"):
        # Their attributes are methods and descriptors in C: harmless to ask for.
        return getattr(owner, name, MISSING), None
    if isinstance(owner, Handle):
        return MISSING, None
    if isinstance(static, MemberDescriptorType):
        spot = Spot(getattr, owner, name, chain)
        return spot.value, spot
    for held in ("_modules", "_parameters", "_buffers"):  # what the facade's modules keep apart from their attributes
        if name in getattr(owner, "__dict__", {}).get(held, ()):
            spot = Spot(getitem, owner.__dict__[held], name, chain)
            return spot.value, spot
    if static is not MISSING and not hasattr(static, "__get__"):
        spot = Spot(getattr, owner, name, chain)  # an attribute of the class that the object may come to hide
        return spot.value, spot
    return MISSING, None


def _users(module: ModuleType | None) -> bool:
    """Whether a module is the user's; one without a file is, such as a notebook."""
    return origin.is_user_file(getattr(module, "__file__", None) or "<built in>")


class Getter:
    """A property of an object, which is code that a program runs by naming it."""

    def __init__(self, function: Any, owner: Any) -> None:
        self.function, self.owner = function, owner


def _entry(owner: Any, step: str, chain: Chain) -> tuple[Any, Spot | None]:
    key = ast.literal_eval(step[1:-1])
    if not isinstance(owner, dict | list | tuple) or type(owner).__getitem__ not in (
        dict.__getitem__,
        list.__getitem__,
        tuple.__getitem__,
    ):
        return MISSING, None
    spot = Spot(getitem, owner, key, chain)
    return spot.value, spot


def simple(value: Any) -> bool:
    """Whether a value is compared by what it is worth; others are what they are by identity."""
    return isinstance(value, PLAIN)


def watched(value: Any) -> bool:
    """Whether a program that names this value would be another one with another value in its place."""
    return simple(value) or isinstance(value, Handle | np.ndarray) or is_module(value)


def is_module(value: Any) -> bool:
    """Whether a value is a network of either library: something with parts and a forward pass."""
    return hasattr(type(value), "named_modules") and hasattr(type(value), "forward")
