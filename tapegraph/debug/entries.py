"""What one op did in a replayed call: operands, result and the user's line; the list of them for a graph or for eager mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eager.hooks import Event, Hook, Observed
from eager.tensor import Tensor
from engine import effects, origin, stepping
from engine.compute import compute
from engine.control.body import bodies_of
from engine.errors import Sentence
from engine.record import Record
from engine.state import State
from graph import reference
from graph.graph import Graph
from tapegraph.debug.naming import derived, held, named, variables, whole_of
from tapegraph.debug.summary import summary

STRUCTURE = {"leaf", "result", "mark", "effect", "seen_back"}  # ops that compute nothing


@dataclass(eq=False)
class Entry:
    """One op of a replayed call.

    ``part``: "forward" or "backward". ``operands``: arrays under the user's names. ``result``: an array, or a list of them.
    ``names``: what the user's variables stood for when it ran. ``made_by``: the rewrite rule it comes from and the step of
    the plan that computes it, in an optimised graph. ``error``: what it raised. ``turns``: for a loop or a branch, the
    entries of each run of each of its subprograms.
    """

    op: str
    where: origin.Origin
    operands: dict[str, Any]
    result: Any
    names: dict[str, Any] = field(default_factory=dict)
    made_by: str = ""
    error: str = ""
    inner: Callable[[], list[list[Entry]]] | None = None
    _turns: list[list[Entry]] | None = None

    @property
    def part(self) -> str:
        return "backward" if derived(self.where) else "forward"

    @property
    def turns(self) -> list[list[Entry]]:
        if self._turns is None:
            self._turns = [] if self.inner is None else self.inner()
        return self._turns

    @property
    def place(self) -> origin.Place | None:
        """Where the user's expression stands."""
        frames = origin.user_frames(self.where)
        return origin.resolve(frames[0]) if frames else None

    @property
    def spec(self) -> str:
        """dtype and shape of the result."""
        if self.error:
            return "error"
        results = self.result if isinstance(self.result, list) else [self.result]
        found = [f"{x.dtype.name}[{', '.join(map(str, x.shape))}]" for x in map(np.asarray, results)]
        return found[0] if len(found) == 1 else f"({', '.join(found)})"

    def lines(self) -> list[str]:
        """The operands and the result, a line for each."""
        found = [f"{name}: {_shown(x)}" for name, x in self.operands.items()]
        if self.error:
            found.append(f"raised: {self.error.splitlines()[0]}")
        elif isinstance(self.result, list):
            found += [f"result {n}: {_shown(x)}" for n, x in enumerate(self.result)]
        else:
            found.append(f"result: {_shown(self.result)}")
        return found + ([f"made by {self.made_by}"] if self.made_by else [])


def _shown(x: Any) -> str:
    return summary(np.asarray(x))


def of_graph(
    graph: Graph, feeds: Mapping[str, Any], made_by: Mapping[Record, str] | None = None
) -> tuple[list[Entry], dict[str, Any]]:
    """The entries of a graph run node by node, up to an error, and its leaves by name. States are read, never written."""
    notes = made_by or {}
    leaves: dict[Record, Any] = {}
    values: Mapping[Record, Any] = leaves
    order: list[Record] = []

    def look(record: Record, around: Mapping[Record, Any], turns: tuple[int, ...]) -> None:
        nonlocal values
        if turns:
            return
        values = around
        (order.append if record.args else lambda r: leaves.setdefault(r, around[r]))(record)

    mistake = ""
    try:
        sizes = reference.run(graph, feeds, keep=True, look=look).sizes
    except Sentence as raised:
        mistake = str(raised)
        sizes = reference.solve_sizes(graph, {k: np.shape(v) for k, v in feeds.items()})
    found = [_of_record(r, values, sizes, notes) for r in order if r.op.name not in STRUCTURE]
    if mistake:
        done = {*order, *leaves}
        failed = next(r for r in graph.nodes if r not in done and r.args)
        entry = _of_record(failed, {**values, failed: None}, sizes, notes)
        entry.error = mistake
        found.append(entry)
    return found, {r.attrs["name"]: v for r, v in leaves.items() if "name" in r.attrs}


