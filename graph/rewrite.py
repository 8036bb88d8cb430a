"""The rule engine: equations written in ops, with a promise each, applied from the leaves up until none fires."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine import dispatch, origin
from engine.errors import InternalError
from engine.op import Op, Trait
from engine.record import Record
from graph.builder import Builder, Trace
from graph.graph import Graph, needed
from graph.pattern import (
    FULL,
    Attr,
    Computed,
    Const,
    Environment,
    Literal,
    Node,
    Pattern,
    Var,
    Writing,
    by_name,
    match,
    nearest,
    ops,
    operand_ops,
    variants,
)
from graph.substitute import Substitution
from graph.symbol import Symbol
from graph.termination import PathOrder

FIDELITIES = ("bitwise", "rounding", "finite")


class RuleError(Exception):
    """A rule that is not well formed: it may not terminate, or its sides do not fit; names the rule."""


@dataclass(frozen=True)
class Rule:
    """An equation from left to right.

    fidelity  "bitwise": the same bits; "rounding": last bits may differ, NaN and infinities do not; "finite": as
              rounding, where every value on the way is finite
    zeros     the sign of a zero may differ (rounding and finite rules only)
    cures     what the left side suffers from: where it is NaN or infinite for that reason, the right side may be finite
    integers  exact on integers, whatever the fidelity on floats
    where     a guard: True, or the reason why not
    measure   None where the path order proves that it terminates; else a number of the record that every firing lowers
    """

    name: str
    fidelity: str
    heads: tuple[Op, ...]
    law: str
    needs: frozenset[Op] = frozenset()  # among the ops of the operands, so that most records are passed by quickly
    left: Node | None = None
    lefts: tuple[Node, ...] = ()  # the left side with commutative operands in each order
    right: Pattern | None = None
    build: Callable[[Record], Any] | None = None
    guard: Callable[[dict[str, Any]], Any] | None = None
    zeros: bool = False
    cures: str = ""
    integers: bool = False
    counts_uses: bool = False
    measure: Callable[[Record], float] | None = None

    def allowed(self, fidelity: str) -> str:
        """When it may fire where ``fidelity`` is asked for: "always", "integers" or "never"."""
        if FIDELITIES.index(self.fidelity) <= FIDELITIES.index(fidelity):
            return "always"
        return "integers" if self.integers else "never"


class Rulebook:
    """Rules that are applied together; ``precedence`` replaces ``Op.order`` of some ops in their termination proof."""

    def __init__(self, name: str, precedence: Mapping[str, float] | None = None) -> None:
        self.name = name
        self.order = PathOrder(precedence)
        self.rules: dict[str, Rule] = {}

    def rule(self, fidelity: str, *, where: Callable[..., Any] | None = None, **promise: Any) -> Callable[..., Rule]:
        """Add the rule that a function of pattern variables returns as (left, right).

        A variable annotated ``Const`` stands for a constant, ``Attr`` for an attribute. Raises RuleError where the
        right side is not smaller than the left, or uses a variable that the left does not bind.
        """

        def add(function: Callable[..., tuple[Any, Any]]) -> Rule:
            kinds = {"Const": Const, "Attr": Attr, Const: Const, Attr: Attr}
            variables = [Var(p.name, kinds.get(p.annotation)) for p in inspect.signature(function).parameters.values()]
            with dispatch.interpret(Writing()):
                left, right = function(*variables)
            right = right if isinstance(right, Pattern) else Literal(right)
            name = function.__name__
            if not isinstance(left, Node):
                raise RuleError(f"rule {name}: its left side is not an op")
            if extra := _names(right) - _names(left):
                raise RuleError(f"rule {name}: its right side uses {', '.join(sorted(extra))}, which the left does not bind")
            if promise.get("measure") is None and not self.order.greater(left, right):
                raise RuleError(
                    f"rule {name}: its right side is not smaller than its left in the path order of book {self.name!r}; "
                    "turn it round, give the book a precedence that fits, or declare a measure"
                )
            law = (function.__doc__ or "").strip()
            return self._keep(Rule(name, fidelity, (left.op,), law, operand_ops(left), left, variants(left), right, **_guard(where), **promise))

        return add

    def generic(
        self,
        fidelity: str,
        heads: Trait | Iterable[Op],
        *,
        over: Iterable[Op] = (),
        name: str = "",
        law: str = "",
        **promise: Any,
    ) -> Callable[..., Rule]:
        """Add a rule over every op with a trait (or of a list): a function of the record that returns the right side,
        built with ops on symbols of ``record.args``, or the reason why not. ``over``: ops its operands must have among
        them."""

        def add(function: Callable[..., Any]) -> Rule:
            found = _with_trait(heads) if isinstance(heads, Trait) else tuple(heads)
            text = law or (function.__doc__ or "").strip()
            return self._keep(Rule(name or function.__name__, fidelity, found, text, frozenset(over), build=function, **promise))

        return add

    def index(self, fidelity: str) -> dict[Op, list[tuple[frozenset[Op], Rule, bool]]]:
        """By op: the rules that may fire on it, each with the ops its operands must have among them, and whether it may
        fire on integers only."""
        found: dict[Op, list[tuple[frozenset[Op], Rule, bool]]] = {}
        for rule in self.rules.values():
            allowed = rule.allowed(fidelity)
            if allowed != "never":
                for op in rule.heads:
                    found.setdefault(op, []).append((rule.needs, rule, allowed == "integers"))
        return found

    def include(self, other: Rulebook) -> None:
        """Take in the rules of another book, proving each again under this book's precedence."""
        for rule in other.rules.values():
            if rule.left is not None and rule.measure is None and not self.order.greater(rule.left, rule.right):
                raise RuleError(f"rule {rule.name}: it does not decrease in book {self.name!r}")
            self._keep(rule)

    def _keep(self, rule: Rule) -> Rule:
        if rule.fidelity not in FIDELITIES:
            raise RuleError(f"rule {rule.name}: fidelity {rule.fidelity!r} is none of {', '.join(FIDELITIES)}")
        if rule.name in self.rules:
            raise RuleError(f"rule {rule.name}: book {self.name!r} has one of this name")
        self.rules[rule.name] = rule
        return rule


