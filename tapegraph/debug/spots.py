"""breakpoints: stops set from outside, at lines, ops or conditions, forward and backward, in both modes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from eager.hooks import Event, hooks
from engine import origin
from engine.control.body import bodies_of
from engine.errors import ArgumentError, Sentence
from engine.op import OPS, Op
from engine.record import Record
from graph import reference
from graph.graph import Graph, Pull
from tapegraph.debug.conditions import Condition, condition
from tapegraph.debug.naming import derived, held, named, variables, whole_of
from tapegraph.debug.stop import Stop, halt

KEPT = 1000  # ops whose operands are remembered until their backward steps
_LINE = re.compile(r"(.+):(\d+)")


@contextmanager
def breakpoints(
    *places: str,
    when: str | Callable[[Any], Any] | None = None,
    backward: bool = True,
    on_stop: Callable[[Stop], Any] | None = None,
) -> Iterator[None]:
    """Stop inside the block wherever an op stands at one of these places and the condition holds.

    ``places``: "train.py:31" (every op of that line) or the name of an op ("log"); none for all ops. ``when``: "nan",
    "nonfinite", "norm > 10" or a function of an array: of the op's result, and in the backward pass of the gradients that
    arrive and go on. ``backward=False``: in the forward pass only. pdb opens at the user's expression with its variables
    and ``operands``, ``result``, ``gradient``, ``gradients``; ``on_stop(stop)`` is called instead where it is given.

    Eager mode stops after the op, before what is behind it. A compiled call is replayed first, node by node as it was
    traced, on the same arrays and states, which are left as they are; then it is made, and its results are the compiled
    ones. Raises ArgumentError for a place that is neither a line nor an op.
    """
    spots = _Spots(places)
    wanted = condition(when, "breakpoints")
    kept: dict[Record | None, Stop] = {}  # eager: what ops had, for their backward steps

    def consider(stop: Stop, looked_at: Sequence[Any]) -> None:
        if wanted is None or any(_holds(wanted, x) for x in looked_at):
            halt(stop, on_stop)

    def after(event: Event) -> None:
        if not derived(event.origin) and spots.hit(event.op, event.origin):
            stop = _eager_stop(event)
            if event.record is not None and backward:
                kept[event.record] = stop
                if len(kept) > KEPT:
                    del kept[next(iter(kept))]
            consider(stop, [stop.result])

    def after_backward(event: Event) -> None:
        if spots.hit(event.op, event.origin):
            stop = _eager_backward(event, kept.pop(event.record, None))
            consider(stop, [stop.gradient, *stop.gradients.values()])

    def before_call(program: Any, arrays: Sequence[Any]) -> None:
        replay = _Replay(program.traced, spots, backward, consider)
        if replay.nodes:
            with contextlib.suppress(Sentence):  # the call itself will raise it
                feeds = dict(zip(program.names, arrays, strict=True))
                reference.run(program.traced, feeds, keep=True, look=replay.look)

    with hooks(after=after, after_backward=after_backward if backward else None, before_call=before_call):
        yield


class _Spots:
    """Places by line and by op."""

    def __init__(self, places: Sequence[str]) -> None:
        self.lines: list[tuple[str, int]] = []
        self.ops: set[str] = set()
        self._known: dict[origin.Frame, bool] = {}
        for place in places:
            if match := _LINE.fullmatch(place):
                self.lines.append((match[1].replace("\\", "/"), int(match[2])))
            elif place in OPS:
                self.ops.add(place)
            else:
                raise ArgumentError(
                    f"{place!r} is neither a line nor an op",
                    op="breakpoints",
                    fix='write "train.py:31", or the name of an op such as "log" or "matmul"',
                )

    def hit(self, op: Op, where: origin.Origin) -> bool:
        """Whether an op of the user's stands at one of the places."""
        frame = next((f for f in where if type(f) is not str), None)
        if frame is None or op.hidden:
            return False
        if not self.lines and not self.ops:
            return True
        if op.name in self.ops:
            return True
        found = self._known.get(frame)  # type: ignore[arg-type]
        if found is None:
            place = origin.resolve(frame)  # type: ignore[arg-type]
            found = any(place.within(name) and place.line <= line <= place.end_line for name, line in self.lines)
            self._known[frame] = found  # type: ignore[index]
        return found


