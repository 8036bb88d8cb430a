"""The rulebook, run: each rule fires where it must and not where it must not, keeps its promise, and decreases."""

from __future__ import annotations

import numpy as np
import pytest
from rule_cases import CASES
from rule_programs import feeds, graph_of

from engine import origin
from graph.promise import STYLES, broken
from graph.reference import run
from graph.rewrite import explain, rewrite, why_not
from graph.rulebook import Rulebook
from graph.rules import BOOKS
from graph.verify import verify

RULES = {rule.name: (book, rule) for book in BOOKS.values() for rule in book.rules.values()}
# Sums are taken in another order, or an exponential is computed of another number: last bits of the largest term.
LOOSE = {"sum_twice", "sum_of_permute", "sum_of_reshape", "sum_of_broadcast", "sum_of_constant", "transposed_product",
         "minus_matmul", "matmul_minus", "sum_of_minus", "log_of_sum_of_exp", "softmax_spelt_out", "summands_meet"}  # fmt: skip


def alone(name: str) -> Rulebook:
    """The book of one rule, with its own precedence."""
    book, rule = RULES[name]
    single = Rulebook(name, book.order.precedence)
    single.rules[name] = rule
    return single


def test_every_rule_has_a_case():
    assert set(RULES) == set(CASES)
    assert len(RULES) >= 25


@pytest.mark.parametrize("name", CASES)
def test_fires(name):
    book, rule = RULES[name]
    graph = graph_of(CASES[name][0])
    after, firings = rewrite(graph, alone(name), rule.fidelity)
    assert {f.rule for f in firings} == {name}
    verify(after)
    assert all(origin.user_frames(r.origin) for r in after.nodes if r.op.name != "leaf")
    assert rule.law
    for firing in firings:
        assert explain(graph, firing.left, book)[name] == ""
        if rule.measure is not None:
            assert rule.measure(firing.left) > rule.measure(firing.right)
        else:
            assert book.order.greater(firing.left, firing.right), firing


@pytest.mark.parametrize("name", CASES)
def test_does_not_fire(name):
    rule = RULES[name][1]
    graph = graph_of(CASES[name][1])
    after, firings = rewrite(graph, alone(name), "finite")
    assert not firings
    assert [r.op for r in after.nodes] == [r.op for r in graph.nodes]
    assert all(why_not(rule, r, graph) for r in graph.nodes)


@pytest.mark.parametrize("name", CASES)
def test_fidelity_selects(name):
    rule = RULES[name][1]
    if rule.fidelity == "bitwise":
        return
    below = "bitwise" if rule.fidelity == "rounding" else "rounding"
    assert not rewrite(graph_of(CASES[name][0]), alone(name), below)[1]


@pytest.mark.parametrize("name", CASES)
def test_keeps_its_promise(name):
    rule = RULES[name][1]
    for dtype in ("float32", "float64"):
        graph = graph_of(CASES[name][0], dtype)
        after = rewrite(graph, alone(name), rule.fidelity)[0]
        for style in STYLES[rule.fidelity]:
            for seed in range(3):
                given = feeds(graph, seed, style)
                left, right = run(graph, given).outputs[0], run(after, given).outputs[0]
                compare(rule, left, right)


@pytest.mark.parametrize("name", [n for n, (_, rule) in RULES.items() if rule.integers])
def test_exact_on_integers(name):
    graph = graph_of(CASES[name][0], "int64")
    after, firings = rewrite(graph, alone(name), "bitwise")
    assert firings
    for seed in range(3):
        given = feeds(graph, seed, "integers")
        np.testing.assert_array_equal(run(graph, given).outputs[0], run(after, given).outputs[0])


def compare(rule, left, right):
    fine = np.isfinite(left)
    scale = np.abs(left[fine]).max(initial=0) if rule.name in LOOSE else 0
    assert not broken(rule.fidelity, left, right, cured=bool(rule.cures), zeros=rule.zeros, scale=scale)
