"""The rule engine: a graph is rewritten from the leaves up until no rule fires, and every step is remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine import dispatch, origin
from engine.errors import InternalError
from engine.op import Op
from engine.record import Record, needed
from graph.builder import Builder
from graph.graph import Graph
from graph.pattern import FULL, Environment, match, nearest, ops
from graph.rulebook import Rule, Rulebook
from graph.substitute import Substitution
from graph.symbol import Symbol
from graph.trace import Trace


@dataclass(frozen=True)
class Firing:
    """One application of a rule: its name, and what it turned into what."""

    rule: str
    left: Record
    right: Record

    def __str__(self) -> str:
        frames = origin.user_frames(self.left.origin)
        where = ""
        if frames:
            place = origin.resolve(frames[0])
            where = f"  # {place.address} {place.text.strip()}"
        return f"{self.rule}: {self.left} -> {self.right}{where}"


class Rewriting(Trace):
    """A trace that keeps every record in normal form: what is made is rewritten at once, its operands being so already."""

    def __init__(self, book: Rulebook, fidelity: str, uses: Counter[Record]) -> None:
        super().__init__()
        self.index = book.index(fidelity)
        self.builder = Builder(self, grad_enabled=False)
        self.old_uses, self.uses = uses, Counter[Record]()
        self.firings: list[Firing] = []
        self.held_back = False  # whether a rule waits for a value to lose its other users
        self.seen: list[Record] = []  # what the rule that is building now has matched
        self.stamp: origin.Origin | None = ()
        self.checks: set[Any] = {None}  # which indices the run compares with which sizes

    def make(self, op: Op, args: tuple[Record, ...], attrs: dict[str, Any], spec: Any, tracked: bool = False) -> Record:
        """The normal form of ``op`` applied to records in normal form."""
        return self.normal(Record(op, args, attrs, spec.shape, spec.dtype, self.origin(), False))

    def normal(self, record: Record) -> Record:
        """The record that stands for this one: an equal one made before, what a rule makes of it, or itself."""
        record, key = self.canonical(record)
        found = self.known.get(key)
        if found is None:
            found = self.rewritten(record)
            self.known[key] = found
            if found is record:
                self.graph.nodes.append(record)
                self.checks.add(range_check(record))
        return found

    def canonical(self, record: Record) -> tuple[Record, Any]:
        """The record with commutative operands in order, and the key under which equal ones meet."""
        args = self.ordered(record.op, record.args)
        if args != record.args:
            record = Record(record.op, args, record.attrs, record.shape, record.dtype, record.origin, False)
        return record, self.key(record.op, args, record.attrs)

    def rewritten(self, record: Record) -> Record:
        rules = self.index.get(record.op)
        if not rules:
            return record
        below = {a.op for a in record.args}
        for needs, rule, only_integers in rules:
            if not needs <= below or (only_integers and record.dtype.kind == "f"):
                continue
            right = self.fired(rule, record)
            if right is not None:
                self.firings.append(Firing(rule.name, record, right))
                return right
        return record

    def fired(self, rule: Rule, record: Record) -> Record | None:
        """What the rule makes of the record, or None."""
        outer = self.seen, self.stamp
        try:
            if rule.build is not None:
                self.seen, self.stamp = [record, *record.args], None
                built = rule.build(record)
                return None if isinstance(built, str) else self.checked(rule, record, built)
            for left in rule.lefts:
                env: Environment = {}
                seen: list[Record] = []
                if match(left, record, env, seen):
                    env["out"], env["uses"] = record, self.count
                    if rule.guard is None or rule.guard(env) is True:
                        self.seen, self.stamp = seen, None
                        return self.checked(rule, record, Substitution(self, env, record).apply(rule.right))
                    self.held_back = self.held_back or rule.counts_uses
            return None
        finally:
            self.seen, self.stamp = outer

    def checked(self, rule: Rule, left: Record, right: Any) -> Record:
        """The right side, broadcast to the left's shape where that is larger; its spec must be the left's."""
        made: Record = right._record if isinstance(right, Symbol) else right
        if made.spec != left.spec:
            if made.dtype == left.dtype and left.op is not ops.broadcast_to:
                try:
                    wide = self.builder.apply(ops.broadcast_to, (Symbol(made, self),), {"shape": left.shape})
                except ValueError:
                    raise InternalError(f"rule {rule.name} turns {left} into {made}", origin=left.origin) from None
                return wide._record
            raise InternalError(f"rule {rule.name} turns {left} into {made}", origin=left.origin)
        return made

    def origin(self) -> origin.Origin:
        """The origin of what is built now: that of everything the rule matched."""
        if self.stamp is None:
            self.stamp = origin.union(*(r.origin for r in self.seen if r.op is not FULL or len(self.seen) == 1))
        return self.stamp

    def count(self, record: Record) -> int:
        """How many operands and results the record was in the graph before."""
        return self.uses[record]

    def visit(self, old: Record, new: dict[Record, Record]) -> None:
        """Rewrite a record of the old graph whose operands have been rewritten."""
        if not old.args and old.op.name == "leaf":
            self.graph.nodes.append(old)
            new[old] = old
        else:
            args = tuple([new[a] for a in old.args])
            if any(a is not b for a, b in zip(args, old.args, strict=True)):
                made = Record(old.op, args, old.attrs, old.shape, old.dtype, old.origin, False)
            else:
                made = old
            new[old] = self.normal(made)
        self.uses[new[old]] += self.old_uses[old]


Passes = Callable[[Rulebook, str, Counter[Record]], Rewriting]


def range_check(record: Record) -> Any:
    """What is known once the node has run: that these indices lie within these sizes; None for most ops."""
    match record.op.name:
        case "gather":
            return record.op.name, record.args[1:], tuple(map(str, record.args[0].shape))
        case "pick":
            axis = record.attrs["axis"]
            return record.op.name, record.args[1], axis, str(record.args[0].shape[axis])
    return None


def rewrite(
    graph: Graph, book: Rulebook, fidelity: str = "rounding", passes: Passes = Rewriting
) -> tuple[Graph, list[Firing]]:
    """The graph after applying the book's rules from the leaves up until none fires, and what fired.

    Linear in the number of nodes where rules fire a bounded number of times each. Leaves are the same records as before.
    ``passes``: makes each pass over the graph; one that watches, say.
    """
    firings: list[Firing] = []
    again = True
    while again:
        pass_ = passes(book, fidelity, _uses(graph))
        new: dict[Record, Record] = {}
        with dispatch.interpret(pass_.builder):
            for record in graph.nodes:
                pass_.visit(record, new)
        graph = carried(graph, pass_.graph.nodes, new)
        firings += pass_.firings
        again = bool(pass_.firings) and pass_.held_back
    return graph, firings


def _uses(graph: Graph) -> Counter[Record]:
    counts = Counter(a for record in graph.nodes for a in record.args)
    counts.update(graph.results)
    return counts


def carried(old: Graph, nodes: list[Record], new: Mapping[Record, Record]) -> Graph:
    """The old graph with its records replaced and the ones nobody needs dropped; leaves stay, and with them every key."""
    graph = Graph(
        inputs=list(old.inputs),
        outputs=[new[r] for r in old.outputs],
        states=dict(old.states),
        grads=dict(old.grads),
        captured=dict(old.captured),
        updates={s: new[r] for s, r in old.updates.items()},
        grad_updates={s: None if r is None else new[r] for s, r in old.grad_updates.items()},
    )
    wanted = {*needed(graph.results), *graph.leaves}
    graph.nodes = [r for r in nodes if r in wanted]
    return graph


def explain(graph: Graph, record: Record, book: Rulebook) -> dict[str, str]:
    """For each rule of the book on a record's op why it does not fire there; "" for one that does."""
    return {r.name: why_not(r, record, graph) for r in book.rules.values() if record.op in r.heads}


def why_not(rule: Rule, record: Record, graph: Graph | None = None) -> str:
    """Why a rule does not fire on a record: the guard's reason, or where the nearest match stops fitting; "" if it fires."""
    if record.op not in rule.heads:
        return f"it rewrites {', '.join(op.name for op in rule.heads[:4])}, not {record.op.name}"
    uses = Counter[Record]() if graph is None else _uses(graph)
    if rule.build is not None:
        if missing := rule.needs - {a.op for a in record.args}:
            return f"no operand is {' or '.join(op.name for op in missing)}"
        trace = Rewriting(Rulebook("none"), "bitwise", uses)
        trace.seen, trace.stamp = [record], None
        trace.checks = {range_check(r) for r in (graph.nodes if graph else ())}
        with dispatch.interpret(trace.builder):
            built = rule.build(record)
        return built if isinstance(built, str) else ""
    reason = ""
    for left in rule.lefts:
        env: Environment = {}
        if match(left, record, env, []):
            verdict = True if rule.guard is None else rule.guard({**env, "out": record, "uses": uses.__getitem__})
            if verdict is True:
                return ""
            reason = verdict or "its guard says no"
    return reason or nearest(rule.left, record)[1] or "one variable would have to stand for two different values"
