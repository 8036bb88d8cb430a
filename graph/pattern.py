"""Patterns: the two sides of a rule, written in ops under an interpreter that only remembers them; and matching."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

from engine.handle import Handle
from engine.op import OPS, Op, Trait
from engine.record import Record
from engine.spec import Dim, same


class Const:
    """Annotation of a pattern variable that stands for a constant; guards see its Python number."""


class Attr:
    """Annotation of a pattern variable that stands for an attribute's value."""


class Pattern(Handle):
    """A term with variables. It has operators, but neither shape nor dtype: those belong to what it matches."""

    __slots__ = ()


class Var(Pattern):
    """Stands for any record, or (``kind`` Const) any constant; the same name twice stands for the same record."""

    __slots__ = ("kind", "name")

    def __init__(self, name: str, kind: type | None) -> None:
        self.name = name
        self.kind = kind


class Literal(Pattern):
    """A number written in a pattern; it matches a constant of that value (0.0 and -0.0 differ)."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Computed(Pattern):
    """A number or an attribute that a right side works out from what was matched."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = _by_name(function)


class Node(Pattern):
    """An op applied to patterns."""

    __slots__ = ("args", "attrs", "op")

    def __init__(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> None:
        self.op = op
        self.args = tuple(a if isinstance(a, Pattern) else Literal(a) for a in args)
        self.attrs = attrs


class Writing:
    """The interpreter under which a rule's function is run once, at import: an op gives the pattern of itself."""

    name = "pattern"
    grad_enabled = False

    def apply(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Node:
        return Node(op, args, attrs)

    def asarray(self, value: Any, dtype: Any) -> Literal:
        return Literal(value)


class _Ops:
    """Every primitive by name, as it stands: ``ops.sum(x, axis=a)`` keeps axes, ``ops.where`` checks nothing."""

    def __getattr__(self, name: str) -> Op:
        return OPS[name]


ops = _Ops()
FULL = OPS["full"]


def computed(function: Callable[..., Any]) -> Any:
    """A number or attribute of the right side: ``function`` of pattern variables by name, and ``out``, what matched."""
    return Computed(function)


def _by_name(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    names = tuple(inspect.signature(function).parameters)
    return lambda env: function(*[env[n] for n in names])


by_name = _by_name


def number_of(record: Record) -> Any:
    """The Python number of a constant."""
    return record.attrs["value"]


class Bindings:
    """What variables stand for in one match: records, numbers of constants, attributes; and the records seen."""

    __slots__ = ("records", "seen", "values")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.values: dict[str, Any] = {}
        self.seen: list[Record] = []

    def copy(self) -> Bindings:
        new = Bindings()
        new.records, new.values, new.seen = dict(self.records), dict(self.values), list(self.seen)
        return new

    def environment(self, out: Record, uses: Callable[[Record], int]) -> dict[str, Any]:
        """What guards and computed values see; ``%x`` is the record of x also where x is the number of a constant."""
        named = {"%" + name: record for name, record in self.records.items()}
        return {**self.records, **self.values, **named, "out": out, "uses": uses}


def match(pattern: Pattern, record: Record, bound: Bindings) -> Iterator[Bindings]:
    """Every way in which ``record`` is an instance of ``pattern``; commutative ops match in both orders."""
    if type(pattern) is Node:
        if record.op is not pattern.op or len(record.args) != len(pattern.args):
            return
        bound = bound.copy()
        for key, wanted in pattern.attrs.items():
            if not _match_attr(wanted, record.attrs.get(key), bound):
                return
        bound.seen.append(record)
        if Trait.COMMUTATIVE in record.op.traits:
            a, b = record.args
            yield from match_all(pattern.args, (a, b), bound)
            if a is not b:
                yield from match_all(pattern.args, (b, a), bound)
        else:
            yield from match_all(pattern.args, record.args, bound)
    elif type(pattern) is Literal:
        if record.op is FULL and equal_numbers(record.attrs["value"], pattern.value):
            yield bound
    elif type(pattern) is Var:
        held = bound.records.get(pattern.name)
        if held is not None or pattern.name in bound.values:
            if held is record:
                yield bound
        elif pattern.kind is not Const:
            bound = bound.copy()
            bound.records[pattern.name] = record
            yield bound
        elif record.op is FULL:
            bound = bound.copy()
            bound.records[pattern.name] = record
            bound.values[pattern.name] = number_of(record)
            yield bound


def match_all(patterns: tuple[Pattern, ...], records: tuple[Record, ...], bound: Bindings) -> Iterator[Bindings]:
    """Matches of several patterns at once, with the same variables."""
    if not patterns:
        yield bound
        return
    for first in match(patterns[0], records[0], bound):
        yield from match_all(patterns[1:], records[1:], first)


def _match_attr(wanted: Any, value: Any, bound: Bindings) -> bool:
    if type(wanted) is Var:
        if wanted.name in bound.values:
            return same_attr(bound.values[wanted.name], value)
        bound.values[wanted.name] = value
        return True
    return same_attr(wanted, value)


def same_attr(a: Any, b: Any) -> bool:
    """Whether two attributes are equal whatever the names in them stand for."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same_attr(m, n) for m, n in zip(a, b, strict=True))
    return same(a, b) if isinstance(a, Dim) or isinstance(b, Dim) else bool(a == b)


def equal_numbers(a: Any, b: Any) -> bool:
    """Whether two numbers are the same one; the sign of a float zero counts."""
    if a != b or isinstance(a, bool) != isinstance(b, bool):
        return False
    return not isinstance(a, float) or a != 0 or math.copysign(1, a) == math.copysign(1, b)


def operand_ops(pattern: Node) -> frozenset[Op]:
    """The ops that the operands of an instance have among them."""
    constants = [FULL for p in pattern.args if type(p) is Literal or (type(p) is Var and p.kind is Const)]
    return frozenset([p.op for p in pattern.args if type(p) is Node] + constants)


def nearest(pattern: Pattern, record: Record) -> tuple[int, str]:
    """How many nodes of a pattern fit before it fails, and what failed: for telling why a rule did not fire."""
    if type(pattern) is Literal:
        shown = number_of(record) if record.op is FULL else record.op.name
        fits = record.op is FULL and equal_numbers(number_of(record), pattern.value)
        return (1, "") if fits else (0, f"{pattern.value!r} is wanted where {shown!r} stands")
    if type(pattern) is Var:
        fits = pattern.kind is not Const or record.op is FULL
        return (1, "") if fits else (0, f"{pattern.name} must be a constant, not {record.op.name}")
    if record.op is not pattern.op or len(record.args) != len(pattern.args):
        return 0, f"{pattern.op.name} is wanted where {record.op.name} stands"
    best = (1, "")
    orders = [record.args]
    if Trait.COMMUTATIVE in record.op.traits:
        orders.append(record.args[::-1])
    for number, args in enumerate(orders):
        count, complaint = 1, ""
        for p, a in zip(pattern.args, args, strict=True):
            found, problem = nearest(p, a)
            count += found
            complaint = complaint or problem
        if number == 0 or (not complaint and best[1]) or (count > best[0] and best[1]):
            best = (count, complaint)
    return best