def _holds(wanted: Condition, value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return any(x is not None and wanted(np.asarray(x)) for x in values)


# -------------------------------------------------------------------------------------------- eager mode


def _eager_stop(event: Event) -> Stop:
    names = variables(event.origin)
    operands = named(event.origin, event.op.name, [held(a) for a in event.args])
    return Stop("forward", event.origin, event.op.name, operands, held(event.result), names)


def _eager_backward(event: Event, forward: Stop | None) -> Stop:
    if forward is not None:
        operands, result = forward.operands, forward.result
    else:
        operands = named(event.origin, event.op.name, [held(a) for a in event.args])
        result = event.record.value if event.record is not None else None
    gradients = named(event.origin, event.op.name, [held(g) for g in event.gradients])
    return Stop(
        "backward", event.origin, event.op.name, operands, result, gradient=held(event.gradient), gradients=gradients
    )


# -------------------------------------------------------------------------------------------- compiled calls


class _Replay:
    """The stops of a replay. ``nodes``: after which nodes there may be one, with the backward steps that are over then."""

    def __init__(
        self, graph: Graph, spots: _Spots, backward: bool, consider: Callable[[Stop, Sequence[Any]], None]
    ) -> None:
        self.consider = consider
        self.nodes: dict[Record, list[Pull]] = {}
        every = dict(_all_nodes(graph.nodes, False))
        for record, inside in every.items():
            if record.args and not inside and spots.hit(whole_of(record), record.origin):
                self.nodes[record] = []
        self.forward = set(self.nodes)
        for pull in graph.pulled if backward else ():
            if spots.hit(pull.record.op, pull.record.origin):
                ends = [r for r in _records([pull.arrived, *pull.parts]) if r in every]
                if ends:
                    self.nodes.setdefault(max(ends, key=lambda r: r.serial), []).append(pull)

    def look(self, record: Record, values: Mapping[Record, Any], turns: tuple[int, ...]) -> None:
        """A node has been computed."""
        pulls = self.nodes.get(record)
        if pulls is None:
            return
        if record in self.forward:
            operands = named(record.origin, record.op.name, [values[a] for a in record.args])
            scope: dict[str, Record] = getattr(record, "scope", {})
            names = {name: values[r] for name, r in scope.items() if r in values}
            stop = Stop("forward", record.origin, record.op.name, operands, values[record], names, turns=turns)
            self.consider(stop, [stop.result])
        for pull in pulls:
            self._pulled(pull, values, turns)

    def _pulled(self, pull: Pull, values: Mapping[Record, Any], turns: tuple[int, ...]) -> None:
        def known(x: Any) -> Any:
            if isinstance(x, list | tuple):
                return [known(v) for v in x]
            return values.get(x)

        record, op = pull.record, pull.record.op
        where = origin.noted(f"backward of {op.name}", record.origin)
        operands = named(where, op.name, [known(a) for a in record.args])
        gradients = named(where, op.name, [known(g) for g in pull.parts])
        gradient = known(pull.arrived)
        stop = Stop(
            "backward", where, op.name, operands, known(record), gradient=gradient, gradients=gradients, turns=turns
        )
        self.consider(stop, [gradient, *gradients.values()])


def _records(values: Sequence[Any]) -> Iterator[Record]:
    for x in values:
        if isinstance(x, list | tuple):
            yield from _records(x)
        elif x is not None:
            yield x


def _all_nodes(nodes: Sequence[Record], inside: bool) -> Iterator[tuple[Record, bool]]:
    """Nodes, and those of their subprograms; whether each belongs to the backward pass, in which a loop's body runs again."""
    for record in nodes:
        part = inside or derived(record.origin)
        yield record, part
        for body in bodies_of(record):
            yield from _all_nodes(body.nodes, part)
