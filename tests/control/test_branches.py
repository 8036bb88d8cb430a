"""cond, switch and while_loop: values, derivatives and messages in both modes."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.testing import assert_modes_agree, check_grads


def either(x, y):
    return tg.cond(tg.sum(x) > 0, lambda a, b: tg.sum(tg.sin(a) * b), lambda a, b: tg.sum(a + b * b), x, y)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cond_and_its_derivatives(sign):
    x, y = sign * np.array([0.5, 1.0, 2.0]), np.arange(3.0)
    check_grads(either, [x, y], order=2)
    assert_modes_agree(either, x, y)
    assert_modes_agree(tg.grad(either, (0, 1)), x, y)
    assert_modes_agree(tg.grad(lambda x, y: tg.sum(tg.grad(either)(x, y) ** 2), (0, 1)), x, y)


def test_one_compiled_cond_takes_both_ways_and_runs_one_only():
    run = tg.compile(lambda x, k: tg.cond(x[0] > 0, lambda: x * 2.0, lambda: tg.take(x, k, axis=0) * tg.ones(3)))
    ones = np.ones(3, "float32")
    np.testing.assert_array_equal(np.asarray(run(ones, np.array(7))), 2 * ones)  # the index is not looked at
    np.testing.assert_array_equal(np.asarray(run(-ones, np.array(2))), -ones)
    with pytest.raises(tg.errors.IndexRangeError):
        run(-ones, np.array(7))


def test_switch_holds_the_index_to_the_branches():
    branches = [lambda x: x, lambda x: x * 10.0, lambda x: x * x]

    def run(i, x):
        return tg.switch(i, branches, x)

    compiled = tg.compile(run)
    for i, wanted in ((-4, 3.0), (0, 3.0), (1, 30.0), (2, 9.0), (8, 9.0)):
        assert float(run(tg.asarray(i), tg.asarray(3.0))) == wanted
        assert float(compiled(np.array(i), np.array(3.0, "float32"))) == wanted
    check_grads(lambda x: tg.switch(tg.asarray(2), branches, x), [np.array([1.0, 2.0])], order=2)


def test_branches_that_give_different_things_are_refused():
    for other, error in ((lambda x: x[:1], tg.errors.ShapeError), (lambda x: x > 0, tg.errors.DTypeError)):
        with tg.mode("static"), pytest.raises(error, match="branches must give the same"):
            tg.function(lambda x, other=other: tg.cond(tg.sum(x) > 0, lambda x: x, other, x))(np.ones(3))


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_a_condition_is_one_bool(mode):
    with tg.mode(mode):
        with pytest.raises(tg.errors.ShapeError, match="one element"):
            tg.function(lambda x: tg.cond(x > 0, lambda: x, lambda: -x))(np.ones(3))
        with pytest.raises(tg.errors.DTypeError, match="bool"):
            tg.function(lambda x: tg.cond(tg.sum(x), lambda: x, lambda: -x))(np.ones(3))


def test_states_assigned_in_a_branch():
    seen = tg.State(np.zeros(()))

    def run(x):
        def yes():
            seen.value = seen.value + 1.0
            return x

        return tg.cond(tg.sum(x) > 0, yes, lambda: -x)

    assert_modes_agree(run, np.ones(3), states=[seen], calls=2)
    assert_modes_agree(run, -np.ones(3), states=[seen], calls=2)


def doubled(x):
    return tg.while_loop(lambda v: tg.sum(v) < 100.0, lambda v: v * 1.5 + x, x)


def test_while_loop_in_both_modes():
    x = np.abs(np.random.default_rng(0).normal(size=(3, 4))) + 0.1
    assert_modes_agree(doubled, x)
    compiled = tg.compile(doubled)
    for scale in (0.01, 1.0, 100.0):  # another number of steps, none at last
        np.testing.assert_allclose(
            np.asarray(compiled(scale * x)), np.asarray(doubled(tg.asarray(scale * x))), rtol=1e-12
        )


def test_newton_with_a_structure():
    def root(a):
        def step(v):
            return {"x": 0.5 * (v["x"] + a / v["x"]), "n": v["n"] + 1}

        start = {"x": a, "n": tg.asarray(0)}
        return tg.while_loop(lambda v: tg.abs(v["x"] * v["x"] - a) > 1e-10, step, start)

    found = tg.compile(root)(np.array(2.0))
    assert abs(float(found["x"]) - 2**0.5) < 1e-9
    assert int(found["n"]) == int(root(tg.asarray(2.0, dtype="float64"))["n"])


def test_bounded_while_is_differentiable_in_a_graph():
    def run(x):
        return tg.sum(tg.while_loop(lambda v: tg.sum(v) < 100.0, lambda v: v * 1.5 + x, x, max_steps=20) ** 2)

    x = np.full(3, 0.3)
    check_grads(run, [x], order=2)
    assert_modes_agree(tg.grad(run), x)
    short = tg.compile(lambda x: tg.while_loop(lambda v: tg.sum(v) < 1e9, lambda v: v * 2.0, x, max_steps=3))
    np.testing.assert_allclose(np.asarray(short(x)), 8 * x)


def test_unbounded_while_backward_says_what_to_do():
    eager = tg.grad(lambda x: tg.sum(doubled(x)))(tg.asarray(np.ones(3)))
    assert np.isfinite(np.asarray(eager)).all()
    with pytest.raises(tg.errors.GradientError, match="max_steps"):
        tg.compile(tg.grad(lambda x: tg.sum(doubled(x))))(np.ones(3))


@tg.extend.op(spec=lambda x: tg.Spec(x.shape, x.dtype), name="cubed_in_python")
def cubed(x):
    return x**3


def test_an_op_without_native_code_in_a_body_is_called_back():
    run = tg.compile(lambda xs: tg.scan(lambda c, x: (c + cubed(x), c), tg.zeros((), dtype="float64"), xs))
    last, ys = run(np.arange(4.0))
    assert float(last) == 36.0
    assert np.asarray(ys).tolist() == [0.0, 0.0, 1.0, 9.0]
    assert "cubed_in_python" in str(run.explain())