def _with_trait(trait: Trait) -> tuple[Op, ...]:
    from engine.op import OPS

    return tuple(op for op in OPS.values() if trait in op.traits)


def _guard(where: Callable[..., Any] | None) -> dict[str, Any]:
    if where is None:
        return {}
    return {"guard": by_name(where), "counts_uses": "uses" in inspect.signature(where).parameters}


def _names(pattern: Any) -> set[str]:
    if isinstance(pattern, Var):
        return {pattern.name}
    if not isinstance(pattern, Node):
        return set()
    inner = [_names(p) for p in (*pattern.args, *pattern.attrs.values())]
    return set().union(*inner)


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
            where = f"  # {place.file}:{place.line} {place.text.strip()}"
        return f"{self.rule}: {self.left} -> {self.right}{where}"


class Rewriting(Trace):
    """A trace that keeps every record in normal form: what is made is rewritten at once, its operands being so already."""

    def __init__(self, book: Rulebook, fidelity: str, uses: Counter[Record]) -> None:
        super().__init__()
        self.index = book.index(fidelity)
        self.builder = Builder(self, grad_enabled=False)
        self.old_uses, self.uses = uses, Counter[Record]()
        self.firings: list[Firing] = []
        self.seen: list[Record] = []  # what the rule that is building now has matched
        self.stamp: origin.Origin | None = ()
        self.gathers: set[tuple[Any, ...]] = set()  # index operands of gathers, which check them in the run

    def make(
        self, op: Op, args: tuple[Record, ...], attrs: dict[str, Any], spec: Any, tracked: bool = False
    ) -> Record:
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
                if record.op is ops.gather:
                    self.gathers.add((*record.args[1:], *map(str, record.args[0].shape)))
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


def rewrite(graph: Graph, book: Rulebook, fidelity: str = "rounding") -> tuple[Graph, list[Firing]]:
    """The graph after applying the book's rules from the leaves up until none fires, and what fired.

    Linear in the number of nodes where rules fire a bounded number of times each. Leaves are the same records as before.
    """
    firings: list[Firing] = []
    again = True
    while again:
        pass_ = Rewriting(book, fidelity, _uses(graph))
        new: dict[Record, Record] = {}
        with dispatch.interpret(pass_.builder):
            for record in graph.nodes:
                pass_.visit(record, new)
        graph = carried(graph, pass_.graph.nodes, new)
        firings += pass_.firings
        again = bool(pass_.firings) and any(r.counts_uses for r in book.rules.values())
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


def handles(record: Record) -> list[Any]:
    """The symbols of a record's operands, for generic rules."""
    return [dispatch.current().handle(a) for a in record.args]


def why_not(rule: Rule, record: Record, uses: Callable[[Record], int] = lambda record: 1) -> str:
    """Why a rule does not fire on a record: the guard's reason, or where its left side stops fitting; "" if it fires."""
    if record.op not in rule.heads:
        return f"it rewrites {', '.join(op.name for op in rule.heads[:4])}, not {record.op.name}"
    if rule.build is not None:
        trace = Rewriting(Rulebook("none"), "bitwise", Counter())
        trace.seen, trace.stamp = [record], None
        with dispatch.interpret(trace.builder):
            built = rule.build(record)
        return built if isinstance(built, str) else ""
    reason = ""
    for left in rule.lefts:
        env: Environment = {}
        if match(left, record, env, []):
            verdict = True if rule.guard is None else rule.guard({**env, "out": record, "uses": uses})
            if verdict is True:
                return ""
            reason = verdict or "its guard says no"
    return reason or nearest(rule.left, record)[1] or "one variable would have to stand for two different values"


__all__ = ["Attr", "Computed", "Const", "Firing", "Rule", "RuleError", "Rulebook", "handles", "rewrite", "why_not"]
