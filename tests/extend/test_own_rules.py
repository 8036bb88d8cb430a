"""Rewrite rules of a user's own: they fire in compiled programs, are held to their promise, and can be taken out again."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from engine.notices import MismatchWarning
from tapegraph import extend
from tapegraph.testing import check_rule

X = np.linspace(0.5, 2, 6, dtype=np.float32)


@pytest.fixture
def rule():
    """``extend.rule``, whose rules are forgotten behind the test."""
    made = []

    def decorate(*args, **kwargs):
        def keep(function):
            made.append(extend.rule(*args, **kwargs)(function))
            return made[-1]

        return keep

    yield decorate
    for one in made:
        extend.forget(one)


def spelt_out(x):
    """sin(x) / cos(x) = tan(x)"""
    return extend.ops.sin(x) / extend.ops.cos(x), extend.ops.tan(x)


def test_a_rule_fires_until_it_is_forgotten():
    made = extend.rule("rounding")(spelt_out)
    fused = tg.compile(lambda x: tg.sin(x) / tg.cos(x))
    np.testing.assert_allclose(fused(X), np.tan(X), rtol=1e-5)
    assert " tan " in fused.source()
    extend.forget(made)
    again = tg.compile(lambda x: tg.sin(x) / tg.cos(x))
    again(X)
    assert " tan " not in again.source()
    with pytest.raises(tg.errors.ArgumentError, match="no phase has"):
        extend.forget(made)


def test_a_promise_that_is_not_kept_is_told(rule):
    @rule("bitwise", phase="strength")
    def own_third(x):
        """x / 3 = x * (1 / 3)"""
        return x / 3.0, x * (1 / 3.0)

    with pytest.raises(AssertionError, match="same bits; at "):
        check_rule(own_third, lambda x: x / 3.0, (12, 8))
    with pytest.raises(AssertionError, match="does not fire: it rewrites divide, not add"):
        check_rule(own_third, lambda x: x + 3.0, (12, 8))


def test_a_promise_that_is_kept_passes(rule):
    @rule("rounding", zeros=True)
    def own_difference(x, y):
        """-(sin(x) - y) = y - sin(x), but for equal ones, where it is -0"""
        return -(extend.ops.sin(x) - y), y - extend.ops.sin(x)

    check_rule(own_difference, lambda x, y: -(tg.sin(x) - y), (12, 8), (8,))


def test_a_rule_without_end_and_an_unknown_phase_are_refused():
    with pytest.raises(extend.RuleError, match="not smaller"):
        extend.rule("rounding")(lambda x: (extend.ops.tan(x), extend.ops.sin(x) / extend.ops.cos(x)))
    with pytest.raises(tg.errors.ArgumentError, match="canonical"):
        extend.rule("rounding", phase="fuse")


def test_a_wrong_rule_is_seen_at_the_first_call_and_found_by_the_bisection(rule):
    @rule("rounding")
    def own_mistake(x):
        """sin(x) / cos(x) = 1 / tan(x)"""
        return extend.ops.sin(x) / extend.ops.cos(x), 1 / extend.ops.tan(x)

    def ratio(x):
        return tg.sum(tg.sin(x) / tg.cos(x))

    with pytest.warns(MismatchWarning, match="own_mistake"):
        tg.compile(ratio)(X)
    found = tg.debug.bisect(ratio, X)
    assert "own_mistake" in str(found)
