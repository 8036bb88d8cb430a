"""Module: a piece of a network; its parameters, buffers and parts are simply the attributes that are such."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError
from engine.sizes import show_shape
from engine.state import Parameter, State


class Keys(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base class of layers and networks. Subclasses set attributes in ``__init__`` and define ``forward``.

    An attribute that is a Parameter is trained; one that is another State is a buffer, saved but not trained; one that
    is a Module is a part. Assigning a plain value to such a name (``self.count += 1``) writes into the state, in both
    modes. A nameless state takes its dotted path as its name, so that errors can print ``layers.0.weight``.
    """

    _training = True

    def __init__(self) -> None:
        self._transient: set[str] = set()

    @property
    def training(self) -> bool:
        """Whether it is being trained; set by ``train`` and ``eval``. A trace that reads it holds for this value only."""
        watch = getattr(dispatch.current(), "watch", None)
        if watch is not None:
            watch(self, "_training")
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        self._training = bool(mode)
        State.changes += 1

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; written in ops on handles."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, State) and not isinstance(value, State | Module | None):
            held.assign(value)
            return
        if isinstance(value, State | Module):
            if "_transient" not in self.__dict__:
                raise AttributeError(f"call super().__init__() before assigning {type(self).__name__}.{name}")
            _extend_names(name, value)
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Keep ``value`` (array-like, a State, or None) as the buffer ``name``; unless ``persistent`` it is not saved."""
        setattr(self, name, value if value is None or isinstance(value, State) else State(value))
        if not persistent:
            self._transient.add(name)

    # ------------------------------------------------------------------------------------------ walking

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module (under ``prefix``) and all its parts with their dotted paths, each once, outermost first."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            stack.extend((_join(path, name), child) for name, child in reversed(list(module.named_children())))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The immediate parts with their names."""
        return ((name, value) for name, value in list(vars(self).items()) if isinstance(value, Module))

    def modules(self) -> Iterator[Module]:
        """This module and all its parts, each once."""
        return (module for _, module in self.named_modules())

    def children(self) -> Iterator[Module]:
        """The immediate parts."""
        return (child for _, child in self.named_children())

    def _named_states(self, prefix: str, kind: Callable[[State], bool], shared: bool) -> Iterator[tuple[str, State]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name, value in vars(module).items():
                if isinstance(value, State) and kind(value) and (shared or id(value) not in seen):
                    seen.add(id(value))
                    yield _join(path, name), value

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted path; a shared one once, under its first path."""
        return self._named_states(prefix, _is_parameter, shared=False)  # type: ignore[return-value]

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, each once; what an optimizer takes."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, State]]:
        """Every state that is not a parameter with its dotted path, each once."""
        return self._named_states(prefix, _is_buffer, shared=False)

    def buffers(self) -> Iterator[State]:
        """Every state that is not a parameter, each once."""
        return (buffer for _, buffer in self.named_buffers())

    # ------------------------------------------------------------------------------------------ switching

    def apply(self, function: Callable[[Module], Any]) -> Any:
        """Call ``function`` on every part, innermost first, then on this module; returns the module."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def train(self, mode: bool = True) -> Any:
        """Switch dropout and its like on (or off), here and in every part; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Switch to inference: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Freeze (False) or thaw every parameter; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of every parameter: each ``.grad`` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    # ------------------------------------------------------------------------------------------ saving

    def _saved(self) -> dict[str, State]:
        transient = {_join(path, name) for path, module in self.named_modules() for name in module._transient}
        states = self._named_states("", lambda state: True, shared=True)
        return {path: state for path, state in states if path not in transient}

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """A copy of every parameter and persistent buffer by dotted path, as NumPy arrays."""
        return {path: np.array(state) for path, state in self._saved().items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Keys:
        """Take over the values of a ``state_dict``, cast to the dtypes held here.

        Raises ArgumentError naming every missing and unexpected key (unless ``strict`` is False) and every array of
        the wrong shape; nothing has been changed then. Returns the keys passed over.
        """
        states = self._saved()
        missing = [path for path in states if path not in state_dict]
        unexpected = [path for path in state_dict if path not in states]
        arrays = {path: np.asarray(state_dict[path]) for path in states if path in state_dict}
        wrong = [
            f"{path} is {show_shape(array.shape)}, the model has {show_shape(states[path].shape)}"
            for path, array in arrays.items()
            if array.shape != states[path].shape
        ]
        problems = [f"wrong shape: {line}" for line in wrong]
        if strict:
            problems += [f"missing: {path}" for path in missing] + [f"unexpected: {path}" for path in unexpected]
        if problems:
            raise ArgumentError(
                f"the values do not fit this {type(self).__name__}\n    " + "\n    ".join(problems),
                op="load_state_dict",
                fix="" if wrong else "strict=False takes over the keys that fit and leaves the rest",
            )
        for path, array in arrays.items():
            states[path].assign(np.array(array, dtype=states[path].dtype))
        return Keys(missing, unexpected)

    # ------------------------------------------------------------------------------------------ showing

    def extra_repr(self) -> str:
        """The arguments shown by ``repr``."""
        return ""

    def __repr__(self) -> str:
        parts = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        extra = self.extra_repr()
        if not parts:
            return f"{type(self).__name__}({extra})"
        lines = ([extra] if extra else []) + parts
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


def _is_parameter(state: State) -> bool:
    return isinstance(state, Parameter)


def _is_buffer(state: State) -> bool:
    return not isinstance(state, Parameter)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _extend_names(name: str, value: State | Module) -> None:
    """Prefix the names that were paths inside ``value``; a name the user gave, or an earlier path, stays."""
    if isinstance(value, State):
        if value.name is None:
            value.name = name
        return
    for path, state in value._named_states("", lambda state: True, shared=False):
        if state.name == path:
            state.name = f"{name}.{path}"
