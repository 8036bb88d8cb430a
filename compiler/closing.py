"""Which values lead to nothing but results, through ops that one loop nest can hold: what writes states last comes of them."""

from __future__ import annotations

from engine.lowering import Fold, Scalar, View
from engine.record import Record
from graph.graph import Graph


def closing(graph: Graph) -> tuple[set[Record], set[Record]]:
    """The records of which no op outside a loop nest makes use, directly or not; and those that states become of, element
    by element.

    A group of the former has no reader but the caller, so that it may run last and write states where they lie. One
    member that something else waits for would forbid that, and each new value would be computed apart and copied.
    """
    waited: set[Record] = set()
    leading: set[Record] = set(graph.updates.values())
    for record in reversed(graph.nodes):
        if record in waited or not isinstance(record.op.lower, Scalar | Fold | View):
            waited.update(record.args)
        if record in leading and not isinstance(record.op.lower, Fold):
            leading.update(record.args)
    free = {r for r in graph.nodes if r not in waited}
    return free, {r for r in leading if r in free and not isinstance(r.op.lower, Fold)}
