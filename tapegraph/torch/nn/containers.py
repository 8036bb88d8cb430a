"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from tapegraph.torch.nn.module import Module
from tapegraph.torch.nn.parameter import Parameter
from tapegraph.torch.tensor import Tensor


class _Numbered(Module):
    """Parts under the names "0", "1", ...; ``held`` says which of the module's dicts they are in."""

    held = "_modules"

    def _parts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.__dict__[self.held]
        return found

    def _put(self, name: str, value: Any) -> None:
        self.add_module(name, value)

    def _renew(self, values: Iterable[Any]) -> None:
        self._parts().clear()
        for i, value in enumerate(list(values)):
            self._put(str(i), value)

    def _place(self, index: int) -> str:
        names = list(self._parts())
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range")
        return names[index]

    def __len__(self) -> int:
        return len(self._parts())

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._parts().values()))

    def __contains__(self, value: Any) -> bool:
        return any(value is part for part in self)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._cut(list(self._parts().items())[index])
        return self._parts()[self._place(int(index))]

    def _cut(self, items: list[tuple[str, Any]]) -> Any:
        return type(self)([value for _, value in items])

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(self._place(int(index)), value)

    def __delitem__(self, index: Any) -> None:
        values = list(self)
        del values[index]
        self._renew(values)

    def append(self, value: Any) -> Any:
        """Add a part at the end; returns the container."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Any:
        """Add parts at the end; returns the container."""
        for value in list(values):
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> Any:
        """Put a part in front of another one; returns the container."""
        values = list(self)
        values.insert(index, value)
        self._renew(values)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take a part out and return it."""
        value = self[index]
        del self[index]
        return value

    def __iadd__(self, other: Iterable[Any]) -> Any:
        return self.extend(other)


class ModuleList(_Numbered):
    """A list of modules whose parameters count; it computes nothing itself."""

    def __init__(self, modules: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __add__(self, other: Iterable[Any]) -> Any:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        runs = [(text, [i for i, _ in run]) for text, run in groupby(enumerate(map(repr, self)), lambda item: item[1])]
        parts = [
            f"({run[0]}): {text}" if len(run) == 1 else f"({run[0]}-{run[-1]}): {len(run)} x {text}"
            for text, run in runs
        ]
        if not parts:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n".join(parts).replace("\n", "\n  ") + "\n)"


class Sequential(_Numbered):
    """Modules applied one after the other. Takes modules, or one dict of named modules."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def _cut(self, items: list[tuple[str, Any]]) -> Any:
        return type(self)(dict(items))

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input


class ParameterList(_Numbered):
    """A list of parameters."""

    held = "_parameters"

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _put(self, name: str, value: Any) -> None:
        self.register_parameter(name, value if isinstance(value, Parameter) else Parameter(value))


class _Named(Module):
    """Parts under names of the user's."""

    held = "_modules"

    def __init__(self, given: Any = None) -> None:
        super().__init__()
        self.update(given or {})

    def _parts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.__dict__[self.held]
        return found

    def __getitem__(self, key: str) -> Any:
        return self._parts()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.add_module(key, value)

    def __delitem__(self, key: str) -> None:
        del self._parts()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._parts()

    def __len__(self) -> int:
        return len(self._parts())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._parts()))

    def keys(self) -> Any:
        """The names."""
        return self._parts().keys()

    def values(self) -> Any:
        """The parts."""
        return self._parts().values()

    def items(self) -> Any:
        """Names and parts."""
        return self._parts().items()

    def pop(self, key: str) -> Any:
        """Take a part out and return it."""
        return self._parts().pop(key)

    def clear(self) -> None:
        """Take all parts out."""
        self._parts().clear()

    def update(self, given: Any) -> None:
        """Add parts from a dict or from pairs."""
        for key, value in given.items() if hasattr(given, "items") else given:
            self[key] = value


class ModuleDict(_Named):
    """A dict of modules whose parameters count; it computes nothing itself."""


class ParameterDict(_Named):
    """A dict of parameters."""

    held = "_parameters"

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(
            key, Parameter(value) if not isinstance(value, Parameter) and isinstance(value, Tensor) else value
        )
