"""A phase: what is the same in every step of a scan is computed once, before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.control.body import Body
from engine.lowering import Assemble, Fold, Product, Scalar, View
from engine.record import Record, needed
from graph.graph import Graph
from graph.rewrite import carried
from graph.scans import is_scan, leaf_for, replaced, scan_of, unmarked, with_args
from graph.trace import Trace


def hoist_invariants(graph: Graph) -> Graph:
    """The same program, in which no scan computes what does not change with the step.

    Ops that may raise for some data stay: a scan of no steps raises nothing.
    """
    if not any(is_scan(r) for r in graph.nodes):
        return graph
    new: dict[Record, Record] = {}
    known: dict[Any, Record] = {}  # what was taken out: equal values of two scans are one, as the other phases expect
    for record in graph.nodes:
        args = [new[a] for a in record.args]
        made = _hoisted(record, args, known) if is_scan(record) else None
        if made is None:
            made = with_args(record, args) if args != list(record.args) else record
        new[record] = made
    return carried(graph, needed(new.values()), new) if any(new[r] is not r for r in new) else graph


def _hoisted(record: Record, args: Sequence[Record], known: dict[Any, Record]) -> Record | None:
    """The scan with its invariants as further constants, or None where it has none worth a place in memory."""
    body, consts = record.attrs["body"], record.attrs["consts"]
    outside = dict(zip(body.inputs[:consts], args, strict=False))
    chosen = _chosen(body, outside)
    if not chosen:
        return None
    for node in needed(chosen):
        if node not in outside:
            made = with_args(node, [unmarked(outside[a]) for a in node.args])
            outside[node] = known.setdefault(Trace.key(made.op, made.args, made.attrs), made)
    leaves = {node: leaf_for(node) for node in chosen}
    outputs = replaced(body, dict(leaves))
    used = set(needed(outputs))
    stay = [i for i in range(consts) if body.inputs[i] in used]
    inputs = [*(body.inputs[i] for i in stay), *leaves.values(), *body.inputs[consts:]]
    nodes = sorted({*used, *inputs}, key=lambda r: r.serial)
    operands = [*(args[i] for i in stay), *(outside[node] for node in chosen), *args[consts:]]
    return scan_of(record, Body(inputs, nodes, outputs), operands, len(stay) + len(chosen))


def _chosen(body: Body, outside: dict[Record, Record]) -> list[Record]:
    """The invariant values that steps use, those that are only another look at one left aside."""
    leaves, fixed = set(body.inputs), dict.fromkeys(outside)
    for node in body.nodes:
        if node not in leaves and all(a in fixed for a in node.args) and (_safe(node) or not node.args):
            fixed[node] = None
    found: dict[Record, None] = {}
    stack = [(a, n) for n in body.nodes if n not in fixed for a in n.args if a in fixed]
    stack += [(r, None) for r in body.outputs if r in fixed]
    while stack:
        node, user = stack.pop()
        if node in outside or not node.args:
            continue
        if (isinstance(node.op.lower, View) or unmarked(node) is not node) and not _turned(node, user):
            stack += [(a, None) for a in node.args]
        else:
            found[node] = None
    return sorted(found, key=lambda r: r.serial)


def _safe(node: Record) -> bool:
    lower = node.op.lower
    return isinstance(lower, View | Fold | Product | Assemble) or (isinstance(lower, Scalar) and lower.traps is None)


def _turned(node: Record, user: Record | None) -> bool:
    """Whether a matrix is the transposed right side of a product: turned round once, it need not be at every step."""
    return (
        user is not None
        and user.op.name == "matmul"
        and node is user.args[1]
        and node.op.name == "permute_dims"
        and len(node.shape) == 2
    )
