"""The module or function of the user's that a record belongs to, as a path from the outermost."""

from __future__ import annotations

import contextlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import CodeType, MethodType, ModuleType
from typing import Any

from engine.origin import Frame, Origin, user_frames
from engine.state import State

Path = tuple[str, ...]


def is_module(value: Any) -> bool:
    """Whether a value is a module of either facade, or an optimizer: what tells a trace that it is being called."""
    return hasattr(value, "named_modules") or hasattr(value, "param_groups")


def variables(body: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The names that a function can use for values from outside, its arguments among them."""
    if isinstance(body, MethodType):
        yield from vars(body.__self__).items() if hasattr(body.__self__, "__dict__") else ()
        args, body = (body.__self__, *args), body.__func__
    code = getattr(body, "__code__", None)
    if code is None:
        return
    with contextlib.suppress(TypeError, ValueError):
        yield from inspect.signature(body).bind_partial(*args, **kwargs).arguments.items()
    for name, cell in zip(code.co_freevars, body.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in code.co_names:
        if name in body.__globals__:
            yield name, body.__globals__[name]


class Names:
    """What modules are called: a part by its path in the module around it, the outermost by the user's variable."""

    def __init__(self, variables: Iterable[tuple[str, Any]] = (), body: Any = None) -> None:
        self._roots: dict[int, str] = {}
        self._states: dict[Any, str] = {}
        for name, value in variables:
            self._root(name, value)
            if isinstance(value, list | tuple):
                for number, part in enumerate(value):
                    self._root(f"{name}[{number}]", part)
            elif isinstance(value, dict):
                for key, part in value.items():
                    self._root(f"{name}[{key!r}]", part)
            elif hasattr(value, "__dict__") and not is_module(value) and not isinstance(value, type | ModuleType):
                for attribute, part in list(vars(value).items()):  # of a trainer, say
                    self._root(attribute if name == "self" else f"{name}.{attribute}", part)
        body = getattr(body, "__func__", body)
        self._body: CodeType | None = getattr(body, "__code__", None)
        self._parts: dict[int, dict[int, str]] = {}
        self._known: dict[tuple[int, ...], Path] = {}

    def _root(self, name: str, value: Any) -> None:
        if not is_module(value) or isinstance(value, type):
            return
        self._roots.setdefault(id(value), name)
        self._roots.setdefault(id(getattr(value, "_inner", value)), name)  # of an optimizer of tapegraph.torch
        if hasattr(value, "named_parameters"):
            for path, state in (*value.named_parameters(), *value.named_buffers()):
                self._states.setdefault(getattr(state, "_handle", state), path)

    def of_state(self, state: Any) -> str:
        """What a state is called: its path in the outermost module that holds it, else the name it has."""
        return self._states.get(state) or getattr(state, "name", None) or "a state"

    def optimizes(self, optimizer: Any) -> dict[Any, str]:
        """For each parameter of an optimizer, and each state that is kept for it alone, the name of the parameter."""
        held = getattr(optimizer, "_inner", optimizer).state
        found: dict[Any, str] = {}
        shared = Counter(slot for slots in held.values() for slot in slots.values())
        for parameter, slots in held.items():
            found[parameter] = name = self.of_state(parameter)
            for word, slot in slots.items():
                if shared[slot] == 1 and isinstance(slot, State):
                    found[slot] = name
                    self._states.setdefault(slot, f"{name}.{word}")
        return found

    def of_modules(self, modules: Sequence[Any]) -> Path:
        """The names of modules each of which is called by the one before."""
        key = tuple(map(id, modules))
        found = self._known.get(key)
        if found is None:
            around: list[Any] = []
            names = []
            for module in modules:
                names.append(self._name(module, around))
                around.append(module)
            found = self._known[key] = tuple(names)
        return found

    def _name(self, module: Any, around: Sequence[Any]) -> str:
        for outer in reversed(around):
            parts = self._parts.get(id(outer))
            if parts is None:
                walked = outer.named_modules() if hasattr(outer, "named_modules") else ()
                parts = self._parts[id(outer)] = {id(part): path for path, part in walked}
            if found := parts.get(id(module)):
                return found
        return self._roots.get(id(module)) or type(module).__name__

    def path(self, where: Origin, modules: Sequence[Any], outer: Origin = ()) -> Path:
        """The path of what was made at an origin while these modules were being called; ``outer``: around the program.

        A function or method that is not called as a module stands where it was called.
        """
        names = self.of_modules(modules)
        codes = [getattr(getattr(type(m), "forward", None), "__code__", None) for m in modules]
        found: list[str] = []
        done = 0
        for code, _ in self._inner(user_frames(where), outer):
            if code in codes[done:]:
                upto = codes.index(code, done) + 1
                found += names[done:upto]
                done = upto
            elif code.co_name[0] != "<" and code.co_name != "forward":
                found.append(code.co_name)
        return (*found, *names[done:])

    def _inner(self, frames: Sequence[Frame], outer: Origin) -> list[Frame]:
        """The frames inside the program's own, outermost first."""
        around = set(outer)
        frames = [f for f in reversed(frames) if f not in around]
        first = next((i for i, (code, _) in enumerate(frames) if code is self._body), 0 if self._body is None else -1)
        return frames[first + 1 :]


def part_of(modules: Sequence[Any]) -> str:
    """The part of a program that runs while these modules are being called, where no gradient rule is at work."""
    return "update" if any(hasattr(m, "param_groups") for m in modules) else "forward"


def common(paths: Iterable[Path]) -> Path:
    """The longest path that all begin with."""
    found: Path | None = None
    for path in paths:
        if found is None:
            found = path
        else:
            same = 0
            while same < min(len(found), len(path)) and found[same] == path[same]:
                same += 1
            found = found[:same]
    return found or ()
