"""Termination is proved when a rule is written: what might loop is refused, and says which rule it is."""

from __future__ import annotations

import pytest

from graph.pattern import Const, Node, computed, ops
from graph.rulebook import Rulebook, RuleError
from graph.rules import BOOKS


def test_refuses_a_rule_that_grows():
    book = Rulebook("planted")
    with pytest.raises(RuleError, match=r"rule longer: .*not smaller"):

        @book.rule("bitwise")
        def longer(x):
            return x * 1, x * 1 * 1


def test_refuses_the_two_halves_of_a_loop():
    book = Rulebook("planted")

    @book.rule("rounding")
    def there(x, y):
        return x / y, x * ops.reciprocal(y)

    with pytest.raises(RuleError, match="rule back"):

        @book.rule("rounding")
        def back(x, y):
            return x * ops.reciprocal(y), x / y


def test_refuses_commuting():
    book = Rulebook("planted")
    with pytest.raises(RuleError, match="rule swap"):

        @book.rule("bitwise")
        def swap(x, y):
            return x - y, -(y - x)


def test_refuses_a_formula_inside_its_own_right_side():
    book = Rulebook("planted")
    with pytest.raises(RuleError, match="rule shift"):

        @book.rule("rounding")
        def shift(x):
            return ops.log(ops.exp(x)), ops.log(ops.exp(x - 1)) + 1


def test_refuses_an_unbound_variable():
    book = Rulebook("planted")
    with pytest.raises(RuleError, match="rule extra: its right side uses y"):

        @book.rule("bitwise")
        def extra(x, y):
            return x * 0, y


def test_refuses_an_unknown_fidelity_and_a_second_rule_of_a_name():
    book = Rulebook("planted")
    with pytest.raises(RuleError, match="fidelity"):

        @book.rule("roughly")
        def one(x):
            return x * 1, x

    @book.rule("bitwise")
    def two(x):
        return x * 1, x

    with pytest.raises(RuleError, match="has one of this name"):
        book._keep(two)


def test_constants_count_as_small():
    book = Rulebook("planted")

    @book.rule("rounding")
    def meet(x, c: Const, d: Const):
        return (x * c) * d, x * computed(lambda c, d: c * d)

    assert meet.fidelity == "rounding"


def test_included_rules_are_proved_again():
    upper = Rulebook("upper", {"permute_dims": 80})

    @upper.rule("rounding")
    def inward(a, b):
        return ops.permute_dims(ops.matmul(a, b), axes=(1, 0)), ops.matmul(ops.permute_dims(b, axes=(1, 0)), a)

    with pytest.raises(RuleError, match="does not decrease in book 'lower'"):
        Rulebook("lower").include(upper)


def test_every_rule_of_the_books_is_proved():
    for book in BOOKS.values():
        for rule in book.rules.values():
            if isinstance(rule.left, Node) and rule.measure is None:
                assert book.order.greater(rule.left, rule.right), rule.name
