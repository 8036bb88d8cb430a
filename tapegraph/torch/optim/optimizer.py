"""Optimizers of torch.optim: each stands in front of one of tapegraph's, which holds the states and computes the step."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from engine import dispatch
from engine.errors import ArgumentError
from engine.state import Parameter as EngineParameter
from engine.state import State
from tapegraph.torch.backward import Handle
from tapegraph.torch.cell import Cell, of, wrap
from tapegraph.torch.modes import enable_grad
from tapegraph.torch.nn.module import forget_gradients
from tapegraph.torch.nn.parameter import shell_of


class Optimizer:
    """Base class. A subclass defines ``step``, which changes the tensors in ``param_groups`` by their ``.grad``."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: Any = defaultdict(dict)
        self.param_groups: list[Any] = []
        self._pre_hooks: dict[int, Any] = {}
        self._post_hooks: dict[int, Any] = {}
        for group in grouped(params):
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also train ``param_group["params"]``, with the options given beside them."""
        self.param_groups.append({**self.defaults, **param_group})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            forget_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by their gradients."""
        raise NotImplementedError

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return Handle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return Handle(self._post_hooks, hook)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs: "state" by number of the parameter, and "param_groups"."""
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**g, "params": [numbers[id(p)] for p in g["params"]]} for g in self.param_groups]
        return {"state": {numbers[id(p)]: s for p, s in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict`` of the same optimizer over the same parameters."""
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            for name, value in saved.items():
                if name != "params":
                    group[name] = value
        tensors = [p for g in self.param_groups for p in g["params"]]
        self.state = defaultdict(dict, {tensors[i]: s for i, s in state_dict["state"].items()})

    def __repr__(self) -> str:
        return shown(self)


def shown(optimizer: Any) -> str:
    """The groups of an optimizer and their settings, line by line."""
    text = f"{type(optimizer).__name__} ("
    for i, group in enumerate(optimizer.param_groups):
        settings = "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        text += f"\nParameter Group {i}\n{settings}"
    return text + ")"


def grouped(params: Any) -> list[dict[str, Any]]:
    """The groups of an optimizer's first argument, with their tensors as lists."""
    if isinstance(params, Cell):
        raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts")
    given = list(params)
    if not given:
        raise ArgumentError(
            "got an empty parameter list",
            op="Optimizer",
            fix="pass model.parameters(), and once only: it is an iterator",
        )
    groups = []
    for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
        tensors = group["params"]
        tensors = [tensors] if isinstance(tensors, Cell) else list(tensors)
        groups.append({**group, "params": [t[1] if isinstance(t, tuple) else t for t in tensors]})
    return groups


class Group(MutableMapping[str, Any]):
    """One of ``param_groups``: tensors under "params", numbers elsewhere; ``group["lr"] = 0.1`` changes the rate."""

    def __init__(self, inner: Any, tensors: list[Any]) -> None:
        self._inner = inner
        self._own: dict[str, Any] = {"params": tensors}

    def __getitem__(self, name: str) -> Any:
        if name in self._own:
            return self._own[name]
        held = self._inner[name]
        if not isinstance(held, State):
            return wrap(held)
        tracing = hasattr(dispatch.current(), "lift")
        return wrap(held.value) if tracing else held.item()

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self._inner and name != "params":
            self._inner[name] = of(value)
        else:
            self._own[name] = value  # notes of programs, such as "name" or "initial_lr"

    def __delitem__(self, name: str) -> None:
        del self._own[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._own, *(n for n in self._inner if n not in self._own)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr({k: v for k, v in self.items() if k != "params"})


class _Built(Optimizer):
    """An optimizer of tapegraph's over tensors. ``kind``: its class."""

    kind: Any = None

    def __init__(self, params: Any, *args: Any, **kwargs: Any) -> None:
        taken = inspect.signature(self.kind.__init__).parameters
        given = {k: of(v) for k, v in kwargs.items() if k in taken or k not in _IGNORED}
        groups = grouped(params)
        notes = [{k: v for k, v in g.items() if k != "params" and k not in taken} for g in groups]
        inner = [{k: v for k, v in g.items() if k in taken or k == "params"} for g in groups]
        self._inner = self.kind(
            [{**g, "params": [_parameter(t) for t in g["params"]]} for g in inner], *map(of, args), **given
        )
        self.param_groups = [Group(i, g["params"]) for i, g in zip(self._inner.param_groups, groups, strict=True)]
        for group, extra in zip(self.param_groups, notes, strict=True):
            group._own |= extra
        self.defaults = self._inner.defaults
        self._pre_hooks, self._post_hooks = {}, {}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also train ``param_group["params"]``, with the options given beside them."""
        (group,) = grouped([param_group])
        self._inner.add_param_group({**group, "params": [_parameter(t) for t in group["params"]]})
        self.param_groups.append(Group(self._inner.param_groups[-1], group["params"]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by their gradients; returns what ``closure`` returned, if one is given."""
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        result = None
        if closure is not None and "closure" in inspect.signature(self._inner.step).parameters:
            found = self._inner.step(lambda: of(closure()))
            result = wrap(found)
        else:
            if closure is not None:
                with enable_grad():
                    result = closure()
            self._inner.step()
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return result

    @property
    def state(self) -> Any:
        """The states kept for each parameter, as tensors by name."""
        return {
            shell_of(parameter): {name: shell_of(slot) for name, slot in slots.items()}
            for parameter, slots in self._inner.state.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that a resumed run needs."""
        saved: dict[str, Any] = self._inner.state_dict()
        return saved

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict`` of the same kind of optimizer over the same parameters."""
        self._inner.load_state_dict(_arrays(state_dict))

    def __repr__(self) -> str:
        return shown(self)


_IGNORED = frozenset({"foreach", "fused", "capturable", "differentiable"})


def _arrays(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _arrays(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_arrays(v) for v in value]
    return of(value)


def _parameter(tensor: Any) -> EngineParameter:
    held = of(tensor) if isinstance(tensor, Cell) else tensor
    if not isinstance(held, EngineParameter):
        raise ArgumentError(
            "can't optimize a non-leaf Tensor"
            if isinstance(tensor, Cell)
            else f"got {type(tensor).__name__}, not a tensor",
            op="Optimizer",
            fix="pass nn.Parameters, or tensors made with requires_grad=True",
        )
    return held


def made(name: str, kind: Any) -> Any:
    """The class of torch.optim in front of one of tapegraph's."""
    return type(name, (_Built,), {"kind": kind, "__doc__": kind.__doc__, "__module__": "tapegraph.torch.optim"})
