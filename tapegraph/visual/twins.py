"""Which ops of an eager call and of a traced graph do the same: told by op, expression, module, and the twins of operands."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from engine.origin import Origin
from engine.record import Record
from tapegraph.debug.naming import whole_of
from tapegraph.visual.modules import Path
from tapegraph.visual.scene import Node
from tapegraph.visual.static import Static
from tapegraph.visual.tape import Tape


def twins(tape: Tape, static: Static) -> dict[str, str]:
    """For nodes of a graph as traced the node of the eager op that does the same.

    Of an op that a graph holds as others, each part has the twin that the whole would have. Equal applications are one
    node in a graph: its twin is the first of them.
    """
    leaves = {n.label: n.id for n in tape.nodes.values() if n.kind in ("input", "state")}
    leaves_there = {r: static.name_of(r) for r in static.traced.leaves}
    found = {static.ids[r]: leaves[name] for r, name in leaves_there.items() if name in leaves}
    waiting: dict[Hashable, list[Node]] = {}
    for number, one in tape.applied.items():
        node = tape.nodes[number]
        waiting.setdefault(_key(one.name, one.where, node.module), []).append(node)
    groups = _groups(static)
    count: dict[Hashable, int] = {}
    for key, _ in groups:
        count[key] = count.get(key, 0) + 1
    as_many = {key: len(nodes) == count.get(key) for key, nodes in waiting.items()}
    for key, records in groups:
        there = waiting.get(key, [])
        node = _chosen(there, _operands(records, static, found), as_many.get(key, False))
        if node is not None:
            there.remove(node)
            found |= {static.ids[r]: node.id for r in records}
    return found


def _groups(static: Static) -> list[tuple[Hashable, list[Record]]]:
    """The records that one application of an op stands for, with what tells it from others."""
    found: dict[tuple[Hashable, int], list[Record]] = {}
    for record in static.traced.nodes:
        if record.args or record.op.name != "leaf":
            whole = getattr(record, "whole", None)
            key = _key(whole_of(record).name, record.origin, static.told[record].module)
            found.setdefault((key, id(record) if whole is None else id(whole)), []).append(record)
    return [(key, records) for (key, _), records in found.items()]


def _operands(records: Sequence[Record], static: Static, found: dict[str, str]) -> set[str]:
    """The twins of what a group of records reads from outside itself."""
    _, given = getattr(records[0], "whole", (None, ())) or (None, ())
    outside = given or [a for r in records for a in r.args if a not in records]
    return {found[static.ids[a]] for a in outside if a in static.ids and static.ids[a] in found}


def _chosen(nodes: Sequence[Node], operands: set[str], as_many: bool) -> Node | None:
    """The first of the nodes that has such operands; the first of all where there are as many as groups."""
    fitting = next((n for n in nodes if operands and operands <= set(n.inputs)), None)
    return fitting or (nodes[0] if nodes and as_many else None)


def _key(op: str, where: Origin, module: Path) -> Hashable:
    frames = tuple(f for f in where if type(f) is not str)
    return op, frames, tuple(f for f in where if type(f) is str), module
