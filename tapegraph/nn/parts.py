"""What a module is made of: the states and modules among its attributes, registered, walked through and found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.errors import ArgumentError
from engine.state import Parameter, State


class Parts:
    """The half of a module that knows its parameters, buffers and parts; the other half is ``Module``."""

    def __init__(self) -> None:
        self._transient: set[str] = set()

    # ------------------------------------------------------------------------------------------ registering

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, State) and not isinstance(value, State | Parts | None):
            held.assign(value)
            return
        if isinstance(value, State | Parts):
            if "_transient" not in self.__dict__:
                raise AttributeError(f"call super().__init__() before assigning {type(self).__name__}.{name}")
            _extend_names(name, value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._transient.discard(name)

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Keep ``value`` (array-like, a State, or None) as the buffer ``name``; unless ``persistent`` it is not saved."""
        self._check_name(name, "register_buffer")
        if isinstance(value, Parameter):
            self._refuse("register_buffer", f"{name!r} is a Parameter", "use register_parameter, or pass its value")
        self._place(name, value if value is None or isinstance(value, State) else State(value))
        self._transient.discard(name)
        if not persistent:
            self._transient.add(name)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Keep a Parameter, or None, as the attribute ``name``."""
        self._check_name(name, "register_parameter")
        if parameter is not None and not isinstance(parameter, Parameter):
            self._refuse(
                "register_parameter", f"{name!r} is {type(parameter).__name__}, no Parameter", "wrap it in nn.Parameter"
            )
        self._place(name, parameter)

    def register_module(self, name: str, module: Parts | None) -> None:
        """Keep a module, or None, as the part ``name``."""
        self._check_name(name, "register_module")
        if module is not None and not isinstance(module, Parts):
            self._refuse("register_module", f"{name!r} is {type(module).__name__}, no Module")
        self._place(name, module)

    add_module = register_module

    def _place(self, name: str, value: State | Parts | None) -> None:
        self.__dict__.pop(name, None)
        setattr(self, name, value)

    def _check_name(self, name: Any, op: str) -> None:
        if not isinstance(name, str) or not name or "." in name:
            self._refuse(op, f"{name!r} is no name for a part of a module", "use a string without dots")
        free = name in self.__dict__ and isinstance(self.__dict__[name], State | Parts | None)
        if hasattr(self, name) and not free:
            self._refuse(op, f"there is an attribute {name!r} already", "choose another name")

    def _refuse(self, op: str, problem: str, fix: str = "") -> None:
        raise ArgumentError(problem, op=f"{type(self).__name__}.{op}", fix=fix)

    # ------------------------------------------------------------------------------------------ walking

    def _parts(self) -> list[tuple[str, Any]]:
        """The immediate parts with their names; one that has two names is there twice."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Parts)]

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        """This module (under ``prefix``) and all its parts with their dotted paths, outermost first.

        Each once, under its first path, unless ``remove_duplicate`` is False.
        """
        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            stack.extend((join(path, name), part) for name, part in reversed(module._parts()))

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The immediate parts with their names, each once."""
        seen: set[int] = set()
        for name, part in self._parts():
            if id(part) not in seen:
                seen.add(id(part))
                yield name, part

    def modules(self, remove_duplicate: bool = True) -> Iterator[Any]:
        """This module and all its parts, each once."""
        return (module for _, module in self.named_modules("", remove_duplicate))

    def children(self) -> Iterator[Any]:
        """The immediate parts, each once."""
        return (child for _, child in self.named_children())

    def _named_states(
        self, prefix: str, kind: type[State] | None, recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, State]]:
        """States by path: Parameters, or (for State) buffers, or (for None) both."""
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name, value in list(vars(module).items()):
                if not isinstance(value, State) or (remove_duplicate and id(value) in seen):
                    continue
                if kind is None or (kind is Parameter) == isinstance(value, Parameter):
                    seen.add(id(value))
                    yield join(path, name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter (of this module alone unless ``recurse``) with its dotted path.

        A shared one comes once, under its first path, unless ``remove_duplicate`` is False.
        """
        return self._named_states(prefix, Parameter, recurse, remove_duplicate)  # type: ignore[return-value]

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, each once; what an optimizer takes."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, State]]:
        """Every state that is not a parameter with its dotted path, as ``named_parameters`` does."""
        return self._named_states(prefix, State, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[State]:
        """Every state that is not a parameter, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Any:
        """The part at a dotted path; this module for "". Raises AttributeError where there is none."""
        module: Any = self
        for name in target.split(".") if target else []:
            module = vars(module).get(name)
            if not isinstance(module, Parts):
                raise AttributeError(f"{type(self).__name__} has no part {target!r}")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path. Raises AttributeError where there is none."""
        found = self._at(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> State:
        """The buffer at a dotted path. Raises AttributeError where there is none."""
        found = self._at(target)
        if not isinstance(found, State) or isinstance(found, Parameter):
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return found

    def _at(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        return vars(self.get_submodule(path)).get(name)


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _extend_names(name: str, value: State | Parts) -> None:
    """Prefix the names that were paths inside ``value``; a name the user gave, or an earlier path, stays."""
    if isinstance(value, State):
        if value.name is None:
            value.name = name
        return
    for path, state in value._named_states("", None):
        if state.name == path:
            state.name = f"{name}.{path}"
