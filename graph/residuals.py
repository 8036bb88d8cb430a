"""A phase: what a scan computes again from the steps of an earlier scan is kept by that one, where computing it is dear.

The backward pass of a scan runs the body again at each step. Its dear results (products, sums, transcendental functions)
become further outputs of the forward scan, one row for each step; cheap elementwise ops stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.control.body import Body
from engine.custom import barrier
from engine.lowering import Scalar, View
from engine.ops.results import result_of
from engine.record import Record, needed
from engine.sizes import evaluate, product, same
from graph.graph import Graph
from graph.rewrite import carried
from graph.scans import is_scan, leaf_for, replaced, scan_of, unmarked, with_args

GUESS = 64  # of a size that only a call will bring, to compare what two ways of keeping things take


@dataclass(eq=False)
class Loop:
    """A scan being changed: its body, its operands by kind, and what it keeps in addition.

    An operand along the steps may be a pair: what another loop is going to keep.
    """

    record: Record
    body: Body
    consts: list[Record]
    carries: list[Record]
    xs: list[Record | tuple[Loop, Record]]
    kept: list[Record] = field(default_factory=list)

    @property
    def steps(self) -> Sequence[Record]:
        """The inputs of the body that change with the step and are not carried."""
        return self.body.inputs[len(self.consts) + len(self.carries) :]

    def changed(self, body: Body) -> None:
        """Take another body, whose inputs may lack some of those that do not change what is carried."""
        inputs = set(body.inputs)
        leaves = self.body.inputs
        first = len(self.consts) + len(self.carries)
        self.xs = [x for x, leaf in zip(self.xs, leaves[first:], strict=True) if leaf in inputs]
        self.consts = [c for c, leaf in zip(self.consts, leaves, strict=False) if leaf in inputs]
        self.body = body


def keep_residuals(graph: Graph) -> Graph:
    """The same program, in which no scan computes again what is dear and an earlier scan had."""
    loops = {r: _loop(r) for r in graph.nodes if is_scan(r)}
    if len(loops) < 2:
        return graph
    place = {r: i for i, r in enumerate(graph.nodes)}
    moved = False
    for later in loops.values():
        values = map(unmarked, later.record.args)
        sources = dict.fromkeys(v.args[0] for v in values if v.args and v.args[0] in loops)
        for source in sorted(sources, key=lambda r: -place[r]):
            if same(source.attrs["length"], later.record.attrs["length"]):
                moved |= _move(loops[source], later, place)
    return _rebuilt(graph, loops) if moved else graph


def _loop(record: Record) -> Loop:
    consts, carries = record.attrs["consts"], record.attrs["carries"]
    args = list(record.args)
    return Loop(
        record, record.attrs["body"], args[:consts], args[consts : consts + carries], list(args[consts + carries :])
    )


def _move(source: Loop, later: Loop, place: dict[Record, int]) -> bool:
    """Let ``source`` keep what ``later`` would compute again; whether there was anything."""
    there = _same_values(source, later, place)
    known = dict[Record, None]()
    leaves = set(later.body.inputs)
    for node in later.body.nodes:
        dependent = node in leaves or node.op is barrier  # checkpoint: computed again on purpose
        if node in there or (not dependent and all(a in known for a in node.args)):
            known[node] = None
    chosen = _chosen(later.body, known, there)
    if not chosen:
        return False
    for node in needed(chosen):  # the source's own optimisation meets those it has already
        if node in there:
            if there[node] is node:  # a constant of the later scan alone
                _bring(source, node, later)
        else:
            there[node] = with_args(node, [there[a] for a in node.args])
    kept = [there[node] for node in chosen]
    source.kept += [k for k in kept if k not in source.kept]
    nodes = dict.fromkeys((*source.body.nodes, *source.body.inputs, *needed(kept)))
    source.body = Body(source.body.inputs, sorted(nodes, key=lambda r: r.serial), source.body.outputs)
    _replace(later, {node: leaf_for(node) for node in chosen}, [(source, k) for k in kept])
    return True


def _same_values(source: Loop, later: Loop, place: dict[Record, int]) -> dict[Record, Record]:
    """The inputs of the later body that are values of the source's body in the same step, or known before both."""
    found: dict[Record, Record] = {}
    body, fixed = source.body, dict(zip(map(unmarked, source.consts), source.body.inputs, strict=False))
    entries = {
        x if isinstance(x, tuple) else unmarked(x): leaf for x, leaf in zip(source.xs, source.steps, strict=True)
    }
    first, carries = len(source.consts), len(source.carries)
    for x, leaf in zip(later.xs, later.steps, strict=True):
        if isinstance(x, tuple):
            if x[0] is source:
                found[leaf] = x[1]
        elif (value := unmarked(x)) in entries:
            found[leaf] = entries[value]
        elif value.args and value.args[0] is source.record:
            number = value.attrs["index"] - len(body.outputs)
            if number >= 0:
                found[leaf] = body.inputs[first + number]
            elif value.attrs["index"] >= carries:
                found[leaf] = body.outputs[value.attrs["index"]]
    for c, leaf in zip(later.consts, later.body.inputs, strict=False):
        if unmarked(c) in fixed:
            found[leaf] = fixed[unmarked(c)]
        elif place[c] < place[source.record]:
            found[leaf] = leaf
    return found


