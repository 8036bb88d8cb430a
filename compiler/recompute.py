"""A memory budget: values that lie idle while memory is fullest are dropped and computed again where they are next read.

Chen et al., "Training deep nets with sublinear memory cost" (2016), chosen value by value from the plan instead of segment
by segment. ``tg.checkpoint`` is the same by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.buffers import base_of
from compiler.fuse import INLINE, Unit
from compiler.memory import bytes_of, lifetimes, peak
from compiler.plan import Planner
from engine.custom import barrier
from engine.lowering import Fold, Product, Scalar, View
from engine.record import Record
from engine.sizes import evaluate
from graph.graph import Graph

ROUNDS = 40
PATIENCE = 4  # rounds without a lower peak
SHARE = 4  # a round frees at most this part of what is alive: each copy changes what is worth copying
DEPTH = 12  # operations that one value may take to compute again
EXPENSIVE = 20  # what an exponential costs, in plain operations


@dataclass
class Fit:
    """What was done for a budget: bytes alive at once before and after, and the operations that run twice."""

    budget: int
    before: int
    after: int
    again: list[Record]


def fit(graph: Graph, prepare: Callable[[Graph], Graph], budget: int, sizes: Mapping[str, int]) -> tuple[Graph, Fit]:
    """An equal graph whose temporaries take at most ``budget`` bytes at these sizes, or as few as could be reached."""
    best, least, first, idle = graph, 0, 0, 0
    again: list[Record] = []
    kept: list[Record] = []
    for turn in range(ROUNDS):
        planner = Planner(graph, prepare)
        plan = planner.run()
        most, at = peak(lifetimes(plan.steps, plan.times), sizes)
        first = first or most
        idle += 1
        if most < least or turn == 0:
            best, least, kept, idle = graph, most, list(again), 0
        unit = planner.unit_of.get(plan.steps[at].records[0]) if most > budget else None
        if unit is None or idle > PATIENCE:
            break
        full = planner.schedule.position[unit]
        chosen = _choice(planner, full, min(most - budget, most // SHARE), sizes)
        if not chosen:
            break
        again += chosen
        graph = _Copier(planner, full, set(chosen)).run()
    return best, Fit(budget, first, least, kept)


def _choice(planner: Planner, full: int, excess: int, sizes: Mapping[str, int]) -> list[Record]:
    """Values that lie idle at the fullest moment, the most bytes for the fewest operations first."""
    reads: dict[Record, list[int]] = {}
    for unit, position in planner.schedule.position.items():
        for record in unit.members:
            if unit.fused or not isinstance(record.op.lower, View):
                for a in record.args:
                    reads.setdefault(base_of(a), []).append(position)
    offers = []
    for record, positions in reads.items():
        place = planner.places.get(record)
        unit = planner.unit_of.get(record)
        if place is None or place.buffer.kind != "temp" or unit is None or planner.schedule.position[unit] >= full:
            continue
        later = [p for p in positions if p > full]
        if not later or full in positions or planner.schedule.last_read[record] > max(later):
            continue
        cost = _Cost(planner, min(later), sizes)
        if cost.of(record, 0):
            offers.append((cost.operations / bytes_of(place.buffer, sizes), record, bytes_of(place.buffer, sizes)))
    chosen, freed = [], 0
    for _, record, size in sorted(offers, key=lambda offer: offer[0]):
        if freed >= excess:
            break
        chosen.append(record)
        freed += size
    return chosen


class _Cost:
    """What computing a value again costs at a time when only what is alive anyway can be read."""

    def __init__(self, planner: Planner, when: int, sizes: Mapping[str, int]) -> None:
        self.planner, self.when, self.sizes = planner, when, sizes
        self.operations = 0

    def of(self, record: Record, depth: int) -> bool:
        """Add the cost of a value; False where it cannot be had again."""
        if depth > DEPTH or record.op.many or not isinstance(record.op.lower, Scalar | Fold | View | Product):
            return False
        self.operations += self._own(record)
        return all(self._at_hand(a) or self.of(a, depth + 1) for a in record.args)

    def _own(self, record: Record) -> int:
        lower = record.op.lower
        if isinstance(lower, View):
            return 0
        if isinstance(lower, Product):
            return evaluate(record.spec.size * record.args[0].shape[-1], self.sizes) // 8  # a vector at a time
        size = record.args[0].spec.size if isinstance(lower, Fold) else record.spec.size
        costly = isinstance(lower, Scalar) and lower.expensive
        return evaluate(size, self.sizes) * (EXPENSIVE if costly else 1)

    def _at_hand(self, record: Record) -> bool:
        return _stays(self.planner, record, self.when)


def _stays(planner: Planner, record: Record, when: int) -> bool:
    """Whether a value can still be read when the unit at ``when`` runs: it is a leaf, or alive for others."""
    base = base_of(record)
    if not base.args:
        return base.op.name in INLINE or base.op.name == "leaf"
    return base in planner.places and planner.schedule.last_read.get(base, -1) >= when and base in planner.unit_of


class _Copier:
    """Writes a graph anew in which readers behind the fullest moment read copies of the chosen values."""

    def __init__(self, planner: Planner, full: int, chosen: set[Record]) -> None:
        self.planner, self.full, self.chosen = planner, full, chosen
        self.new: dict[Record, Record] = {leaf: leaf for leaf in planner.graph.leaves}
        self.copies: dict[Record, Record] = {}
        self.when = {c: self._first_late(c) for c in chosen}

    def run(self) -> Graph:
        graph = self.planner.graph
        for record in graph.nodes:
            if record not in self.new:
                late = self._late(record)
                args = [self._late_value(a) if late else self.new[a] for a in record.args]
                self.new[record] = _like(record, args)
        new = self.new
        return Graph(
            [new[r] for r in graph.nodes],
            list(graph.inputs),
            [new[r] for r in graph.outputs],
            dict(graph.states),
            dict(graph.grads),
            dict(graph.captured),
            {s: new[r] for s, r in graph.updates.items()},
            {s: None if r is None else new[r] for s, r in graph.grad_updates.items()},
        ).pruned()

    def _late(self, record: Record) -> bool:
        unit = self.planner.unit_of.get(record)
        reads = unit is not None and (unit.fused or not isinstance(record.op.lower, View))
        return reads and unit is not None and self.planner.schedule.position[unit] > self.full

    def _first_late(self, record: Record) -> int:
        users = [
            p for u, p in self.planner.schedule.position.items() if p > self.full and _reads(self.planner, u, record)
        ]
        return min(users)

    def _late_value(self, record: Record) -> Record:
        """The copy of a chosen value, or of a view of one; anything else as it is."""
        base = base_of(record)
        if base not in self.chosen or (
            record is not base and self._late(record)
        ):  # a view in a late group is one itself
            return self.new[record]
        if record not in self.copies:
            made = self._again(record) if record is base else _like(record, [self._late_value(record.args[0])])
            self.copies[record] = made
        return self.copies[record]

    def _again(self, record: Record, when: int | None = None) -> Record:
        """A value computed anew from what is alive at the time when the chosen value is first read."""
        at = self.when[record] if when is None else when
        kept = [base_of(a) in self.chosen or _stays(self.planner, a, at) for a in record.args]
        args = [self._apart(a) if k else self._again(a, at) for a, k in zip(record.args, kept, strict=True)]
        return _like(record, args)

    def _apart(self, record: Record) -> Record:
        """An operand behind a barrier, so that the copy does not join the group that computed the operand."""
        late = self._late_value(record)
        if not record.args:
            return late
        return Record(barrier, (late,), {"tag": 0}, late.shape, late.dtype, late.origin, late.tracked)


def _reads(planner: Planner, unit: Unit, record: Record) -> bool:
    members = [m for m in unit.members if unit.fused or not isinstance(m.op.lower, View)]
    return any(base_of(a) is record for m in members for a in m.args)


def _like(record: Record, args: list[Record]) -> Record:
    return Record(record.op, tuple(args), record.attrs, record.shape, record.dtype, record.origin, record.tracked)
