"""Define-then-run: named sizes, feeds that are checked, results in the structure asked for."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn

F = nn.functional


def predictor(**options):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    with tg.static() as g:
        x = g.input("x", shape=("batch", 4), dtype="float32")
        y = F.softmax(model(x))
    return model, g.compile(y, **options)


def test_one_compile_serves_any_batch():
    model, predict = predictor()
    for n in (5, 1, 0, 17):
        x = np.random.default_rng(n).normal(size=(n, 4)).astype("f4")
        expected = F.softmax(model(tg.asarray(x)))
        np.testing.assert_allclose(predict(x).numpy(), expected.numpy(), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(predict(x=tg.asarray(x)).numpy(), expected.numpy(), rtol=1e-5, atol=1e-7)


def test_new_parameter_values_are_seen():
    model, predict = predictor()
    x = np.ones((2, 4), "f4")
    before = predict(x).numpy().copy()
    model[0].weight.assign(model[0].weight * 2.0)
    assert not np.allclose(predict(x).numpy(), before)


@pytest.mark.parametrize(
    "args, feeds, message",
    [
        ((np.ones((2, 5), "f4"),), {}, "axis 1 must be 4, got 5"),
        ((np.ones(4, "f4"),), {}, "'x' must be float32"),
        ((np.ones((2, 4)),), {}, "must be float32, got float64"),
        ((), {}, "'x' is missing"),
        ((), {"z": np.ones((2, 4), "f4")}, "has no input 'z'"),
        ((np.ones((2, 4), "f4"),) * 2, {}, "takes 1 inputs"),
        ((np.ones((2, 4), "f4"),), {"x": np.ones((2, 4), "f4")}, "given twice"),
    ],
)
def test_a_wrong_feed_is_named(args, feeds, message):
    _, predict = predictor()
    with pytest.raises(tg.errors.FeedError, match=message):
        predict(*args, **feeds)


def test_the_same_name_is_the_same_size():
    with tg.static() as g:
        a, b = g.input("a", "n"), g.input("b", "n")
        total = a + b
    f = g.compile(total)
    assert f([1.0, 2.0], [3.0, 4.0]).tolist() == [4, 6]
    with pytest.raises(tg.errors.FeedError, match="n=2"):
        f([1.0, 2.0], [3.0, 4.0, 5.0])


def test_names_do_not_meet_numbers_by_accident():
    with tg.static() as g, pytest.raises(tg.errors.ShapeError) as caught:
        g.input("a", ("n", 4)) + g.input("b", (3, 4))
    assert "n" in str(caught.value) and caught.value.place.file == __file__


def test_specialize_pins_a_size():
    _, predict = predictor(specialize={"batch": 2})
    predict(np.ones((2, 4), "f4"))
    with pytest.raises(tg.errors.FeedError, match="axis 0 must be 2, got 3"):
        predict(np.ones((3, 4), "f4"))
    with pytest.raises(tg.errors.ArgumentError, match="nosuch"):
        predictor(specialize={"nosuch": 2})


def test_results_keep_their_structure_and_gradients_are_part_of_a_graph():
    with tg.static() as g:
        x = g.input("x", "n", "float64")
        value, gradient = tg.value_and_grad(lambda v: (v * v).sum())(x)
    f = g.compile({"value": value, "parts": [gradient, x]})
    out = f(np.array([1.0, 3.0]))
    assert out["value"].item() == 10 and out["parts"][0].tolist() == [2, 6] and out["parts"][1].tolist() == [1, 3]


def test_a_graph_mutates_nothing():
    s = tg.State(np.zeros(2, "f4"))
    with tg.static() as g:
        x = g.input("x", 2)
        s.assign(s + x)
        y = s.value * 2.0
    f = g.compile(y)
    assert f([1.0, 2.0]).tolist() == [2, 4] and s.numpy().tolist() == [0, 0]


def test_sizes_as_numbers_in_the_program():
    with tg.static() as g:
        x = g.input("x", ("n", "m"), "float64")
        outputs = [x.mean(), x / x.shape[0], x[1:].sum(axis=0), tg.arange(x.shape[1]), x.reshape(-1)]
    f = g.compile(outputs)
    for n, m in ((3, 4), (5, 2)):
        a = np.arange(n * m, dtype="f8").reshape(n, m)
        expected = [a.mean(), a / n, a[1:].sum(0), np.arange(m), a.reshape(-1)]
        for got, want in zip(f(a), expected):
            np.testing.assert_allclose(got.numpy(), want)


def test_an_index_outside_a_named_size_is_caught_when_the_size_is_known():
    with tg.static() as g:
        x = g.input("x", "n", "float64")
        third, last = x[2], x[-1]
    f = g.compile([third, last])
    assert [r.item() for r in f(np.arange(4.0))] == [2.0, 3.0]
    with pytest.raises(tg.errors.IndexRangeError, match="2, where the axis has size 2") as caught:
        f(np.arange(2.0))
    assert caught.value.place.expression == "x[2]"


@pytest.mark.parametrize(
    "part",
    [
        slice(1, None),
        slice(None, -1),
        slice(2, 5),
        slice(-3, None),
        slice(None, None, 2),
        slice(None, None, -1),
        slice(1, -1, 2),
    ],
)
def test_slices_of_a_named_size_follow_python(part):
    with tg.static() as g:
        y = g.input("x", "n", "float64")[part]
    f = g.compile(y)
    for n in range(7):
        x = np.arange(float(n))
        assert f(x).tolist() == x[part].tolist()
