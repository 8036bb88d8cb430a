"""Termination: a recursive path order on terms, by which the right side of every rule is smaller than its left.

Source: Dershowitz, "Orderings for term-rewriting systems", 1982; here with multiset status throughout and ops of equal
``order`` equivalent. It is closed under substitution, so comparing patterns settles every instance; attributes do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.op import Op
from engine.record import Record
from graph.pattern import FULL, Const, Node, Var

Term = Any  # a pattern or a record


class PathOrder:
    """``precedence``: numbers that replace ``Op.order`` for some ops, by name."""

    def __init__(self, precedence: Mapping[str, float] | None = None) -> None:
        self.precedence = dict(precedence or {})

    def rank(self, op: Op) -> float:
        """The place of an op in the precedence; a rule may build lower ones freely."""
        return self.precedence.get(op.name, op.order)

    def greater(self, s: Term, t: Term) -> bool:
        """Whether ``s`` is greater than ``t`` in every instance."""
        return self._greater(s, t, {})

    def _greater(self, s: Term, t: Term, known: dict[tuple[int, int], bool]) -> bool:
        key = (id(s), id(t))
        if key not in known:
            known[key] = False
            known[key] = self._decide(s, t, known)
        return known[key]

    def _decide(self, s: Term, t: Term, known: dict[tuple[int, int], bool]) -> bool:
        if _variable(s) or s is t:
            return False
        if any(self._equivalent(a, t) or self._greater(a, t, known) for a in _args(s)):
            return True
        if _variable(t) or _outside(s) or _outside(t):
            return False
        here, there = self.rank(_op(s)), self.rank(_op(t))
        if here > there:
            return all(self._greater(s, b, known) for b in _args(t))
        return here == there and self._multiset(_args(s), _args(t), known)

    def _multiset(self, left: Sequence[Term], right: Sequence[Term], known: dict[tuple[int, int], bool]) -> bool:
        ours, theirs = list(left), []
        for t in right:
            twin = next((i for i, s in enumerate(ours) if self._equivalent(s, t)), None)
            if twin is None:
                theirs.append(t)
            else:
                del ours[twin]
        return bool(ours) and all(any(self._greater(s, t, known) for s in ours) for t in theirs)

    def _equivalent(self, s: Term, t: Term) -> bool:
        if s is t:
            return True
        if _variable(s) or _variable(t):
            return _variable(s) and _variable(t) and s.name == t.name
        if _outside(s) or _outside(t) or self.rank(_op(s)) != self.rank(_op(t)):
            return False
        rest = list(_args(t))
        for a in _args(s):
            twin = next((i for i, b in enumerate(rest) if self._equivalent(a, b)), None)
            if twin is None:
                return False
            del rest[twin]
        return not rest


def _variable(term: Term) -> bool:
    return type(term) is Var and term.kind is not Const


def _outside(term: Term) -> bool:
    """Whether a record is a leaf: a symbol of its own, equivalent to nothing else."""
    return type(term) is Record and term.op.name == "leaf"


def _op(term: Term) -> Op:
    return term.op if isinstance(term, Node | Record) else FULL


def _args(term: Term) -> Sequence[Term]:
    return term.args if isinstance(term, Node | Record) else ()
