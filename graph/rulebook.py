"""Rules and rulebooks: equations written in ops, each with a promise and a proof that it terminates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine import dispatch
from engine.op import OPS, Op, Trait
from engine.record import Record
from graph.pattern import Attr, Const, Literal, Node, Pattern, Var, Writing, by_name, operand_ops, parameters, variants
from graph.promise import FIDELITIES
from graph.termination import PathOrder


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
            notes = function.__annotations__
            variables = [Var(name, kinds.get(notes.get(name))) for name in parameters(function)]
            with dispatch.interpret(Writing()):
                left, right = function(*variables)
            right = right if isinstance(right, Pattern) else Literal(right)
            name = function.__name__
            if not isinstance(left, Node):
                raise RuleError(f"rule {name}: its left side is not an op")
            if extra := _names(right) - _names(left):
                raise RuleError(
                    f"rule {name}: its right side uses {', '.join(sorted(extra))}, which the left does not bind"
                )
            if promise.get("measure") is None and not self.order.greater(left, right):
                raise RuleError(
                    f"rule {name}: its right side is not smaller than its left in the path order of book {self.name!r}; "
                    "turn it round, give the book a precedence that fits, or declare a measure"
                )
            law = (function.__doc__ or "").strip()
            return self._keep(
                Rule(
                    name,
                    fidelity,
                    (left.op,),
                    law,
                    operand_ops(left),
                    left,
                    variants(left),
                    right,
                    **_guard(where),
                    **promise,
                )
            )

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
            return self._keep(
                Rule(name or function.__name__, fidelity, found, text, frozenset(over), build=function, **promise)
            )

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

    def include(self, other: Rulebook, *names: str) -> None:
        """Take in the rules of another book, or those named, proving each again under this book's precedence."""
        for rule in [other.rules[n] for n in names] or other.rules.values():
            if rule.left is not None and rule.measure is None and not self.order.greater(rule.left, rule.right):
                raise RuleError(f"rule {rule.name}: it does not decrease in book {self.name!r}")
            self._keep(rule)

    def forget(self, rule: Rule) -> None:
        """Take a rule out again; programs that were compiled with it stay as they are."""
        del self.rules[rule.name]

    def __str__(self) -> str:
        return "\n".join(f"{r.name:24} {r.fidelity:9} {r.law}" for r in self.rules.values())

    def _keep(self, rule: Rule) -> Rule:
        if rule.fidelity not in FIDELITIES:
            raise RuleError(f"rule {rule.name}: fidelity {rule.fidelity!r} is none of {', '.join(FIDELITIES)}")
        if rule.name in self.rules:
            raise RuleError(f"rule {rule.name}: book {self.name!r} has one of this name")
        self.rules[rule.name] = rule
        return rule


def _with_trait(trait: Trait) -> tuple[Op, ...]:
    return tuple(op for op in OPS.values() if trait in op.traits)


def _guard(where: Callable[..., Any] | None) -> dict[str, Any]:
    if where is None:
        return {}
    return {"guard": by_name(where), "counts_uses": "uses" in parameters(where)}


def _names(pattern: Any) -> set[str]:
    if isinstance(pattern, Var):
        return {pattern.name}
    if not isinstance(pattern, Node):
        return set()
    inner = [_names(p) for p in (*pattern.args, *pattern.attrs.values())]
    return set().union(*inner)


def handles(record: Record) -> list[Any]:
    """The symbols of a record's operands, for generic rules."""
    return [dispatch.current().handle(a) for a in record.args]
