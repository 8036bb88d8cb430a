"""Elementwise functions and operators against NumPy, for every dtype the standard gives them, 0-d and empty arrays too."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapegraph as tg
from engine.errors import DTypeError, IntegerDivisionError
from tests.array_api.arrays import BOOL, EVERY, FLOATS, INTEGERS, NUMERIC, assert_same, couples, of

quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
# The dtypes of the operands, and the functions that take them.
UNARY_OF = [
    (
        FLOATS,
        "acos acosh asin asinh atan atanh cos cosh exp expm1 log log10 log1p log2 reciprocal sin sinh sqrt tan tanh",
    ),
    (FLOATS, "signbit"),
    (NUMERIC, "abs ceil floor isfinite isinf isnan negative positive round sign square trunc"),
    (BOOL + INTEGERS, "bitwise_invert"),
    (EVERY, "logical_not"),
]
BINARY_OF = [
    (NUMERIC, "add subtract multiply maximum minimum"),
    (FLOATS, "divide atan2 copysign hypot logaddexp nextafter remainder pow"),
    (EVERY, "equal not_equal less less_equal greater greater_equal"),
    (BOOL + INTEGERS, "bitwise_and bitwise_or bitwise_xor"),
    (EVERY, "logical_and logical_or logical_xor"),
]
UNARY = {name: dtypes for dtypes, names in UNARY_OF for name in names.split()}
BINARY = {name: dtypes for dtypes, names in BINARY_OF for name in names.split()}
INFIX = {
    "add": (operator.add, operator.iadd), "subtract": (operator.sub, operator.isub),
    "multiply": (operator.mul, operator.imul), "divide": (operator.truediv, operator.itruediv),
    "pow": (operator.pow, operator.ipow), "remainder": (operator.mod, operator.imod),
    "bitwise_and": (operator.and_, operator.iand), "bitwise_or": (operator.or_, operator.ior),
    "bitwise_xor": (operator.xor, operator.ixor),
}  # fmt: skip
COMPARED = {"equal": operator.eq, "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le}
COMPARED |= {"greater": operator.gt, "greater_equal": operator.ge}


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    @quick
    @given(of(UNARY[name]))
    def check(x):
        with np.errstate(all="ignore"):
            assert_same(getattr(tg, name)(tg.asarray(x)), getattr(np, name)(x))

    check()


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    @quick
    @given(couples(BINARY[name]))
    def check(xs):
        x, y = map(tg.asarray, xs)
        with np.errstate(all="ignore"):
            wanted = getattr(np, name)(*xs)
            assert_same(getattr(tg, name)(x, y), wanted)
            if name in COMPARED:
                assert_same(COMPARED[name](x, y), wanted)
            if name in INFIX:
                assert_same(INFIX[name][0](x, y), wanted)
                if wanted.shape == x.shape:
                    alias, before = x, x.numpy().copy()
                    kept = tg.asarray(x, copy=True)
                    x = INFIX[name][1](x, y)
                    assert x is alias
                    assert_same(x, wanted)
                    assert_same(kept, before)

    check()


@pytest.mark.parametrize("name", ["bitwise_left_shift", "bitwise_right_shift"])
def test_shifts(name):
    sign = operator.lshift if "left" in name else operator.rshift

    @quick
    @given(couples(INTEGERS), st.integers(0, 70))
    def check(xs, far):
        x, y = xs[0], np.minimum(xs[1] & 0x3F, far).astype(xs[1].dtype)
        wanted = getattr(np, name)(x, y)
        assert_same(getattr(tg, name)(tg.asarray(x), tg.asarray(y)), wanted)
        assert_same(sign(tg.asarray(x), tg.asarray(y)), wanted)

    check()


@quick
@given(couples(NUMERIC))
def test_floor_division_and_remainder(xs):
    x, y = xs
    if x.dtype.kind in "iu":
        if (y == 0).any() and np.broadcast(x, y).size:
            with pytest.raises(IntegerDivisionError):
                tg.asarray(x) // tg.asarray(y)
            return
        wanted = np.floor_divide(x, y)
    else:
        with np.errstate(all="ignore"):
            wanted = np.where(np.isinf(x) | np.isinf(y), x / y, np.floor_divide(x, y))
    with np.errstate(all="ignore"):
        assert_same(tg.asarray(x) // tg.asarray(y), wanted)
        assert_same(tg.asarray(x) % tg.asarray(y), np.remainder(x, y))


@quick
@given(couples(INTEGERS))
def test_integer_powers(xs):
    x, y = xs[0], xs[1] & 15
    assert_same(tg.asarray(x) ** tg.asarray(y), x**y)


@quick
@given(of(NUMERIC), st.integers(1, 100), st.sampled_from(["add", "subtract", "multiply", "maximum", "less", "equal"]))
def test_numbers_on_either_side(x, n, name):
    with np.errstate(all="ignore"):
        assert_same(getattr(tg, name)(tg.asarray(x), n), getattr(np, name)(x, n))
        assert_same(getattr(tg, name)(n, tg.asarray(x)), getattr(np, name)(n, x))


@quick
@given(couples(NUMERIC), st.data())
def test_where_and_clip(xs, data):
    x, y = xs
    c = data.draw(of(BOOL, np.broadcast_shapes(x.shape, y.shape)))
    assert_same(tg.where(tg.asarray(c), tg.asarray(x), tg.asarray(y)), np.where(c, x, y))
    low, high = (x.min(), x.max()) if x.size and not (x != x).any() else (0, 1)
    assert_same(tg.clip(tg.asarray(y), low.item() if x.size else low, tg.asarray(high, dtype=y.dtype)),
                np.clip(y, np.asarray(low, y.dtype), np.asarray(high, y.dtype)))  # fmt: skip
    assert_same(tg.clip(tg.asarray(y), max=tg.asarray(x)), np.minimum(y, x))


def test_what_is_refused():
    whole, real, truth = tg.ones(2, dtype="int32"), tg.ones(2), tg.asarray([True, False])
    uses = [lambda: real & real, lambda: ~real, lambda: real << 1, lambda: truth << truth, lambda: truth + truth, lambda: -truth,
            lambda: tg.signbit(whole), lambda: tg.bitwise_or(real, 1), lambda: +truth]  # fmt: skip
    for use in uses:
        with pytest.raises(DTypeError):
            use()
    for count in (lambda: tg.add(real), lambda: tg.exp(real, real), lambda: tg.add(real, real, real)):
        with pytest.raises((TypeError, ValueError)):
            count()
    assert real.tolist() == [1.0, 1.0]


def test_in_place_operators_keep_dtype_and_shape():
    x = tg.ones(3, dtype="int32")
    for use in (
        lambda v: operator.iadd(v, 0.5),
        lambda v: operator.itruediv(v, 2),
        lambda v: operator.iadd(v, tg.ones(1, dtype="int64")),
    ):
        with pytest.raises(DTypeError, match="take the place"):
            use(x)
    with pytest.raises(tg.errors.ShapeError, match="take the place"):
        x += tg.ones((2, 3), dtype="int32")
    assert x.tolist() == [1, 1, 1]
    p = tg.Parameter([1.0, 2.0])
    q = p
    with tg.no_grad():
        p -= 0.5
    assert p is q and p.tolist() == [0.5, 1.5]
    m = tg.asarray([[0.0, 1.0], [1.0, 0.0]])
    m @= tg.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert m.tolist() == [[3.0, 4.0], [1.0, 2.0]]


def test_in_place_operators_mean_the_same_in_both_modes():
    def step(x: Any, y: Any) -> Any:
        z = x * 1.0
        z += y
        x *= 2.0
        return z

    seen = []
    for run in (step, tg.compile(step)):
        x = tg.asarray([1.0, 2.0])
        z = run(x, tg.asarray([10.0, 20.0]))
        seen.append((z.tolist(), x.tolist()))
    assert seen == [([11.0, 22.0], [2.0, 4.0])] * 2
    g = tg.grad(lambda v: tg.sum(operator.imul(v * 1.0, v)))
    assert g(tg.asarray([1.0, 3.0])).tolist() == tg.compile(g)(tg.asarray([1.0, 3.0])).tolist() == [2.0, 6.0]
