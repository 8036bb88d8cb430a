"""Laws that save digits: formulas that overflow or cancel, in the form that does not."""

from __future__ import annotations

from typing import Any

from engine.record import Record, needed
from engine.sizes import Dim
from graph.pattern import OPS, Attr, ops
from graph.rulebook import Rulebook

stability = Rulebook("stability")
rule = stability.rule


@rule("rounding", zeros=True, cures="1 + x rounds x away")
def log_of_one_plus(x):
    """log(1 + x) = log1p(x)"""
    return ops.log(x + 1), ops.log1p(x)


@rule("rounding", zeros=True, cures="1 - x rounds x away")
def log_of_one_minus(x):
    """log(1 - x) = log1p(-x)"""
    return ops.log(1 - x), ops.log1p(-x)


@rule("rounding", zeros=True, cures="exp(x) - 1 cancels")
def exp_minus_one(x):
    """exp(x) - 1 = expm1(x)"""
    return ops.exp(x) - 1, ops.expm1(x)


@rule("rounding", cures="exp(x) overflows")
def sigmoid_spelt_out(x):
    """1 / (exp(x) + 1) = sigmoid(-x)"""
    return 1 / (ops.exp(x) + 1), ops.sigmoid(-x)


@rule("rounding", cures="exp(x) overflows")
def sigmoid_as_reciprocal(x):
    """reciprocal(exp(x) + 1) = sigmoid(-x)"""
    return ops.reciprocal(ops.exp(x) + 1), ops.sigmoid(-x)


@rule("rounding", cures="sigmoid(x) underflows or loses its distance from 1")
def log_of_sigmoid(x):
    """log(sigmoid(x)) = min(x, 0) - log1p(exp(-|x|))"""
    return ops.log(ops.sigmoid(x)), ops.minimum(x, 0) - ops.log1p(ops.exp(-ops.abs(x)))


@rule("finite", zeros=True, cures="exp(x) overflows or underflows")
def log_of_exp(x):
    """log(exp(x)) = x"""
    return ops.log(ops.exp(x)), x


@rule("rounding", zeros=True, cures="a quotient that underflows has logarithm -inf")
def log_of_softmax(x, a: Attr):
    """log(exp(x) / sum(exp(x))) = x - log(sum(exp(x)))"""
    e = ops.exp(x)
    return ops.log(e / ops.sum(e, axis=a)), x - ops.log(ops.sum(e, axis=a))


# ------------------------------------------------------------------------------------------ exponentials that are summed


def unshifted(record: Record) -> float:
    """How many exponentials below a record are summed although nothing keeps them from overflowing."""
    nodes = needed([record])
    sums = [r for r in nodes if r.op is OPS["sum"] and r.args[0].op is OPS["exp"]]
    return sum(not _held(r.args[0].args[0]) for r in sums)


def _held(x: Record) -> bool:
    """Whether x is a difference from a maximum of its own."""
    if x.op is not OPS["subtract"]:
        return False
    top = x.args[1]
    while top.op.name in ("stop_gradient", "where", "broadcast_to", "reshape") and top.args:
        top = top.args[1 if top.op.name == "where" else 0]
    return top.op is OPS["max"]


def _may_overflow(x, a) -> Any:
    if _held(x):
        return "the maximum is subtracted already"
    sizes = [x.shape[i] for i in a]
    if any(isinstance(n, Dim) or n == 0 for n in sizes):
        return "there may be no element, and then no maximum"
    return True


def _top(x, a):
    top = ops.max(x, axis=a)
    return ops.where(ops.isfinite(top), top, 0)


@rule("rounding", where=_may_overflow, measure=unshifted, cures="exp(x) overflows or underflows")
def log_of_sum_of_exp(x, a: Attr):
    """log(sum(exp(x))) = log(sum(exp(x - max(x)))) + max(x)"""
    shifted = ops.exp(x - _top(x, a))
    return ops.log(ops.sum(ops.exp(x), axis=a)), ops.log(ops.sum(shifted, axis=a)) + _top(x, a)


@rule("rounding", where=_may_overflow, measure=unshifted, cures="exp(x) overflows or underflows")
def softmax_spelt_out(x, a: Attr):
    """exp(x) / sum(exp(x)) = exp(x - max(x)) / sum(exp(x - max(x)))"""
    e, shifted = ops.exp(x), ops.exp(x - _top(x, a))
    return e / ops.sum(e, axis=a), shifted / ops.sum(shifted, axis=a)