def _of_record(
    record: Record, values: Mapping[Record, Any], sizes: Mapping[str, int], notes: Mapping[Record, str]
) -> Entry:
    bodies = bodies_of(record)
    # The operands of a loop are those of its subprograms, which stand in another order in the user's expression.
    operands = named(record.origin, "" if bodies else record.op.name, [values[a] for a in record.args])
    scope: dict[str, Record] = getattr(record, "scope", {})
    names = {name: values[r] for name, r in scope.items() if r in values and not r.op.many}
    whole = whole_of(record)
    label = record.op.name if whole is record.op else f"{record.op.name} (of {whole.name})"
    entry = Entry(label, record.origin, operands, values[record], names, notes.get(record, ""))
    if bodies:
        given = [values[a] for a in record.args]
        entry.inner = lambda: _turns(record, given, sizes, notes)
    return entry


def _turns(
    record: Record, operands: list[Any], sizes: Mapping[str, int], notes: Mapping[Record, str]
) -> list[list[Entry]]:
    """The runs of the subprograms of a control op, which is computed once more."""
    runs: list[tuple[Mapping[Record, Any], list[Record]]] = []

    def look(inside: Record, values: Mapping[Record, Any], turns: tuple[int, ...]) -> None:
        if len(turns) > 1:
            return
        if not runs or runs[-1][0] is not values:
            runs.append((values, []))
        if inside.args and inside.op.name not in STRUCTURE:
            runs[-1][1].append(inside)

    with effects.left_out(), stepping.looking(look), np.errstate(all="ignore"), contextlib.suppress(Sentence):
        compute(record, operands, sizes)
    return [[_of_record(r, values, sizes, notes) for r in inside] for values, inside in runs]


class Recording(Observed):
    """Eager mode that notes what each op did, and what states held before they were changed."""

    def __init__(self, log: Log, grad_enabled: bool = True) -> None:
        super().__init__((Hook(after=log.after),), grad_enabled)
        self.log = log

    def with_grad(self, enabled: bool) -> Recording:
        return Recording(self.log, enabled)

    def watch(self, owner: Any, attribute: str) -> None:
        """The program read a Python attribute, which is nothing to a record of its ops."""

    @contextlib.contextmanager
    def calling(self, module: Any) -> Iterator[None]:
        """Keep what an optimizer's step may change without ops."""
        for state in module.states() if hasattr(module, "param_groups") else ():
            self.log.keep(state)
        yield

    def assign(self, state: State, value: Any) -> None:
        self.log.keep(state)
        super().assign(state, value)

    def set_grad(self, leaf: Any, value: Any) -> None:
        self.log.keep(leaf)
        super().set_grad(leaf, value)


class Log:
    """What a recorded run did: entries, and states as they were before."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.before: dict[Any, tuple[Any, Any]] = {}

    def after(self, event: Event) -> None:
        if event.op.name in STRUCTURE:
            return
        operands = named(event.origin, event.op.name, [_array(held(a)) for a in event.args])
        names = {k: v for k, v in variables(event.origin).items() if isinstance(v, np.ndarray | int | float | str)}
        self.entries.append(Entry(event.op.name, event.origin, operands, held(event.result), names))

    def keep(self, leaf: Any) -> None:
        if leaf not in self.before:
            self.before[leaf] = leaf._value, getattr(leaf, "_grad", None)  # a tensor has none until it gets one

    def restore(self) -> None:
        for leaf, (value, grad) in self.before.items():
            if isinstance(leaf, State):
                leaf.hold(value)
            leaf._grad = grad


def _array(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, bool | int | float) else value


def fresh(leaf: Any) -> Any:
    """An argument behind a handle of its own, so that assigning to it in a replay leaves the given one alone."""
    if type(leaf) is Tensor and leaf._record is None:
        return Tensor(leaf._array().copy())
    return leaf.copy() if type(leaf) is np.ndarray else leaf
