"""replay: a call taken apart, op by op, forward and back, in either mode, with every value at hand."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from engine import dispatch, effects, level, tree
from engine.errors import ArgumentError, Sentence
from engine.landing import shown
from tapegraph.debug.conditions import condition
from tapegraph.debug.entries import Entry, Log, Recording, fresh, of_graph
from tapegraph.function import Function
from tapegraph.mode import current_mode, mode
from tapegraph.tracing import argument_arrays, trace_call

GRAPHS = ("traced", "optimised", "eager")
WINDOW = 6  # entries shown on either side of the current one


class Replay:
    """The ops of one call in order, and one of them that is looked at.

    ``title``: what was replayed and how. ``leaves``: inputs, states and captured arrays by name.
    """

    def __init__(
        self, title: str, entries: Sequence[Entry], leaves: dict[str, Any], path: tuple[str, ...] = ()
    ) -> None:
        self.title = title
        self.entries = list(entries)
        self.leaves = leaves
        self.path = path
        self.at = 0
        self._outer: Replay | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Any:
        return iter(self.entries)

    @property
    def current(self) -> Entry:
        """The op that is looked at."""
        if not self.entries:
            raise ArgumentError("the call applies no op", op="replay")
        return self.entries[self.at]

    # ------------------------------------------------------------------------------------ moving

    def step(self) -> Entry | None:
        """Go to the next op and return it; None at the end."""
        if self.at + 1 >= len(self.entries):
            return None
        self.at += 1
        return self.current

    def back(self) -> Entry | None:
        """Go to the op before and return it; None at the beginning."""
        if not self.at:
            return None
        self.at -= 1
        return self.current

    def goto(self, target: int | str) -> Entry:
        """Go to an op: by number; or to the next (from the beginning again) at "train.py:12", or of that name.

        Raises ArgumentError where there is none.
        """
        if isinstance(target, int):
            if not -len(self) <= target < len(self):
                raise ArgumentError(f"there are {len(self)} ops, no number {target}", op="goto")
            self.at = target % len(self)
            return self.current
        count = len(self)
        for number in (*range(self.at + 1, count), *range(min(self.at + 1, count))):
            if _stands(self.entries[number], target):
                self.at = number
                return self.current
        raise ArgumentError(f"no op stands at or is named {target!r}", op="goto", fix='write "train.py:12" or "log"')

    def run(self, until: str | Callable[[Any], Any] | None = None) -> Entry | None:
        """Go on to the next op whose result meets a condition ("nan", "nonfinite", "norm > 10", a function of an array), or
        that raised; without one to the last op. None, and the last op, where there is no such op.
        """
        wanted = condition(until, "run")
        while (entry := self.step()) is not None:
            results = entry.result if isinstance(entry.result, list) else [entry.result]
            if entry.error or (wanted is not None and any(wanted(np.asarray(x)) for x in results)):
                return entry
        return self.current if until is None else None

    def into(self, turn: int = 0) -> Replay:
        """A replay of one run of the loop's or branch's subprogram that the current op ran, by number.

        Raises ArgumentError where it ran none. ``out()`` comes back.
        """
        turns = self.current.turns
        if not -len(turns) <= turn < len(turns):
            raise ArgumentError(
                f"{self.current.op} ran {len(turns)} subprograms, no number {turn}",
                op="into",
                fix="go to a scan, while_loop or cond of a traced graph; in eager mode its ops are in the list already",
            )
        step = f"{self.current.op} {turn % len(turns)}"
        inner = Replay(self.title, turns[turn], self.current.names | self.leaves, (*self.path, step))
        inner._outer = self
        return inner

    def out(self) -> Replay:
        """The replay that this one was entered from."""
        return self._outer or self

    # ------------------------------------------------------------------------------------ values

    @property
    def values(self) -> Values:
        """Values by number of the op, by variable, input or state, by the name of an op, or by "train.py:12"."""
        return Values(self)

    @property
    def locals(self) -> dict[str, Any]:
        """The user's variables at the current op, with ``operands`` and ``result``; arrays as tensors."""
        entry = self.current
        found = self.leaves | entry.names | {k: v for k, v in entry.operands.items() if k.isidentifier()}
        found |= {"result": entry.result}
        return {k: shown(v) if type(v) is np.ndarray else v for k, v in found.items()} | {"operands": entry.operands}

    # ------------------------------------------------------------------------------------ showing

    def where(self) -> str:
        """The current op: its line with the expression underlined, operands and result."""
        entry = self.current
        head = f"op {self.at} of {len(self)}: {entry.part} {entry.op}" + (
            f", in {' / '.join(self.path)}" if self.path else ""
        )
        return "\n".join([head, *_underlined(entry), *(f"  {line}" for line in entry.lines())])

    def __str__(self) -> str:
        if not self.entries:
            return f"{self.title}: no ops"
        forward = sum(e.part == "forward" for e in self.entries)
        lines = [f"{self.title}: {len(self)} ops, {forward} forward, {len(self) - forward} backward"]
        if self.path:
            lines.append(f"in {' / '.join(self.path)}")
        previous = ""
        for number in self._window():
            entry = self.entries[number]
            heading = _heading(entry)
            if heading != previous:
                lines.append(heading)
                previous = heading
            chosen = number == self.at
            lines.append(f"{'>' if chosen else ' '} {number:4}  {entry.op:24} {entry.spec}")
            if chosen:
                lines += [f"          {line}" for line in entry.lines()]
        return "\n".join(lines)

    __repr__ = __str__

    def _window(self) -> range:
        first = max(0, min(self.at - WINDOW, len(self) - 2 * WINDOW - 1))
        return range(first, min(len(self), first + 2 * WINDOW + 1))

    def _repr_html_(self) -> str:
        rows, previous = [], ""
        for number in self._window() if self.entries else ():
            entry = self.entries[number]
            if (heading := _heading(entry)) != previous:
                rows.append(f"<tr><th colspan=4 style='text-align:left'><code>{html.escape(heading)}</code></th></tr>")
                previous = heading
            told = "<br>".join(map(html.escape, entry.lines())) if number == self.at else ""
            style = " style='background:#fff3c4;color:#000'" if number == self.at else ""
            cells = (str(number), html.escape(entry.op), html.escape(entry.spec), f"<code>{told}</code>")
            rows.append(f"<tr{style}>{''.join(f'<td style=text-align:left>{c}</td>' for c in cells)}</tr>")
        return f"<b>{html.escape(self.title)}</b><table>{''.join(rows)}</table>"

    def interact(self) -> None:
        """Look around at the terminal: n next, b back, g go to, u run until, i into, o out, p print, l list, w where, q quit."""
        from tapegraph.debug.terminal import Terminal  # the cmd module is wanted here only

        Terminal(self).cmdloop()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the replay with every value to a file, which ``tg.debug.load_replay`` reads on any machine; it holds no code."""
        from tapegraph.debug.replay_file import write

        write(self, path)


class Values:
    """See ``Replay.values``."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def __getitem__(self, key: int | str) -> Any:
        """Raises KeyError where nothing is known by that name."""
        replay = self._replay
        if isinstance(key, int):
            return replay.entries[key].result
        count, at = len(replay), replay.at
        nearest = [*range(at, -1, -1), *range(at + 1, count)]  # what was known last comes first
        for number in nearest:
            entry = replay.entries[number]
            if key in entry.names:
                return entry.names[key]
            if key in entry.operands:
                return entry.operands[key]
        if key in replay.leaves:
            return replay.leaves[key]
        for number in nearest:
            if _stands(replay.entries[number], key):
                return replay.entries[number].result
        raise KeyError(key)


