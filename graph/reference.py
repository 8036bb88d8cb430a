"""The reference run: a graph executed node by node with the NumPy kernels that give its ops their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine import effects, stepping
from engine.compute import compute, known, told
from engine.errors import FeedError, Sentence
from engine.landing import landed
from engine.record import Record, needed
from engine.sizes import Dim, Shape, evaluate, names_in
from engine.state import State
from graph.graph import Graph

Array = np.ndarray[Any, Any]


@dataclass
class Result:
    """What a run gives: outputs in order, new values of states, new gradients (None where one is dropped).

    ``sizes``: the numbers behind the named sizes. ``values``: every node's value, where they were asked to be kept.
    """

    outputs: list[Array]
    updates: dict[State, Array]
    grads: dict[State, Array | None]
    sizes: dict[str, int]
    values: dict[Record, Array] = field(default_factory=dict)


def run(
    graph: Graph,
    feeds: Mapping[str, Any],
    *,
    states: Mapping[State, Array] | None = None,
    grads: Mapping[State, Array] | None = None,
    keep: bool = False,
    effects_done: int = -1,
    look: stepping.Look | None = None,
) -> Result:
    """Run a graph on arrays for its inputs, by name; states and gradients are read, never written.

    ``states``, ``grads``: what these hold at the start of the run, where it is not what they hold now. ``keep``: keep
    every node's value. ``effects_done``: how many effects to leave out, from the first; -1 for all. ``look``: called
    for each leaf and after each node, those of subprograms included (``engine.stepping``).
    Raises FeedError for arrays that do not fit the inputs, and the error that a kernel's mistake means
    (IndexRangeError, IntegerDivisionError), addressed to the user's line.
    """
    values = dict(leaves(graph, feeds, states, grads))
    sizes = solve_sizes(graph, {r.attrs["name"]: values[r].shape for r in graph.inputs})
    last = {} if keep else _last_uses(graph)
    with np.errstate(all="ignore"), effects.left_out(effects_done), stepping.looking(look) as onlooker:
        if onlooker is not None:
            onlooker.begun(graph.leaves, values)
        for record in graph.nodes:
            if record not in values:
                operands = [values[a] for a in record.args]
                try:
                    values[record] = compute(record, operands, sizes)
                except Sentence as mistake:
                    if not mistake.scope:  # else it happened in a subprogram
                        told(mistake, record, values_of(known(record), graph, feeds, states, grads))
                    raise landed(mistake, outer=graph.outer) from None
                if onlooker is not None:
                    onlooker.seen(record, values)
            for done in last.get(record, ()):
                del values[done]
    return Result(
        [values[r] for r in graph.outputs],
        {s: values[r] for s, r in graph.updates.items()},
        {s: None if r is None else values[r] for s, r in graph.grad_updates.items()},
        sizes,
        values if keep else {},
    )


def values_of(
    records: Iterable[Record],
    graph: Graph,
    feeds: Mapping[str, Any],
    states: Mapping[State, Array] | None = None,
    grads: Mapping[State, Array] | None = None,
) -> dict[Record, Array]:
    """The values of some records over a graph's leaves: of those that follow from them without a mistake."""
    leaves = set(graph.leaves)
    wanted = [r for r in dict.fromkeys(records) if not r.op.many]
    wanted = [r for r in wanted if all(n.args or n.op.name != "leaf" or n in leaves for n in needed([r]))]
    nodes = sorted({*leaves, *needed(wanted)}, key=lambda r: r.serial)
    part = Graph(nodes, graph.inputs, wanted, graph.states, graph.grads, graph.captured)
    try:
        return dict(zip(wanted, run(part, feeds, states=states, grads=grads).outputs, strict=True))
    except (Sentence, LookupError, TypeError, ValueError):  # also of a kernel of NumPy's that is given no elements
        return {}


def solve_sizes(graph: Graph, shapes: Mapping[str, Shape]) -> dict[str, int]:
    """The number behind each name in the inputs' shapes, from the shapes of what is fed.

    Raises FeedError where ranks or sizes differ, or a name cannot be solved for.
    """
    waiting = []
    for record in graph.inputs:
        name, fed = record.attrs["name"], shapes[record.attrs["name"]]
        if len(fed) != len(record.shape):
            raise FeedError(
                f"input {name!r} must be {record.spec}, the array fed has {len(fed)} axes", op="call", origin=()
            )
        waiting += [(name, axis, n, m) for axis, (n, m) in enumerate(zip(record.shape, fed, strict=True))]
    sizes: dict[str, int] = {}
    # Plain names first, then those inside sums and multiples of solved ones.
    for name, axis, wanted, found in sorted(waiting, key=lambda w: len(names_in(w[2])) if _plain(w[2]) else 99):
        unknown = [n for n in sorted(names_in(wanted)) if n not in sizes]
        if len(unknown) == 1:
            sizes[unknown[0]] = _solved(wanted, unknown[0], sizes, found)
        if any(n not in sizes for n in names_in(wanted)) or evaluate(wanted, sizes) != found:
            known = f" ({', '.join(f'{n}={sizes[n]}' for n in sorted(names_in(wanted)) if n in sizes)})"
            raise FeedError(
                f"axis {axis} of input {name!r} should be {wanted}{known if isinstance(wanted, Dim) else ''}, "
                f"the array fed has {found}",
                op="call",
                origin=(),
            )
    return sizes


def _plain(size: Any) -> bool:
    return not isinstance(size, Dim) or size.terms == Dim(next(iter(names_in(size)), "")).terms


def _solved(size: Any, name: str, sizes: Mapping[str, int], found: int) -> int:
    """The value of ``name`` that makes ``size`` equal to ``found``; a size grows with its names, so halving finds it."""
    low, high = 0, 1
    while high <= found and evaluate(size, {**sizes, name: high}) < found:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        if evaluate(size, {**sizes, name: middle}) < found:
            low = middle + 1
        else:
            high = middle
    return low


def leaves(
    graph: Graph,
    feeds: Mapping[str, Any],
    states: Mapping[State, Array] | None = None,
    grads: Mapping[State, Array] | None = None,
) -> list[tuple[Record, Array]]:
    """Each leaf of a graph with its array: what is fed or given, what states and gradients hold now, captured arrays."""
    states, grads = states or {}, grads or {}
    wanted = {r.attrs["name"]: r for r in graph.inputs}
    if unknown := [n for n in feeds if n not in wanted]:
        raise FeedError(
            f"the graph has no input {unknown[0]!r}; it has {', '.join(wanted) or 'none'}", op="call", origin=()
        )
    found: list[tuple[Record, Array]] = []
    for name, record in wanted.items():
        if name not in feeds:
            raise FeedError(f"input {name!r} is missing", op="call", origin=())
        array = np.asarray(feeds[name])
        if array.dtype != record.dtype:
            raise FeedError(f"input {name!r} is {record.dtype}, the array fed {array.dtype}", op="call", origin=())
        found.append((record, array))
    found += [(r, states.get(s, s._value)) for s, r in graph.states.items()]
    found += [(r, s._grad._value if (held := grads.get(s)) is None else held) for s, r in graph.grads.items()]
    return found + list(graph.captured.items())


def _last_uses(graph: Graph) -> dict[Record, list[Record]]:
    """After which node each value is needed no more."""
    kept, seen = {*graph.results, *graph.leaves}, set()
    last: dict[Record, list[Record]] = {}
    for record in reversed(graph.nodes):
        for arg in dict.fromkeys((record, *record.args)):
            if arg not in seen and arg not in kept:
                last.setdefault(record, []).append(arg)
            seen.add(arg)
    return last
