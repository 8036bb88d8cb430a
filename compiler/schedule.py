"""In which order the groups of a plan run, who reads each value, and who reads it last."""

from __future__ import annotations

import heapq

from compiler.buffers import base_of
from compiler.fuse import Unit
from engine.lowering import View
from engine.record import Record
from graph.graph import Graph


def users_of(units: list[Unit]) -> dict[Record, set[Unit]]:
    """For each record the units outside its own that name it."""
    users: dict[Record, set[Unit]] = {}
    for unit in units:
        for record in unit.members:
            for a in record.args:
                if a not in unit.members:
                    users.setdefault(a, set()).add(unit)
    return users


def readers_of(record: Record, users: dict[Record, set[Unit]]) -> set[Unit]:
    """The units that read a value, directly or through views of it."""
    found: set[Unit] = set()
    for unit in users.get(record, ()):
        if unit.fused:
            found.add(unit)
        for member in unit.members:
            if not unit.fused and record in member.args:
                found |= readers_of(member, users) if isinstance(member.op.lower, View) else {unit}
    return found


def in_order(units: list[Unit], unit_of: dict[Record, Unit]) -> list[Unit]:
    """The units with each behind those it needs, otherwise as they stand in the program."""
    after: dict[Unit, set[Unit]] = {u: set() for u in units}
    waiting = dict.fromkeys(units, 0)
    for unit in units:
        before = {unit_of[a] for r in unit.members for a in r.args if a in unit_of} - {unit}
        waiting[unit] = len(before)
        for b in before:
            after[b].add(unit)
    ready = [(u.last, i, u) for i, u in enumerate(units) if not waiting[u]]
    heapq.heapify(ready)
    order: list[Unit] = []
    count = len(units)
    while ready:
        _, _, unit = heapq.heappop(ready)
        order.append(unit)
        for follower in after[unit]:
            waiting[follower] -= 1
            if not waiting[follower]:
                count += 1
                heapq.heappush(ready, (follower.last, count, follower))
    assert len(order) == len(units), "units depend on each other in a circle"
    return order


class Schedule:
    """``position``: of each unit in the order. ``last_read``: of the unit that is the last to read each value in memory."""

    def __init__(self, graph: Graph, order: list[Unit]) -> None:
        self.position = {unit: i for i, unit in enumerate(order)}
        self.last_read = {base_of(r): len(order) for r in graph.results}
        for unit in order:
            for record in unit.members:
                if unit.fused or not isinstance(record.op.lower, View):  # a view by itself reads nothing
                    for a in record.args:
                        base = base_of(a)
                        self.last_read[base] = max(self.last_read.get(base, -1), self.position[unit])

    def ends(self, base: Record, unit: Unit) -> bool:
        """Whether nobody reads a value after this unit."""
        return self.last_read[base] <= self.position[unit]
