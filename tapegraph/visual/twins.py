"""Which ops of an eager call and of a traced graph do the same: told by op, expression, and order among equals."""

from __future__ import annotations

from collections.abc import Hashable

from engine import origin
from engine.record import Record
from tapegraph.debug.naming import whole_of
from tapegraph.visual.static import Static
from tapegraph.visual.tape import Tape


def twins(tape: Tape, static: Static) -> dict[str, str]:
    """For nodes of a graph as traced the node of the eager op that does the same.

    Of an op that a graph holds as others, each part has the twin that the whole would have. Equal applications are one
    node in a graph: its twin is the first of them.
    """
    applied: dict[Hashable, list[str]] = {}
    for number, one in tape.applied.items():
        applied.setdefault(_key(one.name, one.where), []).append(number)
    groups: dict[Hashable, dict[int, list[Record]]] = {}
    for record in static.traced.nodes:
        if record.args or record.op.name != "leaf":
            whole = getattr(record, "whole", None)
            same = id(record) if whole is None else id(whole)
            key = _key(whole_of(record).name, record.origin)
            groups.setdefault(key, {}).setdefault(same, []).append(record)
    found: dict[str, str] = {}
    for key, parts in groups.items():
        there = applied.get(key, [])
        if len(there) == len(parts) or len(parts) == 1:
            for records, number in zip(parts.values(), there, strict=False):
                found |= {static.ids[r]: number for r in records}
    leaves = {n.label: n.id for n in tape.nodes.values() if n.kind in ("input", "state")}
    for record in static.traced.leaves:
        if (name := static.name_of(record)) in leaves:
            found[static.ids[record]] = leaves[name]
    return found


def _key(op: str, where: origin.Origin) -> Hashable:
    frames = tuple(f for f in where if type(f) is not str)
    return op, frames, tuple(f for f in where if type(f) is str)
