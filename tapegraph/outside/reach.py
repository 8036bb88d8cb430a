"""Reach: the user's functions that a program can come to, and the values outside of them that it names."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Mapping
from types import BuiltinFunctionType, BuiltinMethodType, CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from engine import origin
from engine.handle import Handle
from tapegraph.outside.spot import MISSING, PLAIN, Getter, Names, Spot, frame_at, is_module, watched
from tapegraph.outside.uses import At, Chain, uses_of

MANY = 4096  # functions and modules looked at; a program larger than that is watched in part
DRAWING = (np.random.Generator, np.random.RandomState, random.Random)
_CLOCKS = {"time", "datetime", "uuid", "secrets"}
_HERE = ("tapegraph", "engine", "eager", "graph", "compiler")


class Touch(NamedTuple):
    """A statement that changes something outside. ``thing``: the container, where the statement changes one."""

    spot: Spot | None
    thing: Any
    chain: Chain
    code: CodeType
    at: At
    again: bool
    guarded: bool

    @property
    def frame(self) -> origin.Origin:
        return frame_at(self.code, self.at)


class Call(NamedTuple):
    """A call of something that is not the same at each call. ``source``: the generator it draws from, or None."""

    kind: str  # random, clock, or out (print, open)
    source: Any
    chain: Chain
    code: CodeType
    at: At

    @property
    def frame(self) -> origin.Origin:
        return frame_at(self.code, self.at)


class Reach:
    """What ``body(*args, **kwargs)`` can come to, found from its source without running any of it."""

    def __init__(self, body: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> None:
        self.spots: dict[tuple[int, Any], Spot] = {}
        self.touches: list[Touch] = []
        self.calls: list[Call] = []
        self.generators: dict[int, Any] = {}
        self._seen: set[tuple[int, int]] = set()
        self._queue: list[tuple[FunctionType, dict[str, Any]]] = []
        self._come_to(body, args, kwargs or {})
        while self._queue and len(self._seen) < MANY:
            self._read(*self._queue.pop())

    def _come_to(self, thing: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> None:
        """Note a value that the program may call, with the arguments where they are known."""
        match thing:
            case Handle() | type():
                return
            case FunctionType():
                if origin.is_user_file(thing.__code__.co_filename):
                    self._queue.append((thing, _bound(thing, args, kwargs or {})))
            case MethodType():
                self._come_to(thing.__func__, (thing.__self__, *args), kwargs)
            case Getter():
                self._come_to(thing.function, (thing.owner,))
            case functools.partial():
                self._come_to(thing.func, (*thing.args, *args), {**thing.keywords, **(kwargs or {})})
            case BuiltinFunctionType() | BuiltinMethodType():
                return
            case _ if is_module(thing):
                self._module(thing, args, kwargs)
            case list() | tuple():
                for part in thing[:64]:
                    if not isinstance(part, (*PLAIN, np.ndarray)):
                        self._come_to(part)
            case _:
                wrapped = getattr(thing, "body", None) or getattr(thing, "__wrapped__", None)
                call = getattr(type(thing), "__call__", None)  # noqa: B004  # of the class, which is what Python calls
                if type(thing).__module__.partition(".")[0] in _HERE and callable(wrapped):
                    self._come_to(wrapped, args, kwargs)  # a tg.function
                elif isinstance(call, FunctionType):
                    self._come_to(call, (thing, *args), kwargs)

    def _module(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> None:
        if (id(module), 0) in self._seen:
            return
        for path, part in module.named_modules():
            if (id(part), 0) in self._seen:
                continue
            self._seen.add((id(part), 0))
            forward = type(part).forward
            if type(part).__module__.partition(".")[0] in _HERE:
                self._options(path, part)
            elif isinstance(forward, FunctionType):
                self._come_to(forward, (part, *(args if part is module else ())), kwargs if part is module else {})

    def _options(self, path: str, part: Any) -> None:
        """The plain attributes of a layer of ours, all of which its forward pass may look at."""
        for name, value in vars(part).items():
            if isinstance(value, PLAIN) and not name.startswith("_"):
                self._keep(Spot(getattr, part, name, (path or type(part).__name__, f".{name}")), None, (0, 0, 0, 0))

    def _keep(self, spot: Spot, code: CodeType | None, at: At) -> None:
        known = self.spots.setdefault(spot.place, spot)
        if known is spot:
            spot.code, spot.at = code, at

    def _read(self, function: FunctionType, bound: dict[str, Any]) -> None:
        code = function.__code__
        key = id(code), id(next(iter(bound.values()), None))
        if key in self._seen:
            return
        self._seen.add(key)
        uses, names = uses_of(code), Names(function, bound)
        for chain, at in uses.reads.items():
            value, spot = names.look(chain)
            if value is MISSING:
                continue
            if spot is not None and watched(value):
                self._keep(spot, code, at)
            if isinstance(value, DRAWING):
                self.generators[id(value)] = value
            elif not isinstance(value, PLAIN):
                self._come_to(value)
        for write in uses.writes:
            value, spot = names.look(write.chain)
            if value is MISSING and spot is None:
                owner, _ = names.look(write.chain[:-1]) if len(write.chain) > 1 else (MISSING, None)
                if owner is MISSING or write.chain[-1][0] != ".":
                    continue
                spot = Spot(getattr, owner, write.chain[-1][1:], write.chain)
            self.touches.append(
                Touch(spot, value, write.chain, code, write.at, write.again, write.chain in write.guards)
            )
        for chain, places in uses.calls.items():
            kind, source = _kind(names.look(chain)[0], chain)
            if kind:
                self.calls += [Call(kind, source, chain, code, at) for at in places]


def _bound(function: FunctionType, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a function's parameters: those arguments, and defaults where all the others are known too."""
    code = function.__code__
    found = dict(zip(code.co_varnames[: code.co_argcount], args, strict=False))
    return found | {k: v for k, v in kwargs.items() if k in code.co_varnames}


def _kind(value: Any, chain: Chain) -> tuple[str, Any]:
    """How what is called differs from call to call: kind and generator; an empty kind where it does not."""
    if value is MISSING:
        return ("out", None) if chain in (("print",), ("open",), ("input",)) else ("", None)
    owner = getattr(value, "__self__", None)
    if isinstance(owner, DRAWING):
        return "random", owner
    module = getattr(value, "__module__", None) or ""
    name = module.partition(".")[0]
    if name in _CLOCKS or (inspect.isclass(owner) and owner.__module__ in _CLOCKS):
        return "clock", None
    return "", None
