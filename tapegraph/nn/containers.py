"""Containers: modules and parameters in sequences and under names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.errors import ArgumentError
from engine.state import Parameter
from tapegraph.nn.module import Module


def part(module: Any, op: str) -> Module:
    """``module`` if it is one, else an ArgumentError."""
    if isinstance(module, Module):
        return module
    fix = f"write {module.__name__}()" if isinstance(module, type) else "wrap the function in an nn.Module"
    raise ArgumentError(f"takes modules, not {module!r}", op=op, fix=fix)


def _parameter(value: Any, op: str) -> Parameter:
    if isinstance(value, Module):
        raise ArgumentError(f"takes parameters, not the module {type(value).__name__}", op=op)
    return value if isinstance(value, Parameter) else Parameter(value)


class _Held(Module):
    """What containers share: their items are the attributes of one kind, in order."""

    _kind: type = Module

    def _entries(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, self._kind)]

    def _check(self, item: Any) -> Any:
        return part(item, type(self).__name__)

    def __len__(self) -> int:
        return len(self._entries())


class _Series(_Held):
    """A list of items under the names "0", "1", ..."""

    def append(self, item: Any) -> Any:
        """Add an item at the end; returns the container."""
        number = len(self)
        while str(number) in vars(self):
            number += 1
        setattr(self, str(number), self._check(item))
        return self

    def extend(self, items: Iterable[Any]) -> Any:
        """Add items at the end; returns the container."""
        for item in list(items):
            self.append(item)
        return self

    def insert(self, index: int, item: Any) -> Any:
        """Put an item before position ``index``, moving the others up; returns the container."""
        items = list(self)
        items.insert(index, self._check(item))
        return self._renew(items)

    def pop(self, index: int = -1) -> Any:
        """Take an item out, by default the last; the others move down."""
        items = list(self)
        taken = items.pop(index)
        self._renew(items)
        return taken

    def _renew(self, items: list[Any]) -> Any:
        for name, _ in self._entries():
            delattr(self, name)
        for number, item in enumerate(items):
            setattr(self, str(number), item)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter([value for _, value in self._entries()])

    def __contains__(self, item: object) -> bool:
        return any(value is item for value in self)

    def __getitem__(self, index: int | slice) -> Any:
        return type(self)(list(self)[index]) if isinstance(index, slice) else list(self)[index]

    def __setitem__(self, index: int, item: Any) -> None:
        name = self._entries()[index][0]
        self._place(name, self._check(item))

    def __delitem__(self, index: int | slice) -> None:
        items = list(self)
        del items[index]
        self._renew(items)

    def __iadd__(self, items: Iterable[Any]) -> Any:
        return self.extend(items)

    def _place(self, name: str, value: Any) -> None:
        self.__dict__[name] = None  # keeps the position of the name
        setattr(self, name, value)


class ModuleList(_Series):
    """A list of modules whose parameters count; it computes nothing itself."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])


class Sequential(_Series):
    """Modules applied one after the other. Takes modules, or one dict of named modules.

    A slice is a Sequential of the same modules under the same names.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                setattr(self, name, self._check(module))
        else:
            self.extend(modules)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: int | slice | str) -> Any:
        if isinstance(index, slice):
            return Sequential(dict(self._entries()[index]))
        if isinstance(index, str):
            return dict(self._entries())[index]
        return list(self)[index]

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other)


class ParameterList(_Series):
    """A list of parameters that count as its owner's; arrays are made parameters."""

    _kind = Parameter

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__()
        self.extend(values)

    def _check(self, item: Any) -> Parameter:
        return _parameter(item, "ParameterList")

    def extra_repr(self) -> str:
        return ", ".join(f"({name}): {p.dtype.name}{list(p.shape)}" for name, p in self._entries())


class _Named(_Held):
    """A dict of items; their keys are attribute names."""

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self.update(items or {})

    def update(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add items, or replace those of the same name."""
        for name, item in items.items() if isinstance(items, Mapping) else items:
            self[name] = item

    def __getitem__(self, name: str) -> Any:
        return dict(self._entries())[name]

    def __setitem__(self, name: str, item: Any) -> None:
        if not isinstance(name, str) or not name or hasattr(type(self), name) or "." in name or name == "_transient":
            kind = type(self).__name__
            raise ArgumentError(f"{name!r} cannot be the name of an item of {kind}", op=kind, fix="choose another key")
        item = self._check(item)
        if name in vars(self):
            self.__dict__[name] = None  # keeps the position of the name
        setattr(self, name, item)

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The names in order of insertion."""
        return [name for name, _ in self._entries()]

    def values(self) -> list[Any]:
        """The items in order of insertion."""
        return [value for _, value in self._entries()]

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of name and item in order of insertion."""
        return self._entries()

    def pop(self, name: str) -> Any:
        """Take an item out."""
        taken = self[name]
        del self[name]
        return taken

    def clear(self) -> None:
        """Take all items out."""
        for name in self.keys():
            delattr(self, name)


class ModuleDict(_Named):
    """A dict of modules whose parameters count; it computes nothing itself."""


class ParameterDict(_Named):
    """A dict of parameters that count as its owner's; arrays are made parameters."""

    _kind = Parameter

    def _check(self, item: Any) -> Parameter:
        return _parameter(item, "ParameterDict")

    def extra_repr(self) -> str:
        return ", ".join(f"({name}): {p.dtype.name}{list(p.shape)}" for name, p in self._entries())