def _chosen(body: Body, known: Iterable[Record], there: dict[Record, Record]) -> list[Record]:
    """What to keep: the smallest values from which cheap ops give what the unknown part of the body uses."""
    sources: dict[Record, frozenset[Record]] = {}  # from which dear values cheap ops give each
    for node in known:
        lower = node.op.lower
        if node in there or not node.args:
            sources[node] = frozenset()
            continue
        found = frozenset().union(*(sources[a] for a in node.args))
        dear = not (isinstance(lower, View) or (isinstance(lower, Scalar) and not lower.expensive))
        larger = _bytes(node) < sum(map(_bytes, found))
        sources[node] = frozenset([node]) if dear or larger else found
    used = {a for n in body.nodes if n not in sources for a in n.args if a in sources}
    used |= {r for r in body.outputs if r in sources}
    return sorted({r for u in used for r in sources[u]}, key=lambda r: r.serial)


def _bytes(node: Record) -> int:
    if node.op.many:
        return 1 << 62  # its results are kept one by one, never all at once
    return evaluate(product(node.shape), _Guess()) * node.dtype.itemsize


class _Guess(dict[str, int]):
    """A number for every name."""

    def __missing__(self, name: str) -> int:
        return GUESS


def _bring(source: Loop, leaf: Record, later: Loop) -> None:
    """Hand a constant of the later scan to the source as well."""
    if leaf not in source.body.inputs:
        number = len(source.consts)
        inputs = source.body.inputs
        source.consts.append(later.consts[later.body.inputs.index(leaf)])
        source.body = Body((*inputs[:number], leaf, *inputs[number:]), source.body.nodes, source.body.outputs)


def _replace(loop: Loop, new: dict[Record, Record], rows: list[tuple[Loop, Record]]) -> None:
    """Read the keys of ``new`` from ``rows``, and drop the inputs that nobody needs then."""
    leaves = list(new.values())
    outputs = replaced(loop.body, new)
    used = set(needed(outputs))
    first, carries = len(loop.consts), len(loop.carries)
    inputs = [r for i, r in enumerate(loop.body.inputs) if r in used or first <= i < first + carries]
    loop.changed(Body(inputs, (), outputs))
    loop.xs += rows
    loop.body = Body((*inputs, *leaves), sorted({*used, *inputs, *leaves}, key=lambda r: r.serial), outputs)


def _rebuilt(graph: Graph, loops: dict[Record, Loop]) -> Graph:
    new: dict[Record, Record] = {}
    nodes: list[Record] = []
    for record in graph.nodes:
        loop = loops.get(record)
        if loop is not None:
            made = _scan_of(loop, new)
        elif record.args and record.args[0] in loops:
            made = _result(new[record.args[0]], loops[record.args[0]], record)
        elif any(new[a] is not a for a in record.args):
            made = with_args(record, [new[a] for a in record.args])
        else:
            made = record
        new[record] = made
    nodes = needed([*new.values()])
    return carried(graph, nodes, new)


def _result(made: Record, loop: Loop, old: Record) -> Record:
    index = old.attrs["index"]
    more = len(made.attrs["body"].outputs) - len(loop.record.attrs["body"].outputs)
    return result_of(made, index + more if index >= len(loop.record.attrs["body"].outputs) else index)


def _scan_of(loop: Loop, new: dict[Record, Record]) -> Record:
    """The record of a loop that has taken its final form, its operands being made."""
    xs: list[Record] = []
    for x in loop.xs:
        if isinstance(x, tuple):
            source, value = x
            xs.append(result_of(new[source.record], len(source.body.outputs) + source.kept.index(value)))
        else:
            xs.append(new[x])
    args = [*(new[c] for c in loop.consts), *(new[c] for c in loop.carries), *xs]
    body = Body(loop.body.inputs, loop.body.nodes, (*loop.body.outputs, *loop.kept))
    return scan_of(loop.record, body, args, len(loop.consts))
