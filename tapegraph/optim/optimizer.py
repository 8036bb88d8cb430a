"""Optimizer: parameters in groups, options that may change between steps, and the loop that updates each parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

import numpy as np

from eager.interpreter import Eager
from engine import dispatch, origin
from engine.dtypes import FLOATS
from engine.errors import ArgumentError
from engine.handle import Handle
from engine.landing import entrances
from engine.ops.create import zeros_like
from engine.ops.dtype import astype
from engine.spent import stepped
from engine.state import Parameter, State
from tapegraph.optim import saving
from tapegraph.optim.blocks import change_in_blocks
from tapegraph.optim.group import Group
from tapegraph.optim.numbers import as_float, number_state
from tapegraph.optim.watch import Watch


class Optimizer:
    """Base class of optimizers.

    ``params``: parameters, (name, parameter) pairs, or dicts of options with a key "params", one for each group.
    Raises ArgumentError for an empty list, something that is no Parameter, or a parameter given twice.

    A subclass calls ``super().__init__(params, lr=..., ...)`` with its options and their defaults, says which arrays
    each parameter needs (``slots``) and what is counted (``tallies``), computes once what the parameters of a group
    share (``shared``), and returns the new value of one (``update``). Numbers among the options are Python floats in
    eager mode and symbols in a trace, so that ``shared`` and ``update`` are written in ops and arithmetic.
    """

    switches: ClassVar[frozenset[str]] = frozenset({"weight_decay", "momentum"})  # zero: left out
    plain: ClassVar[frozenset[str]] = frozenset()  # options that stay Python values instead of becoming states
    decoupled: ClassVar[bool] = False  # whether weight decay shrinks the parameter instead of joining the gradient

    def __init__(self, params: Iterable[Any], **defaults: Any) -> None:
        self.defaults = defaults
        self.origin = origin.capture()
        self.watch = Watch(self)
        self.param_groups: list[Group] = []
        self.state: dict[Parameter, dict[str, State]] = {}
        given: list[Any] = [params] if isinstance(params, Parameter) else list(params)
        if not given:
            self.refuse("was given no parameters", "pass model.parameters(), and once only: it is an iterator")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Also update ``group["params"]``, with the options given beside them. Not for use inside a traced function."""
        if not isinstance(group, Mapping) or "params" not in group:
            self.refuse(f"a parameter group is a dict with a key 'params', not {group!r}")
        options = {**self.defaults, **group}
        parameters = options.pop("params")
        parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
        for number, item in enumerate(parameters):
            if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
                parameters[number] = item = item[1]
            if not isinstance(item, Parameter):
                self.refuse(f"item {number} of the parameters is no Parameter but {type(item).__name__}")
            if item in self.state or any(item is earlier for earlier in parameters[:number]):
                self.refuse(f"parameter {item.name or number} was given twice")
        self._check(options)
        made = Group(
            len(self.param_groups),
            parameters,
            options,
            frozenset(self.defaults),
            self.switches & self.defaults.keys(),
            self.plain,
            self._option_changes,
        )
        self.state |= {parameter: {} for parameter in parameters}
        self.param_groups.append(made)
        self.furnish(made, made.values_now())

    def _check(self, options: Mapping[str, Any]) -> None:
        for name, default in self.defaults.items():
            value = options[name]
            if isinstance(default, tuple) and (not isinstance(value, tuple | list) or len(value) != len(default)):
                self.refuse(f"{name} must be {len(default)} numbers, got {value!r}")
        self.check(options)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise ArgumentError where an option is out of range."""
        self.check_range(options, *(n for n in ("lr", "weight_decay", "eps", "momentum") if n in self.defaults))
        if "betas" in self.defaults and not all(0 <= as_float(beta) < 1 for beta in options["betas"]):
            self.refuse(f"betas must be two numbers in [0, 1), got {tuple(options['betas'])}")

    def check_range(self, options: Mapping[str, Any], *names: str, high: float = math.inf) -> None:
        """Raise ArgumentError where one of these numbers is negative, above ``high``, or no number."""
        for name in names:
            if not 0 <= as_float(options[name]) <= high:
                limits = "not be negative" if high == math.inf else f"be in [0, {high:g}]"
                self.refuse(f"{name} must {limits}, got {options[name]}")

    def slots(self, options: Mapping[str, Any]) -> dict[str, float]:
        """The arrays kept for each parameter, of its shape and dtype: name -> the number they are filled with."""
        raise NotImplementedError

    def tallies(self, options: Mapping[str, Any]) -> dict[str, float]:
        """Numbers that change with each update of a parameter: name -> what they start from."""
        return {}

    def counts(self, group: Group) -> bool:
        """Whether ``tallies`` are kept with the options as they are."""
        return bool(group.cohorts[0].tallies)

    def shared(self, group: Group, tallies: Mapping[str, State]) -> dict[str, Any]:
        """What every parameter of the group needs: flags, and float64 numbers; also the place to count a step."""
        raise NotImplementedError

    def update(self, value: Any, gradient: Any, slots: Mapping[str, State], shared: Mapping[str, Any]) -> Any:
        """The new value of one parameter; the numbers of ``shared`` come in its dtype.

        Marked ``on_elements``, it is called in eager mode with blocks of elements instead of whole parameters.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------ a step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; a group of which none has is left alone altogether.

        ``closure``: computes the loss and its gradients again; called once, before the update. Returns what it returns.
        """
        interpreter = dispatch.current()
        loss = None
        if closure is not None:
            with dispatch.interpret(interpreter.with_grad(True)):
                loss = closure()
        moved, missing = False, []
        calling = getattr(interpreter, "calling", _unwatched)
        with dispatch.interpret(interpreter.with_grad(False)), calling(self):
            for group in self.param_groups:
                pairs = [(p, p.grad) for p in group["params"]]
                if any(g is None for _, g in pairs):
                    missing += [p for p, g in pairs if g is None and p.trainable]
                    pairs = [(p, g) for p, g in pairs if g is not None]
                if not pairs:
                    continue
                moved = True
                stepped(pairs, type(self).__name__)
                if self.counts(group):
                    for cohort, members in group.counted(pairs):
                        self._update(group, members, cohort.tallies)
                else:
                    self._update(group, pairs, {})
            self.watch.step(self, moved, missing)
        return loss

    def _update(self, group: Group, pairs: list[tuple[Parameter, Any]], tallies: Mapping[str, State]) -> None:
        ascend = "maximize" in self.defaults and group.on("maximize")
        shared = self.shared(group, tallies)
        decay: dict[str, Any] = {}
        if "weight_decay" in group.states and group.on("weight_decay"):
            rate = group["weight_decay"]
            decay = {"keep": 1.0 - group["lr"] * rate} if self.decouples(group) else {"add": rate}
        eager = isinstance(dispatch.current(), Eager) and getattr(self.update, "on_elements", False)
        by_dtype: dict[Any, list[tuple[Parameter, Any]]] = {}
        for pair in pairs:
            by_dtype.setdefault(pair[0].dtype, []).append(pair)
        for dtype, alike in by_dtype.items():
            numbers, decays = _cast(shared, dtype), _cast(decay, dtype)

            def change(
                value: Any, gradient: Any, slots: Mapping[str, Any], numbers: Any = numbers, decays: Any = decays
            ) -> Any:
                if ascend:
                    gradient = -gradient
                if "add" in decays:
                    gradient = gradient + value * decays["add"]
                elif decays:
                    value = value * decays["keep"]
                return self.update(value, gradient, slots, numbers)

            if eager and all(g._value.dtype == dtype for _, g in alike):
                held = [self.state[p] for p, _ in alike]
                names = held[0].keys() - group.cohorts[0].tallies.keys()
                with getattr(dispatch.current(), "section", _unwatched)(f"{type(self).__name__}.step"):
                    change_in_blocks(change, alike, {name: [slots[name] for slots in held] for name in names})
            else:
                for p, g in alike:
                    p.assign(change(p.value, g, self.state[p]))

    def decouples(self, group: Group) -> bool:
        """Whether weight decay shrinks the parameters of this group instead of joining their gradients."""
        return group.on("decoupled_weight_decay") if "decoupled_weight_decay" in self.defaults else self.decoupled

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: each ``.grad`` becomes None, or zeros where ``set_to_none`` is False."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif parameter.grad is not None:
                    parameter.grad = zeros_like(parameter.grad)

    @property
    def lr(self) -> Any:
        """The learning rate, as ``param_groups[0]["lr"]``: a float, inside a trace a symbol. Set, it holds for every group.

        Raises ArgumentError where several groups have rates of their own.
        """
        if len(self.param_groups) > 1:
            self.refuse("has several groups, each with its own rate", "use optimizer.param_groups[i]['lr']")
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: Any) -> None:
        for group in self.param_groups:
            group["lr"] = value

    # ------------------------------------------------------------------------------------------ states

    def _option_changes(self, group: Group, name: str, value: Any) -> None:
        """A group is about to take another option, or counts in other cohorts."""
        options = group.values_now()
        if name != "cohorts":
            options[name] = value
            self._check(options)
        if name in self.switches or name == "cohorts" or isinstance(value, bool):
            self.furnish(group, options)

    def furnish(self, group: Group, options: Mapping[str, Any]) -> None:
        """Make the slots and tallies that the parameters of a group need with these options and do not have."""
        wanted, counted = self.slots(options), self.tallies(options)
        for cohort in group.cohorts:
            for name, start in counted.items():
                if name not in cohort.tallies:
                    cohort.tallies[name] = number_state(start, f"{name}.{self.param_groups.index(group)}")
            for parameter in cohort.members:
                held = self.state[parameter]
                for name, fill in wanted.items():
                    if name not in held:
                        held[name] = slot(parameter, name, fill)
                held.update(cohort.tallies)

    def states(self) -> list[State]:
        """Every state the optimizer reads or writes, parameters included."""
        found: dict[State, None] = {}
        for group in self.param_groups:
            found |= dict.fromkeys([*group["params"], *group.all_states()])
        for held in self.state.values():
            found |= dict.fromkeys(held.values())
        return list(found)

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that a resumed run needs: "state", the slots of each parameter in order, and "param_groups"."""
        return saving.state_dict(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a ``state_dict`` of the same kind of optimizer over the same parameters, options included.

        Raises ArgumentError, having changed nothing, where groups, kinds of options, slots or shapes differ.
        """
        saving.load_state_dict(self, state_dict)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"origin": ()}  # code is not pickled

    def refuse(self, problem: str, fix: str = "") -> NoReturn:
        """Raise an ArgumentError that names this optimizer."""
        raise ArgumentError(problem, op=type(self).__name__, fix=fix)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  " + "\n  ".join(map(repr, self.param_groups)) + "\n)"


@contextmanager
def _unwatched(name: str) -> Iterator[None]:
    yield


def slot(parameter: Parameter, name: str, fill: float = 0.0) -> State:
    """A state kept for a parameter, of its shape and dtype."""
    start = np.full(parameter.shape, fill, parameter.dtype)
    return State(start, name=f"{parameter.name}.{name}" if parameter.name else name)


def _cast(numbers: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """Symbols of floats in the dtype of a parameter; Python numbers, which are weak, and flags as they are."""
    return {
        name: astype(value, dtype) if isinstance(value, Handle) and value.dtype in FLOATS else value
        for name, value in numbers.items()
    }


entrances(Optimizer, "step", "add_param_group", "load_state_dict")
