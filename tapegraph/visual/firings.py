"""What fired in a phase, told by the ids of nodes in the graph before and in the one after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.record import Record
from tapegraph.visual.following import Passage
from tapegraph.visual.scene import Firing
from tapegraph.visual.writing import Places

EQUAL = "two equal expressions are one node"


def firings(passage: Passage, ids: Mapping[Record, str], places: Places) -> Iterator[Firing]:
    """The rules that fired, in order, and the expressions that met others."""
    alive = set(passage.after.nodes)
    built: dict[Any, list[Record]] = {}
    heirs: dict[Record, list[Record]] = {}
    for record in passage.after.nodes:
        for source in passage.sources(record):
            heirs.setdefault(source, []).append(record)
    for one in passage.passes:
        for record, fired in one.built.items():
            if record in alive:
                built.setdefault((fired.visited, fired.rule.name), []).append(record)
    for fired, left, end in passage.fires():
        made = [*([end] if end in alive else []), *built.get((fired.visited, fired.rule.name), ())]
        made = made or [heir for r in left for heir in heirs.get(r, ())]  # other rules went on from there
        yield Firing(
            fired.rule.name,
            fired.rule.law,
            tuple(ids[r] for r in left),
            tuple(dict.fromkeys(ids[r] for r in made)),
            places.number((left[0] if left else fired.visited).origin),
        )
    yield from _met(passage, ids, places)


def _met(passage: Passage, ids: Mapping[Record, str], places: Places) -> Iterator[Firing]:
    """What has become equal to something else without a rule of its own: the two are one node now."""
    fired = {f.visited for one in passage.passes[:1] for f in one.fires}
    alive = set(passage.after.nodes)
    before = {ids[r] for r in passage.before.nodes}
    for record in passage.before.nodes:
        end = passage.became(record)
        own, now = ids[record], ids.get(end, "")
        if record not in fired and end in alive and own != now and record.op is end.op:
            left = (own, now) if now in before else (own,)
            yield Firing("equal", EQUAL, left, (now,), places.number(record.origin))
