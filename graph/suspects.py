"""Which rewrite made a graph mean something else: phase by phase, then each firing by itself on the same operands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.record import Record
from graph.graph import Graph
from graph.mismatch import Difference, apart, size
from graph.phases import PHASES, Phase, Whole
from graph.rewrite import Firing
from graph.rulebook import Rule
from graph.wide import Wide

Array = np.ndarray[Any, Any]

# In float64 the two sides of an equation are equal but for 1e-16 of what is added up; no mistake is as small as this.
RESULTS, SIDES, CANCELLED = 1e-5, 1e-6, 1e-11


def wrong_rewrite(
    graph: Graph,
    leaves: Mapping[Record, Array],
    sizes: Mapping[str, int],
    fidelity: str = "rounding",
    phases: Sequence[Phase | Whole] = PHASES,
) -> Difference | None:
    """The first phase after which the graph gives other results on these leaves, and the firing that did it.

    None where every phase keeps what the graph means.
    """
    values = Wide(leaves, sizes)
    for phase in phases:
        after, firings = phase.run(graph, fidelity)
        book = phase.book.rules if isinstance(phase, Phase) else {}
        cured = any(_may_cure(book.get(f.rule)) for f in firings)
        found = unlike(graph, after, values, f"phase {phase.name}", cured)
        if found is not None:
            return wrong_firing(phase.name, book, firings, values) or found
        graph = after
    return None


def unlike(before: Graph, after: Graph, values: Wide, blamed: str, cured: bool) -> Difference | None:
    """A result that two graphs do not agree on. ``cured``: the second may be finite where the first is not."""
    for old, new in zip(before.results, after.results, strict=True):
        if old is new:
            continue
        wanted, found = values.value(old), values.value(new)
        if cured and wanted.dtype.kind == "f" and found.shape == wanted.shape:
            found = np.where(np.isfinite(wanted), found, wanted)
        if apart(found, wanted, RESULTS):
            return Difference("phase", blamed, new, _narrow(found, old), _narrow(wanted, old))
    return None


def _may_cure(rule: Rule | None) -> bool:
    return rule is not None and (bool(rule.cures) or rule.fidelity == "finite")


def wrong_firing(phase: str, rules: Mapping[str, Rule], firings: Iterable[Firing], values: Wide) -> Difference | None:
    """The first firing whose two sides are not equal, computed from the same operands."""
    for firing in firings:
        if not isinstance(firing.left.dtype, np.dtype):
            continue
        left, right = values.value(firing.left), values.value(firing.right)
        if left.shape != right.shape and right.size <= left.size:
            right = np.broadcast_to(right, left.shape)  # as the engine does behind a rule
        rule = rules.get(firing.rule)
        operands = [values.value(a) for a in firing.left.args]
        if not _equal(right, left, operands, _may_cure(rule)):
            law = rule.law if rule is not None else ""
            blamed = f"rule {firing.rule} (phase {phase}), which made {firing.right.op.name} of {firing.left.op.name}"
            shown = [_narrow(v, a) for v, a in zip(operands, firing.left.args, strict=True)]
            return Difference(
                "rule", blamed, firing.left, _narrow(right, firing.left), _narrow(left, firing.left), shown, law
            )
    return None


def _equal(found: Array, wanted: Array, operands: Sequence[Any], cures: bool) -> bool:
    if found.shape != wanted.shape:
        return False
    if cures and wanted.dtype.kind == "f":
        fine = np.isfinite(wanted)
        found, wanted = found[fine], wanted[fine]
    if wanted.dtype.kind != "f":
        return bool(np.array_equal(found, wanted))
    # What is added up may be larger than the sum: as much of it as float64 rounds away excuses a difference.
    held = max([size(o) for o in operands if isinstance(o, np.ndarray)], default=0.0)
    with np.errstate(all="ignore"):
        return not apart(found, wanted, SIDES, max(size(wanted) * SIDES, held * CANCELLED / SIDES))


def _narrow(value: Any, record: Record) -> Any:
    """A value in the dtype that the program has for it."""
    return value if record.op.many else value.astype(record.dtype)
