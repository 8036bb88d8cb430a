"""Patterns: the two sides of a rule, written in ops under an interpreter that only remembers them; and matching."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from engine.handle import Handle
from engine.op import OPS, Op, Trait
from engine.record import Record
from engine.sizes import Dim, same


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
        self.function = by_name(function)


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


def by_name(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Any]:
    names = parameters(function)
    return lambda env: function(*[env[n] for n in names])


def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's parameters, at a tenth of the cost of ``inspect.signature``."""
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def number_of(record: Record) -> Any:
    """The Python number of a constant."""
    return record.attrs["value"]


def variants(pattern: Node) -> tuple[Node, ...]:
    """The pattern with the operands of its commutative ops in each order; matching then needs no search."""
    choices: list[tuple[Any, ...]] = [()]
    for arg in pattern.args:
        found = variants(arg) if type(arg) is Node else (arg,)
        choices = [(*before, one) for before in choices for one in found]
    if Trait.COMMUTATIVE in pattern.op.traits and pattern.args[0] is not pattern.args[1]:
        choices += [c[::-1] for c in choices]
    return tuple(Node(pattern.op, c, pattern.attrs) for c in choices)


Environment = dict[str, Any]


def match(pattern: Node, record: Record, env: Environment, seen: list[Record]) -> bool:
    """Whether ``record`` is an instance of ``pattern``, operands in this order.

    ``env`` takes what the variables stand for, ``x`` a record, the number of a constant or an attribute and ``%x`` always
    the record; ``seen`` takes the records that the pattern's nodes met.
    """
    args = record.args
    if record.op is not pattern.op or len(args) != len(pattern.args):
        return False
    seen.append(record)
    for p, a in zip(pattern.args, args, strict=True):
        kind = type(p)
        if kind is Var:
            held = env.get("%" + p.name)
            if held is None:
                if p.kind is Const:
                    if a.op is not FULL:
                        return False
                    env[p.name] = a.attrs["value"]
                else:
                    env[p.name] = a
                env["%" + p.name] = a
            elif held is not a:
                return False
        elif kind is Node:
            if p.op is not a.op or not match(p, a, env, seen):
                return False
        elif a.op is not FULL or not equal_numbers(a.attrs["value"], p.value):
            return False
    for key, wanted in pattern.attrs.items():
        value = record.attrs.get(key)
        if type(wanted) is Var and wanted.name not in env:
            env[wanted.name] = value
        elif not same_attr(env[wanted.name] if type(wanted) is Var else wanted, value):
            return False
    return True


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
