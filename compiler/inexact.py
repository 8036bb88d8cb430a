"""What in a program may change a bit of eager mode's results: rules that fired, ops in native code, ops written in others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from compiler.bounds import EXACT, Bound, bound
from compiler.control import Turn
from compiler.plan import Plan
from compiler.runtime import Program
from compiler.step import Callback
from engine.lowering import Control
from engine.origin import resolve, user_frames
from engine.record import Record
from graph.graph import Graph
from graph.phases import optimize
from graph.promise import ULP
from graph.rulebook import Rule
from graph.rules import BOOKS

_RULES: dict[str, Rule] = {r.name: r for book in BOOKS.values() for r in book.rules.values()}


@dataclass
class Inexact:
    """``kind``: "rule", "kernel" or "op". ``how``: what may differ, and by how much. ``places``: the user's expressions."""

    kind: str
    name: str
    how: str
    places: dict[str, None] = field(default_factory=dict)


def inexact(program: Program, fidelity: str, phases: bool) -> list[Inexact]:
    """Everything in a program, its loops and branches included, that may change a bit; empty where every bit is kept.

    Bounds of elementary functions are those their tests hold them to; those of rules as well: a rule of promise "rounding"
    may change a value by ``promise.ULP`` units in the last place of the largest number in the equation.
    """
    if program.literal:
        return []
    found: dict[tuple[str, str, str], Inexact] = {}
    for kind, name, how, record in _all(program.traced, program.plan, fidelity, phases):
        entry = found.setdefault((kind, name, how), Inexact(kind, name, how))
        frames = user_frames(record.origin)
        if frames:
            place = resolve(frames[0])
            entry.places.setdefault(f"{place.short}: {place.expression.strip()}")
    return list(found.values())


def _all(traced: Graph, plan: Plan, fidelity: str, phases: bool) -> Iterator[tuple[str, str, str, Record]]:
    for record in traced.nodes:
        op, _ = getattr(record, "whole", (None, ()))
        if op is not None:
            yield "op", op.name, "written in other ops, which round in between", record
        if isinstance(record.op.lower, Control):
            yield "op", record.op.name, "gradients through it are added up step by step, or branch by branch", record
    for firing in optimize(traced, fidelity)[1].firings if phases else ():
        rule = _RULES.get(firing.rule)
        floating = getattr(firing.left.dtype, "kind", "f") == "f"
        if rule is not None and rule.fidelity != "bitwise" and (floating or not rule.integers):
            yield "rule", rule.name, f"{rule.law} ({_promise(rule)})", firing.left
    called = {r for s in plan.steps if isinstance(s, Callback) for r in s.records}
    for record in plan.graph.nodes:
        limit = bound(record) if record.args and record not in called else EXACT
        if limit != EXACT:
            yield "kernel", record.op.name, _told(record, limit), record
        elif record in called and not record.op.many and record.dtype.kind == "f":
            yield (
                "kernel",
                record.op.name,
                "NumPy's kernel, on operands that may lie in memory in another order",
                record,
            )
    for step in plan.steps:
        for part in step.parts if isinstance(step, Turn) else ():
            yield from _all(part.traced or part.graph, part, fidelity, phases)


def _promise(rule: Rule) -> str:
    if rule.fidelity == "finite":
        return "assumes finite values"
    return f"cures: {rule.cures}" if rule.cures else f"≤ {ULP} ulp"


def _told(record: Record, limit: Bound) -> str:
    name = record.dtype.name if not record.op.many else record.dtype[0].name
    return f"{limit} in {name}" if limit.kind == "ulp" else str(limit)


def told(found: list[Inexact], fidelity: str) -> list[str]:
    """The list as text, a line for each entry with the expressions it stands for behind it."""
    if not found:
        return ["nothing in it may change a bit of eager mode's results"]
    lines = [f'what may change a bit of eager mode\'s results (fidelity "{fidelity}"):']
    width = max(len(one.name) for one in found)
    for one in found:
        first, *more = one.places or [""]
        also = f" and {len(more)} more" if more else ""
        lines.append(f"  {one.kind:6} {one.name:{width}}  {one.how}  [{first}{also}]")
    return lines
