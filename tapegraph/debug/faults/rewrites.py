"""Faults in rules: a wrong sign, constant, op or axis, swapped operands, a guard that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from engine import dispatch
from graph.pattern import OPS, Attr, Const, Literal, Pattern, Var, Writing, computed, ops, parameters, variants
from graph.rulebook import Rule
from graph.rules import BOOKS
from tapegraph.debug.faults import fault, replaced

_KINDS = {"Const": Const, "Attr": Attr}


def _wrong(book: str, name: str, function: Callable[..., Any], **changes: Any) -> AbstractContextManager[None]:
    """A rule of a book with the sides that the function gives in place of its own."""
    notes = function.__annotations__
    with dispatch.interpret(Writing()):
        left, right = function(*(Var(n, _KINDS.get(str(notes.get(n)))) for n in parameters(function)))
    right = right if isinstance(right, Pattern) else Literal(right)
    old: Rule = BOOKS[book].rules[name]
    return replaced(BOOKS[book].rules, name, replace(old, left=left, lefts=variants(left), right=right, **changes))


@fault("rewrite", "less_minus")
def lost_sign() -> Iterator[None]:
    """x - (-y) = x - y"""
    with _wrong("canonical", "less_minus", lambda x, y: (x - (-y), x - y)):
        yield


@fault("rewrite", "cube_as_power")
def lost_factor() -> Iterator[None]:
    """x ** 3 = square(x)"""
    with _wrong("strength", "cube_as_power", lambda x: (x**3, ops.square(x))):
        yield


@fault("rewrite", "over_constant")
def wrong_constant() -> Iterator[None]:
    """x / c = x * 1.001 (1 / c)"""

    def sides(x: Any, c: Const) -> Any:
        return x / c, x * computed(lambda c: 1.001 / c)

    with _wrong("strength", "over_constant", sides):
        yield


@fault("rewrite", "over_power_of_two")
def dropped_guard() -> Iterator[None]:
    """x / c = x * 2^-k for the power of two below c, whatever c is"""

    def sides(x: Any, c: Const) -> Any:
        return x / c, x * computed(lambda c: 0.5 ** (len(f"{abs(int(c)):b}") - 1))

    with _wrong("strength", "over_power_of_two", sides, guard=None):
        yield


@fault("rewrite", "minus_over")
def swapped_operands() -> Iterator[None]:
    """(-x) / y = -(y / x)"""
    with _wrong("canonical", "minus_over", lambda x, y: ((-x) / y, -(y / x))):
        yield


@fault("rewrite", "max_twice")
def wrong_op() -> Iterator[None]:
    """max(max(x, a), b) = min(x, a and b)"""

    def sides(x: Any, a: Attr, b: Attr) -> Any:
        both = computed(lambda a, b: tuple(sorted({*a, *b})))
        return ops.max(ops.max(x, axis=a), axis=b), ops.min(x, axis=both)

    with _wrong("canonical", "max_twice", sides):
        yield


@fault("rewrite", "permute_twice")
def wrong_axes() -> Iterator[None]:
    """permute(permute(x, p), q) = permute(x, q[p]), where q[p] makes the same shape"""

    def sides(x: Any, p: Attr, q: Attr) -> Any:
        right = ops.permute_dims(x, axes=computed(lambda p, q: tuple(q[i] for i in p)))
        return ops.permute_dims(ops.permute_dims(x, axes=p), axes=q), right

    with _wrong("canonical", "permute_twice", sides), _wrong("products", "permute_twice", sides):
        yield


@fault("rewrite", "choice_by_negation")
def negation_forgotten() -> Iterator[None]:
    """where(not c, x, y) = where(c, x, y)"""
    with _wrong(
        "canonical", "choice_by_negation", lambda c, x, y: (ops.where(ops.logical_not(c), x, y), ops.where(c, x, y))
    ):
        yield


@fault("rewrite", "factors_meet")
def constants_added() -> Iterator[None]:
    """(x * c) * d = x * (c + d)"""

    def sides(x: Any, c: Const, d: Const) -> Any:
        return (x * c) * d, x * computed(lambda c, d: c + d)

    with _wrong("canonical", "factors_meet", sides, guard=None):
        yield


@fault("rewrite", "transposed_product")
def product_not_turned() -> Iterator[None]:
    """(a @ b)^T = a^T @ b^T"""

    def sides(a: Any, b: Any, p: Attr) -> Any:
        left = ops.permute_dims(ops.matmul(a, b), axes=p)
        return left, ops.matmul(ops.permute_dims(a, axes=(1, 0)), ops.permute_dims(b, axes=(1, 0)))

    with _wrong("products", "transposed_product", sides):
        yield


@fault("rewrite", "times_zero")
def promise_too_strong() -> Iterator[None]:
    """x * 0 = 0 where values need not be finite"""
    old = BOOKS["canonical"].rules["times_zero"]
    with replaced(BOOKS["canonical"].rules, "times_zero", replace(old, fidelity="bitwise")):
        yield


@fault("rewrite", "log_of_one_plus")
def argument_doubled() -> Iterator[None]:
    """log(1 + x) = log1p(x + x)"""
    with _wrong("stability", "log_of_one_plus", lambda x: (ops.log(1 + x), ops.log1p(x + x))):
        yield


@fault("rewrite", "sum_of_broadcast")
def repetitions_forgotten() -> Iterator[None]:
    """sum(broadcast(x)) = sum(x)"""
    old = BOOKS["canonical"].rules["sum_of_broadcast"]
    build = old.build
    assert build is not None

    def once(record: Any) -> Any:
        found = build(record)
        if isinstance(found, str):
            return found
        count = found._record.args[1].attrs["value"]
        return found / count

    with replaced(BOOKS["canonical"].rules, "sum_of_broadcast", replace(old, build=once)):
        yield


@fault("rewrite", "slice_twice")
def step_forgotten() -> Iterator[None]:
    """x[a::k][b::m] = x[a + b :: k m]"""

    def sides(x: Any, a: Attr, s: Attr, k: Attr, b: Attr, t: Attr, m: Attr) -> Any:
        cut = OPS["slice"]
        starts = computed(lambda a, b: tuple(i + n for i, n in zip(a, b, strict=True)))
        steps = computed(lambda k, m: tuple(i * j for i, j in zip(k, m, strict=True)))
        left = cut(cut(x, starts=a, sizes=s, steps=k), starts=b, sizes=t, steps=m)
        return left, cut(x, starts=starts, sizes=t, steps=steps)

    with _wrong("canonical", "slice_twice", sides):
        yield
