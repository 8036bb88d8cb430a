"""scan: values and derivatives in both modes, states, masks, messages, and that a graph holds one native loop."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from compiler.control import Turn
from tapegraph.testing import assert_modes_agree, check_grads

RNG = np.random.default_rng(0)
W, H, X = RNG.normal(size=(4, 4)) * 0.5, RNG.normal(size=(3, 4)), RNG.normal(size=(6, 3, 4))


def recurrent(w, h, xs, **how):
    def step(h, x):
        h = tg.tanh(tg.matmul(h, w) + x)
        return h, h * 2.0

    return tg.scan(step, h, xs, **how)


def loss(w, h, xs, **how):
    last, ys = recurrent(w, h, xs, **how)
    return tg.sum(last * last) + tg.sum(tg.sin(ys))


def by_hand(w, h, xs):
    ys = []
    for x in xs:
        h = np.tanh(h @ w + x)
        ys.append(h * 2)
    return h, np.stack(ys)


def test_values_in_both_modes():
    wanted = by_hand(W, H, X)
    for run in (recurrent, tg.compile(recurrent)):
        for a, b in zip(run(*map(tg.asarray, (W, H, X))), wanted, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_to_second_order(reverse):
    check_grads(lambda *a: loss(*a, reverse=reverse), [W, H, X], order=2)
    slope = tg.grad(lambda *a: loss(*a, reverse=reverse), (0, 1, 2))
    assert_modes_agree(slope, W, H, X)
    assert_modes_agree(tg.grad(lambda *a: tg.sum(tg.sin(slope(*a)[0])), (0, 1, 2)), W, H, X)


def test_a_graph_holds_one_native_loop_for_every_length():
    run = tg.compile(tg.grad(loss, (0, 1, 2)))
    for steps in (6, 1, 9, 30):
        xs = RNG.normal(size=(steps, 3, 4))
        for a, b in zip(run(W, H, xs), tg.grad(loss, (0, 1, 2))(*map(tg.asarray, (W, H, xs))), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-12)
    version = next(iter(run.versions.values()))[0]
    loops = [s for s in version.program.plan.steps if isinstance(s, Turn)]
    assert len(loops) == 2  # forward and backward
    assert not version.program.callbacks
    assert "loop" in run.source()


def test_mask_freezes_the_carry_and_clears_the_outputs():
    mask = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)
    h, ys = recurrent(*map(tg.asarray, (W, H, X)), mask=mask)
    for column, length in enumerate((2, 1, 4)):
        last, rows = by_hand(W, H[column], X[:length, column])
        np.testing.assert_allclose(np.asarray(h)[column], last, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(ys)[:length, column], rows, rtol=1e-12)
        assert not np.asarray(ys)[length:, column].any()
    assert_modes_agree(lambda *a: recurrent(*a, mask=tg.asarray(mask)), W, H, X)


def test_nested_structures_and_no_entries():
    def fibonacci(n):
        def step(c, _):
            return {"a": c["b"], "b": c["a"] + c["b"]}, c["a"]

        return tg.scan(step, {"a": tg.asarray(0), "b": tg.asarray(1)}, length=n)

    last, ys = fibonacci(10)
    assert np.asarray(ys).tolist() == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
    assert int(last["a"]) == 55
    assert np.asarray(tg.compile(lambda: fibonacci(10)[1])()).tolist() == np.asarray(ys).tolist()


def test_scan_in_scan():
    def table(rows):
        def outer(total, row):
            inner, ys = tg.scan(lambda c, e: (c + tg.sin(e), c * e), total, row)
            return inner, ys

        return tg.scan(outer, tg.asarray(0.5, dtype="float64"), rows)

    assert_modes_agree(table, X[:, 0])
    check_grads(lambda r: tg.sum(table(r)[1]) + table(r)[0], [X[:, 0]], order=2)
    assert_modes_agree(tg.grad(lambda r: tg.sum(table(r)[1]) + table(r)[0]), X[:, 0])


def test_states_and_random_numbers_are_carried_along():
    count = tg.State(np.zeros(()))

    def run(xs):
        def step(c, x):
            count.value = count.value + 1.0
            return c + x * tg.astype(count.value, x.dtype), tg.dropout(x, 0.5, training=True)

        return tg.scan(step, tg.zeros(3, dtype=xs.dtype), xs)

    assert_modes_agree(run, np.ones((5, 3)), states=[count])
    before = count.item()
    with tg.mode("static"):
        tg.function(run)(np.ones((5, 3)))
    assert count.item() == before + 5


def test_a_mistake_inside_is_told_at_its_line():
    def run(x, places):
        return tg.scan(lambda c, i: (c + x[i], c), tg.asarray(0.0, dtype="float64"), places)[0]

    for mode in ("eager", "static"):
        with tg.mode(mode), pytest.raises(tg.errors.IndexRangeError) as caught:
            tg.function(run)(tg.ones(3, dtype="float64"), np.array([0, 5]))
        assert caught.value.place.text.strip().startswith("return tg.scan(lambda c, i: (c + x[i]")


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize(
    ("step", "error", "words"),
    [
        (lambda c, x: (tg.concat([c, c]), x), tg.errors.ShapeError, "keeps its shape"),
        (lambda c, x: (c.astype("float64"), x), tg.errors.DTypeError, "keeps its dtype"),
        (lambda c, x: ((c, c), x), tg.errors.ArgumentError, "f returns 2"),
    ],
)
def test_a_carry_that_changes_is_refused(mode, step, error, words):
    with tg.mode(mode), pytest.raises(error, match=words):
        tg.function(lambda xs: tg.scan(step, tg.zeros(2), xs))(np.ones((3, 2), "float32"))


def test_a_carry_changed_in_place_is_the_step_s_own():
    def run(x):
        def step(c, x):
            c += x
            c[0] = c[0] + 1.0
            return c, c

        return tg.scan(step, x[0], x)

    x = np.ones((3, 2))
    start = tg.asarray(x)
    _, ys = run(start)
    assert np.asarray(ys).tolist() == [[3, 2], [5, 3], [7, 4]]
    np.testing.assert_array_equal(np.asarray(start), x)
    assert_modes_agree(run, x)


def test_lengths_that_differ_and_no_length_are_refused():
    with pytest.raises(tg.errors.ShapeError, match="entries along the first axis"):
        tg.scan(lambda c, x: (c, x[0]), tg.zeros(()), (tg.ones(3), tg.ones(4)))
    with pytest.raises(tg.errors.ArgumentError, match="xs or a length"):
        tg.scan(lambda c, x: (c, c), tg.zeros(()))


def test_a_value_from_around_cannot_be_changed_inside():
    def run(xs):
        total = xs[0] * 0

        def step(c, x):
            nonlocal total
            total += x
            return c, x

        tg.scan(step, xs[0], xs)
        return total

    with tg.mode("static"), pytest.raises(tg.errors.TapegraphError):
        tg.function(run)(np.ones((3, 2)))