def _stands(entry: Entry, target: str) -> bool:
    """Whether an entry is of an op of this name, or stands on this line."""
    file, colon, line = target.rpartition(":")
    if not colon or not line.isdigit():
        return entry.op.split(" ")[0] == target or entry.op.endswith(f"(of {target})")
    place = entry.place
    return place is not None and place.line <= int(line) <= place.end_line and place.within(file)


def _heading(entry: Entry) -> str:
    place = entry.place
    if place is None:
        return f"{entry.part}, no line of yours"
    part = "  (backward)" if entry.part == "backward" else ""
    return f"{place.short}{part}  {place.text.strip()}"


def _underlined(entry: Entry) -> list[str]:
    place = entry.place
    if place is None or not place.text.strip():
        return []
    lead = len(place.text) - len(place.text.lstrip())
    width = max(1, place.end_column - place.column)
    lines = [f"  {place.heading}", f"    {place.text.strip()}"]
    return [*lines, f"    {' ' * (place.column - lead)}{'^' * width}"]


def replay(fn: Callable[..., Any], *args: Any, graph: str | None = None, **kwargs: Any) -> Replay:
    """Run a call once and hand its ops out one by one: ``r.step()``, ``r.back()``, ``r.goto("train.py:12")``, ``print(r)``.

    ``fn``: any function, a ``tg.function`` or a training step. ``graph``: "traced", the graph as the program wrote it;
    "optimised", after all rewrites, with the rule and the step of the plan that each op comes from; "eager", the ops that
    eager mode applies. By default what the call would be here: eager, or in static mode the graph as traced. Graphs are
    run by the NumPy kernels of their ops. States and gradients are afterwards as they were, effects are left out. A call
    that raises is replayed up to there. Raises ArgumentError for another ``graph``.
    """
    if isinstance(fn, MethodType) and isinstance(fn.__func__, Function):
        fn, args = fn.__func__, (fn.__self__, *args)
    function = fn if isinstance(fn, Function) else Function(fn, always=True)
    name = function.__name__
    chosen = graph or ("traced" if current_mode() == "static" or (function is fn and function.always) else "eager")
    if chosen not in GRAPHS:
        raise ArgumentError(f"there is no graph {graph!r}", op="replay", fix=f"use one of {', '.join(GRAPHS)}")
    given = tuple(tree.map_tree(fresh, a) for a in args)
    named = {k: tree.map_tree(fresh, v) for k, v in kwargs.items()}
    with level.level("off"):
        if chosen == "eager":
            return _eager(function, name, given, named)
        traced = trace_call(function.body, given, named, function.pinned).graph
        arrays = [a for _, a in argument_arrays(function.body, given, named)]
        feeds = dict(zip([r.attrs["name"] for r in traced.inputs], arrays, strict=True))
        if chosen == "traced":
            return Replay(f"{name}, the graph as traced", *of_graph(traced, feeds))
        from tapegraph.debug.optimised import optimised  # needs the compiler

        better, made_by = optimised(traced, function)
        return Replay(f"{name}, the optimised graph", *of_graph(better, feeds, made_by))


def _eager(function: Function, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Replay:
    log = Log()
    failed = None
    try:
        with mode("inline"), effects.left_out(), dispatch.interpret(Recording(log, dispatch.current().grad_enabled)):
            function.body(*args, **kwargs)
    except Sentence as mistake:
        failed = mistake
    finally:
        log.restore()
    if failed is not None:
        values = {n: v for n, v in failed.values.items() if v is not None}
        operands = {n: v._value if hasattr(v, "_value") else v for n, v in values.items()}
        log.entries.append(Entry(failed.op or "error", failed.origin, operands, None, error=str(failed)))
    leaves = dict(argument_arrays(function.body, args, kwargs))
    leaves |= {s.name: s._value for s in log.before if getattr(s, "name", None)}
    return Replay(f"{name}, eager", log.entries, leaves)
