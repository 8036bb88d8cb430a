"""Laws under which an op leaves its operand as it is, or undoes another."""

from __future__ import annotations

from engine import dispatch
from engine.custom import custom
from engine.ops.results import result as RESULT
from engine.spec import DType
from graph.pattern import Attr, Const, ops
from graph.rulebook import Rulebook

identities = Rulebook("identities")
rule = identities.rule

# ------------------------------------------------------------------------------------------ neutral elements


@rule("bitwise")
def times_one(x):
    """x * 1 = x"""
    return x * 1, x


@rule("bitwise")
def over_one(x):
    """x / 1 = x"""
    return x / 1, x


@rule("bitwise")
def minus_zero(x):
    """x - 0 = x, and -0 - 0 is -0"""
    return x - 0, x


@rule("bitwise")
def plus_negative_zero(x):
    """x + -0 = x: the neutral element of IEEE addition"""
    return x + -0.0, x


@rule("rounding", zeros=True, integers=True)
def plus_zero(x):
    """x + 0 = x, but for -0 + 0, which is 0"""
    return x + 0, x


@rule("bitwise")
def to_the_one(x):
    """x ** 1 = x"""
    return x**1, x


@rule("bitwise")
def to_the_zero(x):
    """x ** 0 = 1, of NaN too"""
    return x**0, 1


# ------------------------------------------------------------------------------------------ absorbing elements


@rule("finite", zeros=True, integers=True)
def times_zero(x):
    """x * 0 = 0, unless x is NaN or infinite"""
    return x * 0, 0


@rule("finite", zeros=True, integers=True)
def minus_itself(x):
    """x - x = 0, unless x is NaN or infinite"""
    return x - x, 0


# ------------------------------------------------------------------------------------------ idempotent and involutive ops


@rule("bitwise")
def maximum_of_one(x):
    """max(x, x) = x"""
    return ops.maximum(x, x), x


@rule("bitwise")
def minimum_of_one(x):
    """min(x, x) = x"""
    return ops.minimum(x, x), x


@rule("bitwise")
def relu_named(x):
    """max(x, 0) = relu(x)"""
    return ops.maximum(x, 0), ops.relu(x)


@rule("bitwise")
def relu_twice(x):
    """relu(relu(x)) = relu(x)"""
    return ops.relu(ops.relu(x)), ops.relu(x)


@rule("bitwise")
def abs_twice(x):
    """||x|| = |x|"""
    return ops.abs(ops.abs(x)), ops.abs(x)


@rule("bitwise")
def square_named(x):
    """x * x = square(x)"""
    return x * x, ops.square(x)


@rule("bitwise")
def square_of_abs(x):
    """square(|x|) = square(x)"""
    return ops.square(ops.abs(x)), ops.square(x)


def _bool(x) -> object:
    return x.dtype.kind == "b" or "its operand is not bool, so not(not(x)) would change its dtype"


@rule("bitwise", where=_bool)
def not_twice(x):
    """not not x = x"""
    return ops.logical_not(ops.logical_not(x)), x


@rule("bitwise", where=_bool)
def and_of_one(x):
    """x and x = x"""
    return ops.logical_and(x, x), x


@rule("bitwise", where=_bool)
def or_of_one(x):
    """x or x = x"""
    return ops.logical_or(x, x), x


# ------------------------------------------------------------------------------------------ choice


@rule("bitwise")
def choice_of_one(c, x):
    """where(c, x, x) = x"""
    return ops.where(c, x, x), x


@rule("bitwise")
def choice_by_negation(c, x, y):
    """where(not c, x, y) = where(c, y, x)"""
    return ops.where(ops.logical_not(c), x, y), ops.where(c, y, x)


@rule("bitwise")
def choice_repeated(c, x, y, z):
    """where(c, where(c, x, y), z) = where(c, x, z)"""
    return ops.where(c, ops.where(c, x, y), z), ops.where(c, x, z)


@rule("bitwise")
def choice_repeated_below(c, x, y, z):
    """where(c, x, where(c, y, z)) = where(c, x, z)"""
    return ops.where(c, x, ops.where(c, y, z)), ops.where(c, x, z)


@rule("bitwise", where=lambda c: bool(c) or "the condition is a constant, but false")
def choice_of_true(c: Const, x, y):
    """where(true, x, y) = x"""
    return ops.where(c, x, y), x


@rule("bitwise", where=lambda c: not c or "the condition is a constant, but true")
def choice_of_false(c: Const, x, y):
    """where(false, x, y) = y"""
    return ops.where(c, x, y), y


# ------------------------------------------------------------------------------------------ casts and gradient marks


def holds(wide: DType, narrow: DType) -> bool:
    """Whether every number of dtype ``narrow`` is one of ``wide``; unlike ``numpy.can_cast``, int64 not of float64."""
    if narrow.kind == "b" or wide == narrow:
        return wide.kind != "b" or narrow.kind == "b"
    digits = {2: 11, 4: 24, 8: 53}
    if wide.kind == "f":
        bits = digits[narrow.itemsize] if narrow.kind == "f" else 8 * narrow.itemsize - (narrow.kind == "i")
        return bits <= digits[wide.itemsize]
    if wide.kind == narrow.kind:
        return wide.itemsize >= narrow.itemsize
    return wide.kind == "i" and narrow.kind == "u" and wide.itemsize > narrow.itemsize


@rule("bitwise", where=lambda x, d: x.dtype == d or f"it casts {x.dtype} to {d}")
def cast_to_itself(x, d: Attr):
    """astype(x, its own dtype) = x"""
    return ops.astype(x, dtype=d), x


@rule("bitwise", where=lambda x, d: holds(d, x.dtype) or f"{d} does not hold every {x.dtype}")
def cast_twice(x, d: Attr, e: Attr):
    """astype(astype(x, d), e) = astype(x, e) where d holds every x"""
    return ops.astype(ops.astype(x, dtype=d), dtype=e), ops.astype(x, dtype=e)


@rule("bitwise")
def stop_gradient_done(x):
    """stop_gradient(x) = x, once gradients are taken"""
    return ops.stop_gradient(x), x


@identities.generic("bitwise", [RESULT], over=[custom])
def custom_done(record):
    """a result with a gradient of its own is the value it was computed as, once gradients are taken"""
    whole = record.args[0]
    return dispatch.current().handle(whole.args[whole.attrs["inputs"] + record.attrs["index"]])


@rule("bitwise")
def mark_done(x, t: Attr):
    """mark(x) = x, once gradients are taken"""
    return ops.mark(x, tag=t), x


@rule("bitwise")
def seen_back_done(x, t: Attr):
    """seen_back(x) = x, once gradients are taken"""
    return ops.seen_back(x, action=t), x
