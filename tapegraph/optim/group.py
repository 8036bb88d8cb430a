"""Group: parameters with the options they share, whose numbers are states that a compiled step reads anew."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError, UnsupportedError
from engine.ops.dtype import leaf as LEAF
from engine.origin import Origin, capture
from engine.state import Parameter, State, changed
from tapegraph.optim.numbers import as_float, number_state, read, tracing, write


@dataclass
class Cohort:
    """Parameters that have been updated together so far, and what is counted of their updates (0-d states)."""

    members: list[Parameter]
    tallies: dict[str, State] = field(default_factory=dict)


class Group(MutableMapping[str, Any]):
    """Parameters with their options, a dict as in PyTorch: ``group["lr"] *= 0.5``, ``group["params"]``.

    An option that is a number is held in a float64 state: outside a traced function it reads as a Python float, inside
    as a symbol, so that setting it never means a new trace. What decides which ops are written does: a flag such as
    ``nesterov``, and whether a number of ``switches`` (``momentum``, ``weight_decay``) is zero. Other keys are notes of
    the user's, such as "lr_scale"; one that is nearly the name of an option is refused with an ArgumentError.
    """

    def __init__(
        self,
        number: int,
        parameters: Sequence[Parameter],
        options: Mapping[str, Any],
        known: frozenset[str],
        switches: frozenset[str],
        plain: frozenset[str],
        changed: Callable[[Group, str, Any], None],
    ) -> None:
        self.states: dict[str, State | tuple[State, ...]] = {}
        self.cohorts = [Cohort(list(parameters))]
        self.structure = SimpleNamespace(name=f"param_groups[{number}]", cohorts=0)
        self.rate_set: Origin = ()  # where the learning rate was set to 0
        self._plain: dict[str, Any] = {"params": tuple(parameters)}
        self._known = known
        self._switches = switches
        self._changed = changed
        for name, value in options.items():
            if name not in known:
                self._check_note(name, known)
            held = _held(value, f"{name}.{number}") if name in known - plain else None
            if held is None:
                self._plain[name] = value
            else:
                self.states[name] = held
            if name in known:
                self._note_structure(name, value)

    def _note_structure(self, name: str, value: Any) -> None:
        if isinstance(value, bool):
            setattr(self.structure, name, value)
        elif name in self._switches:
            setattr(self.structure, name, "nonzero" if as_float(value) else "zero")

    def _check_note(self, name: str, options: Iterable[str]) -> None:
        close = difflib.get_close_matches(name.lower(), list(options), 1, 0.85)
        if close:
            raise ArgumentError(
                f"has no option {name}", op=self.structure.name, fix=f"the option is called {close[0]!r}"
            )

    def __getitem__(self, name: str) -> Any:
        held = self.states.get(name)
        if held is None:
            return self._plain[name]
        return tuple(map(read, held)) if isinstance(held, tuple) else read(held)

    def __setitem__(self, name: str, value: Any) -> None:
        held = self.states.get(name)
        if held is None:
            self._set_plain(name, value)
            return
        if tracing() and name in self._switches:
            self._refuse_in_trace(f"whether {name} is zero")
        if name != "lr" and not tracing():
            self._changed(self, name, value)
        if isinstance(held, tuple):
            for state, part in zip(held, value, strict=True):
                write(state, part)
        else:
            write(held, value)
            if name == "lr" and not tracing() and not as_float(value):
                self.rate_set = capture()
            if name in self._switches:
                self._note_structure(name, value)

    def _set_plain(self, name: str, value: Any) -> None:
        if name == "params":
            raise UnsupportedError(
                "the parameters of a group stay", op=self.structure.name, fix="add a group with add_param_group"
            )
        if name not in self._plain:
            self._check_note(name, self)
        elif name in self._known:
            if tracing():
                self._refuse_in_trace(name)
            value = bool(value) if isinstance(self._plain[name], bool) else value
            self._changed(self, name, value)
            self._note_structure(name, value)
            changed()
        self._plain[name] = value

    def _refuse_in_trace(self, what: str) -> None:
        raise UnsupportedError(
            f"{what} decides which ops a compiled step is made of",
            op=self.structure.name,
            fix="set it between the calls of the traced function",
        )

    def __delitem__(self, name: str) -> None:
        if name == "params" or name in self._known:
            raise UnsupportedError(f"the option {name} stays", op=self.structure.name)
        del self._plain[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._plain
        yield from self.states

    def __len__(self) -> int:
        return len(self._plain) + len(self.states)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"rate_set": ()}  # code is not pickled

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def on(self, name: str) -> bool:
        """Whether a flag is set, or a number of ``switches`` is not zero; a trace that asks holds for this answer."""
        self.watch(name)
        return getattr(self.structure, name) in (True, "nonzero")

    def watch(self, name: str) -> None:
        """Tell the trace under way, if there is one, that it holds for this structure only."""
        watch = getattr(dispatch.current(), "watch", None)
        if watch is not None:
            watch(self.structure, name)

    def values_now(self) -> dict[str, Any]:
        """The options as they are outside any trace: numbers, flags and notes, without the parameters."""
        found = {name: value for name, value in self._plain.items() if name != "params"}
        for name, held in self.states.items():
            found[name] = tuple(s.item() for s in held) if isinstance(held, tuple) else held.item()
        return found

    def take(self, options: Mapping[str, Any]) -> None:
        """Hold these options, which have been checked, and these notes."""
        for name, value in options.items():
            held = self.states.get(name)
            if held is None:
                self._plain[name] = value
            else:
                for state, part in zip(held, value, strict=True) if isinstance(held, tuple) else [(held, value)]:
                    write(state, part)
            if name in self._known:
                self._note_structure(name, value)
        changed()

    def all_states(self) -> list[State]:
        """The states of the options and what is counted."""
        held = [s for states in self.states.values() for s in (states if isinstance(states, tuple) else (states,))]
        return held + [s for cohort in self.cohorts for s in cohort.tallies.values()]

    # ------------------------------------------------------------------------------------------ counting

    def counted(self, pairs: list[tuple[Parameter, Any]]) -> list[tuple[Cohort, list[tuple[Parameter, Any]]]]:
        """The parameters to update with their gradients, by cohort; a cohort of which some have none is divided."""
        if len(self.cohorts) == 1 and len(pairs) == len(self.cohorts[0].members):
            self.watch("cohorts")
            return [(self.cohorts[0], pairs)]
        gradients = dict(pairs)
        found = []
        for cohort in list(self.cohorts):
            active = [p for p in cohort.members if p in gradients]
            if active and len(active) < len(cohort.members):
                self._divide(cohort, active)
            if active:
                found.append((cohort, [(p, gradients[p]) for p in active]))
        self.watch("cohorts")
        return found

    def _divide(self, cohort: Cohort, active: list[Parameter]) -> None:
        resting = [p for p in cohort.members if not any(p is a for a in active)]
        tallies = {name: State(np.array(s), name=s.name) for name, s in cohort.tallies.items()}
        if tracing() and any(s.value._record.op is not LEAF for s in cohort.tallies.values()):
            # Counted already in this trace: right for this call, which the watch keeps from being used again.
            self.watch("cohorts")
            for name, state in tallies.items():
                state.assign(cohort.tallies[name].value)
        cohort.members = active
        self.regroup([*self.cohorts, Cohort(resting, tallies)])

    def regroup(self, cohorts: list[Cohort]) -> None:
        """Count in these cohorts from now on; a step that is compiled for others is traced anew."""
        self.cohorts = cohorts
        self.structure.cohorts += 1
        changed()
        self._changed(self, "cohorts", len(cohorts))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.values_now().items())
        return f"Group({options}, params={len(self['params'])})"


def _held(value: Any, name: str) -> State | tuple[State, ...] | None:
    """The states of an option that is a number or several; None for a flag, a name and the like."""
    if value is None or isinstance(value, bool | str):
        return None
    if isinstance(value, tuple | list):
        return tuple(number_state(as_float(part), f"{name}[{i}]") for i, part in enumerate(value))
    return number_state(as_float(value), name)
