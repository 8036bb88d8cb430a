"""Which units need which others, while fusion still moves records between them.

Groups grow while the graph is read in order, so the relation changes all the time. Every unit keeps a level above those
of all it needs, so that most questions are answered by comparing two numbers; the others by a search from both ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.record import Record

if TYPE_CHECKING:
    from compiler.fuse import Unit

PATIENCE = 2000  # edges followed before a question is answered with yes: a group more, never a wrong one


class Dependence:
    """The units of a graph as a graph. ``unit_of`` is kept up to date by the caller, ahead of ``placed`` and ``merged``."""

    def __init__(self, nodes: Sequence[Record], unit_of: Mapping[Record, Unit]) -> None:
        self.unit_of = unit_of
        self.enter, self.leave = spanned(nodes)
        self.before: dict[Unit, set[Unit]] = {}
        self.after: dict[Unit, set[Unit]] = {}
        self.level: dict[Unit, int] = {}
        self.widest: dict[Unit, Record] = {}  # the member that most records hang on
        self.latest: dict[Unit, Record] = {}

    def placed(self, record: Record, unit: Unit) -> None:
        """A record, whose operands have all been placed, has become a member of a unit."""
        if unit not in self.level:
            self.before[unit], self.after[unit] = set(), set()
            self.level[unit] = 0
            self.widest[unit] = record
        elif self._width(record) > self._width(self.widest[unit]):
            self.widest[unit] = record
        self.latest[unit] = record
        for a in record.args:
            needed = self.unit_of.get(a)
            if needed is not None and needed is not unit:
                self.before[unit].add(needed)
                self.after[needed].add(unit)
                self._raise(unit, self.level[needed] + 1)

    def merged(self, unit: Unit, other: Unit) -> None:
        """All members of another unit have become members of this one."""
        for mine, theirs in ((self.before, self.after), (self.after, self.before)):
            for neighbour in mine.pop(other):
                theirs[neighbour].discard(other)
                if neighbour is not unit:
                    theirs[neighbour].add(unit)
                    mine[unit].add(neighbour)
        self.widest[unit] = max(self.widest[unit], self.widest.pop(other), key=self._width)
        self.latest[unit] = max(self.latest[unit], self.latest.pop(other), key=lambda r: r.serial)
        self.level[unit] = max(self.level[unit], self.level.pop(other))
        for follower in self.after[unit]:
            self._raise(follower, self.level[unit] + 1)

    def _raise(self, unit: Unit, least: int) -> None:
        """Give a unit at least this level, and those that need it a higher one."""
        stack = [(unit, least)]
        while stack:
            unit, least = stack.pop()
            if self.level[unit] < least:
                self.level[unit] = least
                stack += [(follower, least + 1) for follower in self.after[unit]]

    def any_needs(self, units: Iterable[Unit], on: Collection[Unit]) -> bool:
        """Whether any of ``units`` is one of ``on`` or needs, directly or not, something of them to have run before it."""
        level = self.level
        low = min(level[u] for u in on)
        targets = {u for u in units if level[u] > low or u in on}
        if not targets:
            return False
        if not targets.isdisjoint(on) or self._certain(on, targets):
            return True
        high = max(level[u] for u in targets)
        ahead, behind = set(on), set(targets)
        forward, backward = list(on), list(targets)
        patience = PATIENCE
        while forward and backward:
            after, before = self.after[forward[-1]], self.before[backward[-1]]
            patience -= min(len(after), len(before))
            if patience < 0:
                return True
            if len(after) < len(before):
                forward.pop()
                found = {u for u in after if u not in ahead and (level[u] < high or u in targets)}
                if not found.isdisjoint(behind) or self._certain(found, targets):
                    return True
                ahead |= found
                forward += found
            else:
                backward.pop()
                found = {u for u in before if u not in behind and (level[u] > low or u in on)}
                if not found.isdisjoint(ahead) or self._certain(on, found):
                    return True
                behind |= found
                backward += found
        return False

    def _width(self, record: Record) -> int:
        return self.leave[record] - self.enter[record]

    def _certain(self, early: Collection[Unit], late: Collection[Unit]) -> bool:
        """Whether one of the late units holds a record that hangs, in the spanning forest, on one of an early unit."""
        points = [self.enter[self.latest[u]] for u in late]
        spans = [(self.enter[r], self.leave[r]) for r in (self.widest[u] for u in early)]
        return any(enter <= point < leave for enter, leave in spans for point in points)


def spanned(nodes: Sequence[Record]) -> tuple[dict[Record, int], dict[Record, int]]:
    """A forest in which each record hangs on the operand that takes the most steps to compute: numbers such that
    ``enter[a] <= enter[r] < leave[a]`` where r hangs on a, directly or not."""
    depth: dict[Record, int] = {}
    hanging: dict[Record | None, list[Record]] = {}
    for record in nodes:
        deepest = max(record.args, key=depth.__getitem__, default=None)
        depth[record] = 0 if deepest is None else depth[deepest] + 1
        hanging.setdefault(deepest, []).append(record)
    enter: dict[Record, int] = {}
    leave: dict[Record, int] = {}
    stack = [(r, False) for r in reversed(hanging.get(None, []))]
    while stack:
        record, done = stack.pop()
        if done:
            leave[record] = len(enter)
            continue
        enter[record] = len(enter)
        stack.append((record, True))
        stack += [(r, False) for r in reversed(hanging.get(record, []))]
    return enter, leave
