"""Fusion's questions about who needs whom are answered rightly, and in a time that does not grow with the graph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from compiler import dependence
from compiler.dependence import Dependence
from compiler.fuse import Unit, fuse
from compiler.plan import make_plan
from engine.record import Record
from graph.graph import Graph
from graph.phases import optimize
from graph.verify import verify
from tapegraph import nn, optim
from tapegraph.tracing import trace_call


def needs(relation: Dependence, unit: Unit, on: set[Unit]) -> bool:
    """The same by walking all that a unit needs."""
    seen, stack = {unit}, [unit]
    while stack:
        unit = stack.pop()
        if unit in on:
            return True
        stack += relation.before[unit] - seen
        seen |= relation.before[unit]
    return False


@pytest.mark.parametrize("patience", [dependence.PATIENCE, 3])
@pytest.mark.parametrize("seed", range(12))
def test_answers_are_those_of_a_full_search(seed: int, patience: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random records that join random units, and random unions, as long as no circle comes of it."""
    monkeypatch.setattr(dependence, "PATIENCE", patience)
    rng = np.random.default_rng(seed)
    nodes: list[Record] = []
    for i in range(150):
        near = rng.integers(max(0, i - 12), max(i, 1), 2) if rng.random() < 0.8 else rng.integers(0, max(i, 1), 2)
        args = tuple(nodes[a] for a in dict.fromkeys(near.tolist())) if i > 3 else ()
        nodes.append(Record(tg.add if args else tg.zeros, args, {}, (), np.dtype("float32"), ()))
    unit_of: dict[Record, Unit] = {}
    relation = Dependence(nodes, unit_of)
    refused = 0
    for record in nodes:
        own = [unit_of[a] for a in record.args]
        unit = Unit()
        if own and rng.random() < 0.6:
            wanted = own[rng.integers(len(own))]
            others = [u for u in own if u is not wanted]
            answer = relation.any_needs(others, {wanted})
            truth = any(needs(relation, u, {wanted}) for u in others)
            assert answer == truth or (answer and patience == 3)
            refused += truth
            unit = unit if answer else wanted
        unit_of[record] = unit
        relation.placed(record, unit)
        other = list(relation.level)[rng.integers(len(relation.level))]
        if other is not unit and rng.random() < 0.5:
            both = {unit, other}
            if not relation.any_needs((relation.before[unit] | relation.before[other]) - both, both):
                unit_of.update({r: unit for r, u in unit_of.items() if u is other})
                relation.merged(unit, other)
        assert relation.level.keys() == set(unit_of.values())
        assert all(relation.level[b] < relation.level[u] for u, found in relation.before.items() for b in found)
        assert all(u in relation.after[b] for u, found in relation.before.items() for b in found)
    assert refused


def lines_run(work: Callable[[], Any]) -> tuple[Any, int]:
    """What a function returns, and how many lines of Python it took."""
    count = 0

    def follow(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        found = work()
    finally:
        sys.settrace(before)
    return found, count


def deep(n: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A training step of n layers with AdamW: long ways back from a gradient to the value it belongs to."""
    model = nn.Sequential(*[m for _ in range(n) for m in (nn.Linear(4, 4), nn.GELU(), nn.LayerNorm(4))])
    optimizer = optim.AdamW(model.parameters())

    def step(x: Any) -> Any:
        loss = tg.sum(tg.square(model(x)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, (np.ones((4, 4), "float32"),)


def wide(n: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Branches side by side, some of which fold, joined at the end."""

    def joined(x: Any) -> Any:
        total = x
        for i in range(4 * n):
            branch = tg.sin(x * (i + 0.5))
            total = total + (branch if i % 3 else branch * tg.sum(branch))
        return total

    return joined, (np.ones(8, "float32"),)


@pytest.mark.parametrize("program", [deep, wide])
def test_compiling_takes_a_time_linear_in_the_graph(program: Callable[[int], Any]) -> None:
    """Each part, in lines run, on graphs of which one is four times the other."""
    counts: list[dict[str, float]] = []
    for n in (5, 20):
        body, args = program(n)
        found, lines = lines_run(lambda body=body, args=args: trace_call(body, args, {}, lambda _: False))
        graph: Graph = found.graph
        nodes = len(graph.nodes)
        per_node = {"trace": lines / nodes}
        (graph, _), lines = lines_run(lambda graph=graph: optimize(graph))
        per_node["optimise"] = lines / nodes
        for part in (verify, fuse, make_plan):
            per_node[part.__name__] = lines_run(lambda part=part, graph=graph: part(graph))[1] / nodes
        counts.append(per_node)
    small, large = counts
    growth = {part: large[part] / small[part] for part in small}
    assert all(g < 1.25 for g in growth.values()), growth
