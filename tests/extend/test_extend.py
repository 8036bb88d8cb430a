"""Ops of a user's own: in both modes, differentiated, compiled, batched, and refused where they do not hold together."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import extend
from tapegraph.testing import check_grads, check_op

X = np.random.default_rng(0).uniform(0.5, 2, (3, 4))


@extend.op(spec=lambda x: extend.Spec(x.shape, x.dtype), vjp=lambda g, y, x: g * 3.0 * x * x)
def user_cube(x):
    """x * x * x"""
    return x**3


@extend.op(
    spec=lambda x, y: extend.Spec(x.shape, x.dtype),
    vjp=(lambda g, z, x, y: g * y, lambda g, z, x, y: g * x),
    lower="{0} * {1} + {one}",
)
def user_product_and_one(x, y):
    return x * y + 1


def _sum_slopes(gs, ys, x):
    total, largest = gs
    spread = tg.zeros_like(x)
    if total is not None:
        spread = spread + tg.expand_dims(total, axis=-1)
    if largest is not None:
        spread = spread + tg.where(x == tg.expand_dims(ys[1], axis=-1), tg.expand_dims(largest, axis=-1), 0.0)
    return [spread]


@extend.op(
    spec=lambda x: [extend.Spec(x.shape[:-1], x.dtype)] * 2,
    vjp=_sum_slopes,
    many=True,
    batch="leading",
)
def user_sum_and_max(x):
    return x.sum(-1), x.max(-1)


def _running_text(specs, out, attrs):
    text = """def kernel(a0, o, n):
    total = a0[0] * 0
    for i in range(n):
        total = total + a0[i]
        o[i] = total
    return 0
"""
    return text, [specs[0].shape[0]]


@extend.op(spec=lambda x: extend.Spec(x.shape, x.dtype), lower=extend.Loop(_running_text))
def user_running_sum(x):
    return np.cumsum(x)


def test_each_holds_together():
    check_op(user_cube, X, order=2)
    check_op(user_product_and_one, X, X + 1, order=2)
    check_op(user_sum_and_max, X)
    check_op(user_running_sum, X[0])


def test_a_kernel_is_called_back_and_explain_says_so():
    run = tg.compile(lambda x: tg.sum(user_cube(tg.sin(x))))
    np.testing.assert_allclose(float(run(X)), (np.sin(X) ** 3).sum())
    assert "user_cube" in str(run.explain())
    native = tg.compile(lambda x: tg.sum(user_product_and_one(x, x)))
    np.testing.assert_allclose(float(native(X)), (X * X + 1).sum())
    assert "for want of native code" not in str(native.explain())


def test_derivatives_and_vmap():
    check_grads(lambda x: tg.sum(user_cube(tg.sin(x))), [X], order=2)
    total, largest = tg.vmap(user_sum_and_max)(tg.asarray(X))
    np.testing.assert_allclose(np.asarray(total), X.sum(-1))
    np.testing.assert_allclose(np.asarray(largest), X.max(-1))
    np.testing.assert_allclose(
        np.asarray(tg.vmap(tg.grad(lambda x: tg.sum(user_cube(x))))(tg.asarray(X))), 3 * X**2, rtol=1e-12
    )
    _, tangent = tg.jvp(user_cube, (tg.asarray(X),), (tg.ones((3, 4), dtype="float64"),))
    np.testing.assert_allclose(np.asarray(tangent), 3 * X**2, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::engine.notices.MismatchWarning")
def test_check_op_finds_what_is_wrong():
    wrong_spec = extend.op(spec=lambda x: extend.Spec((*x.shape, 1), x.dtype), name="user_wrong_spec")(np.exp)
    with pytest.raises(AssertionError, match="its spec says"):
        check_op(wrong_spec, X)
    wrong_slope = extend.op(
        spec=lambda x: extend.Spec(x.shape, x.dtype), vjp=lambda g, y, x: g, name="user_wrong_slope"
    )(np.exp)
    with pytest.raises(AssertionError, match="finite differences"):
        check_op(wrong_slope, X)
    wrong_code = extend.op(spec=lambda x: extend.Spec(x.shape, x.dtype), lower="{0} + {0}", name="user_wrong_code")(
        np.square
    )
    with pytest.raises(AssertionError):
        check_op(wrong_code, X)


def test_a_taken_name_and_a_shape_that_does_not_fit_are_told():
    with pytest.raises(tg.errors.ArgumentError, match="already"):
        extend.op(spec=lambda x: x, name="exp")(np.exp)

    def same_length(x, y):
        if x.shape != y.shape:
            raise extend.Incompatible("both must have the same shape")
        return extend.Spec(x.shape, x.dtype)

    strict = extend.op(spec=same_length, name="user_strict")(np.add)
    for mode in ("eager", "static"):
        with tg.mode(mode), pytest.raises(tg.errors.ShapeError, match="same shape"):
            tg.function(lambda x, y: strict(x, y))(tg.ones((2, 3)), tg.ones((2, 4)))
