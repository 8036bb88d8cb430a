"""A rewriting that is watched: what each record of the graph became, and which records each rule fired on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.record import Record
from graph.graph import Graph
from graph.phases import PHASES, Phase, Whole
from graph.rewrite import Rewriting
from graph.rulebook import Rule, Rulebook


@dataclass
class Fired:
    """A rule that fired while a record was being rewritten: on which records, its root first."""

    rule: Rule
    matched: tuple[Record, ...]
    visited: Record


class Followed(Rewriting):
    """One pass, watched. ``became``: what stands for each record of the graph before. ``came``: of each record that was
    made for one of these, which; ``built``: of each that a rule made, the rule and what it had matched."""

    def __init__(self, book: Rulebook, fidelity: str, uses: Counter[Record]) -> None:
        super().__init__(book, fidelity, uses)
        self.became: dict[Record, Record] = {}
        self.came: dict[Record, Record] = {}
        self.built: dict[Record, Fired] = {}
        self.fires: list[Fired] = []
        self._rule: Rule | None = None
        self._visited: Record | None = None

    def visit(self, old: Record, new: dict[Record, Record]) -> None:
        self._visited = old
        super().visit(old, new)
        self.became[old] = new[old]

    def rewritten(self, record: Record) -> Record:
        assert self._visited is not None
        if self._rule is None:
            self.came.setdefault(record, self._visited)
        else:
            self.built.setdefault(record, Fired(self._rule, tuple(self.seen), self._visited))
        return super().rewritten(record)

    def fired(self, rule: Rule, record: Record) -> Record | None:
        outer, self._rule = self._rule, rule
        try:
            return super().fired(rule, record)
        finally:
            self._rule = outer

    def checked(self, rule: Rule, left: Record, right: Any) -> Record:
        assert self._visited is not None
        self.fires.append(Fired(rule, tuple(self.seen), self._visited))
        return super().checked(rule, left, right)


class Passage:
    """What a phase did to a graph, from the graph before to the one after, whatever the number of passes."""

    def __init__(self, phase: Phase | Whole, graph: Graph, fidelity: str) -> None:
        self.phase, self.before = phase, graph
        self.passes: list[Followed] = []
        self.after, self.firings = phase.run(graph, fidelity, self._pass)
        self._old = set(graph.nodes)
        self._ended: dict[Record, Record] = {}

    def _pass(self, book: Rulebook, fidelity: str, uses: Counter[Record]) -> Followed:
        made = Followed(book, fidelity, uses)
        self.passes.append(made)
        return made

    def became(self, record: Record) -> Record:
        """What stands for a record of the graph before in the one after, whether or not anybody still needs it."""
        found = self._ended.get(record)
        if found is None:
            found = record
            for one in self.passes:
                found = one.became.get(found, found)
            self._ended[record] = found
        return found

    def kept(self, record: Record) -> Record | None:
        """The record of the graph before that one of the graph after is, on other operands perhaps; None where a rule made it."""
        for one in reversed(self.passes):
            if record in one.built:
                return None
            record = one.came.get(record, record)
        return record if record in self._old else None

    def sources(self, *records: Record, number: int | None = None) -> list[Record]:
        """The records of the graph before that some were made from: of what a rule made, all that the rule had matched.

        ``number``: the pass whose records these are; the last.
        """
        found: dict[Record, None] = {}
        stack = [(r, len(self.passes) - 1 if number is None else number) for r in reversed(records)]
        seen = set(stack)
        while stack:
            record, number = stack.pop()
            if number < 0:
                if record in self._old:
                    found[record] = None
                continue
            one = self.passes[number]
            if (made := one.built.get(record)) is not None:
                behind = [(made.visited, number - 1), *((r, number) for r in made.matched)]
            else:
                behind = [(one.came.get(record, record), number - 1)]
            for pair in reversed(behind):
                if pair not in seen:
                    seen.add(pair)
                    stack.append(pair)
        return list(found)

    def rule_of(self, record: Record) -> str:
        """The rule that made a record, "" where none did."""
        for one in reversed(self.passes):
            if record in one.built:
                return one.built[record].rule.name
            record = one.came.get(record, record)
        return ""

    def fires(self) -> Iterable[tuple[Fired, list[Record], Record]]:
        """Each rule that fired, the records of the graph before that it fired on, and what these led to in the one after."""
        for number, one in enumerate(self.passes):
            for fired in one.fires:
                left = dict.fromkeys(self.sources(fired.visited, number=number - 1))
                left |= dict.fromkeys(self.sources(*fired.matched, number=number))
                end = one.became[fired.visited]
                for later in self.passes[number + 1 :]:
                    end = later.became.get(end, end)
                yield fired, list(left), end


def followed(graph: Graph, fidelity: str) -> Iterator[Passage]:
    """The phases that change a graph, one after the other."""
    for phase in PHASES:
        passage = Passage(phase, graph, fidelity)
        if passage.firings or passage.after.nodes != graph.nodes:
            yield passage
        graph = passage.after
