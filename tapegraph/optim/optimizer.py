"""Optimizer: parameters in groups, a learning rate that is a state, and the loop that updates each parameter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError, UnsupportedError
from engine.ops.dtype import astype
from engine.sizes import show_shape
from engine.spec import DType
from engine.state import Parameter, State


class Group(Mapping[str, Any]):
    """Parameters with the options they share: a read-only mapping, except that ``group["lr"] = 0.1`` sets the rate.

    Options held as states ("lr", and "step" where steps are counted) are float64 of shape (), which a compiled step
    reads anew at each call. The others are fixed, because a compiled step contains them.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    def __getitem__(self, name: str) -> Any:
        return self._options[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def __setitem__(self, name: str, value: Any) -> None:
        held = self[name]
        if isinstance(held, State):
            held.assign(value)
        elif not _same(held, value):
            raise UnsupportedError(
                f"{name!r} is part of the compiled step and stays as it was given",
                op="param_groups",
                fix=f"build a new optimizer with {name}={value!r}; the learning rate can be set",
            )

    def __repr__(self) -> str:
        shown = {n: v.item() if isinstance(v, State) else v for n, v in self.items() if n != "params"}
        options = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"Group({options}, params={len(self['params'])})"


class Optimizer:
    """Base class of optimizers.

    ``params``: parameters, or dicts of options with a key "params", one for each group. Raises ArgumentError for an
    empty list, something that is no Parameter, or a parameter given twice. A subclass says which states each parameter
    has (``slots``), computes once what a group shares (``shared``), and updates one parameter (``update``).
    """

    counts_steps: ClassVar[bool] = False

    def __init__(self, params: Iterable[Any], **defaults: Any) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Parameter, dict[str, State]] = {}
        given = [params] if isinstance(params, Parameter) else list(params)
        if not given:
            self._refuse("was given no parameters", "pass model.parameters(), and once only: it is an iterator")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Also update ``group["params"]``, with the options given beside them. Not for use inside a traced function."""
        if not isinstance(group, Mapping) or "params" not in group:
            self._refuse(f"a parameter group is a dict with a key 'params', not {group!r}")
        unknown = [name for name in group if name not in self.defaults and name != "params"]
        if unknown:
            self._refuse(f"has no option {', '.join(unknown)}", f"the options are {', '.join(self.defaults)}")
        options = {**self.defaults, **group}
        parameters = options.pop("params")
        parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
        self.check(options)
        state: dict[Parameter, dict[str, State]] = {}
        for number, parameter in enumerate(parameters):
            if not isinstance(parameter, Parameter):
                self._refuse(f"item {number} of the parameters is no Parameter but {type(parameter).__name__}")
            if parameter in self.state or parameter in state:
                self._refuse(f"parameter {parameter.name or number} was given twice")
            state[parameter] = self.slots(parameter, options)
        self.state |= state
        number = len(self.param_groups)
        options["lr"] = _scalar(options["lr"], f"lr.{number}")
        if self.counts_steps:
            options["step"] = _scalar(0.0, f"step.{number}")
        self.param_groups.append(Group({**options, "params": tuple(parameters)}))

    def check(self, options: dict[str, Any]) -> None:
        """Raise ArgumentError where an option is out of range."""
        for name in ("lr", "weight_decay", "eps", "momentum"):
            if name in options and not _number(options[name]) >= 0:
                self._refuse(f"{name} must not be negative, got {options[name]}")

    def slots(self, parameter: Parameter, options: dict[str, Any]) -> dict[str, State]:
        """The states kept for one parameter."""
        raise NotImplementedError

    def shared(self, group: Group) -> dict[str, Any]:
        """0-d float64 values that every parameter of the group needs; also the place to count a step."""
        raise NotImplementedError

    def update(
        self, parameter: Parameter, gradient: Any, slots: dict[str, State], shared: dict[str, Any], group: Group
    ) -> None:
        """Assign the new value of one parameter; ``shared`` comes in the parameter's dtype."""
        raise NotImplementedError

    def step(self) -> None:
        """Update every parameter that has a gradient; a group of which none has is left alone altogether."""
        interpreter = dispatch.current()
        with dispatch.interpret(interpreter.with_grad(False)):
            for group in self.param_groups:
                pairs = [(p, p.grad) for p in group["params"]]
                pairs = [(p, g) for p, g in pairs if g is not None]
                if not pairs:
                    continue
                shared = self.shared(group)
                cast: dict[DType, dict[str, Any]] = {}
                for parameter, gradient in pairs:
                    dtype = parameter.dtype
                    if dtype not in cast:
                        cast[dtype] = {name: astype(value, dtype) for name, value in shared.items()}
                    self.update(parameter, gradient, self.state[parameter], cast[dtype], group)

    def zero_grad(self) -> None:
        """Forget the gradients: each ``.grad`` becomes None."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @property
    def lr(self) -> State:
        """The learning rate, a state: ``optimizer.lr = 0.1`` changes it without a new trace, in every group."""
        if len(self.param_groups) > 1:
            self._refuse("has several groups, each with its own rate", "use optimizer.param_groups[i]['lr']")
        rate: State = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, value: Any) -> None:
        for group in self.param_groups:
            group["lr"] = value

    # ------------------------------------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that a resumed run needs: "state", the slots of each parameter in order, and "param_groups"."""
        groups = []
        for group in self.param_groups:
            saved = {n: v.item() if isinstance(v, State) else v for n, v in group.items() if n != "params"}
            groups.append({**saved, "params": len(group["params"])})
        slots = [{name: np.array(slot) for name, slot in slots.items()} for slots in self.state.values()]
        return {"state": slots, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict`` of the same kind of optimizer over the same parameters.

        Raises ArgumentError, having changed nothing, where groups, options, slots or shapes differ.
        """
        groups, slots = state_dict["param_groups"], state_dict["state"]
        problems = self._differences(groups, slots)
        if problems:
            raise ArgumentError(
                "the saved state does not fit this optimizer\n    " + "\n    ".join(problems),
                op=f"{type(self).__name__}.load_state_dict",
                fix="build the optimizer with the options it was saved with, over the same parameters",
            )
        for group, saved in zip(self.param_groups, groups, strict=True):
            for name, held in group.items():
                if isinstance(held, State):
                    held.assign(saved[name])
        for held_slots, saved_slots in zip(self.state.values(), slots, strict=True):
            for name, slot in held_slots.items():
                slot.assign(np.array(saved_slots[name], dtype=slot.dtype))

    def _differences(self, groups: Any, slots: Any) -> list[str]:
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [group["params"] for group in groups]
        if sizes != saved_sizes:
            return [f"groups of {saved_sizes} parameters were saved, here are {sizes}"]
        found = []
        for number, (group, saved) in enumerate(zip(self.param_groups, groups, strict=True)):
            for name, held in group.items():
                if name not in saved:
                    found.append(f"group {number} has no {name}")
                elif name != "params" and not isinstance(held, State) and not _same(held, saved[name]):
                    found.append(f"group {number} was saved with {name}={saved[name]!r}, here it is {held!r}")
        for number, ((parameter, held), saved) in enumerate(zip(self.state.items(), slots, strict=True)):
            label = parameter.name or f"parameter {number}"
            if set(held) != set(saved):
                found.append(f"{label} was saved with {sorted(saved)}, here it keeps {sorted(held)}")
                continue
            for name, slot in held.items():
                shape = np.shape(saved[name])
                if shape != slot.shape:
                    found.append(f"{name} of {label} is {show_shape(shape)}, here it is {show_shape(slot.shape)}")
        return found

    def _refuse(self, problem: str, fix: str = "") -> None:
        raise ArgumentError(problem, op=type(self).__name__, fix=fix)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  " + "\n  ".join(map(repr, self.param_groups)) + "\n)"


def slot(parameter: Parameter, name: str, shape: tuple[int, ...] | None = None) -> State:
    """A state of zeros kept for a parameter, of its dtype, and of its shape unless told otherwise."""
    zeros = np.zeros(parameter.shape if shape is None else shape, parameter.dtype)
    return State(zeros, name=f"{parameter.name}.{name}" if parameter.name else name)


def _scalar(value: Any, name: str) -> State:
    return State(np.asarray(_number(value), np.float64), name=name)


def _number(value: Any) -> float:
    return value.item() if isinstance(value, State) else float(value)


def _same(held: Any, value: Any) -> bool:
    return bool(held == (tuple(value) if isinstance(value, list) else value))
