"""vmap as a function of functions: axes, structures, nesting, named batches, states, random numbers, mistakes."""

from __future__ import annotations

import time

import numpy as np
import pytest

import tapegraph as tg
from engine import batching, tree
from engine.op import OPS
from tapegraph import nn
from tapegraph.nn import functional as F
from tests.support.both_modes import both

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3)).astype(np.float32)
BEYOND = {"leaf", "result"}  # never applied
BY_KEY = {"random_bits", "random_below"}  # a kernel takes one key
CONTROL = {"scan", "switch", "while_loop", "effect"}  # batched by their public functions
SLOPES = {"recurrent_layer_slope", "recurrent_layer_of_lengths_slope"}  # of many cotangents at once: jacobians only


def test_every_op_has_a_whole_form():
    ours = [op for op in OPS.values() if op.infer.__module__.startswith("engine.")]  # other tests add theirs
    slow = {op.name for op in ours if batching.way_of(op) is batching.WAYS["entries"]}
    assert slow == BEYOND | BY_KEY | CONTROL | SLOPES


# ------------------------------------------------------------------------------------------ axes and structures


def test_axes_of_arguments_and_results():
    a, b = RNG.normal(size=(4, 3, 5)), RNG.normal(size=(5, 6))
    found = both(
        tg.vmap(lambda x, y: tg.matmul(x, tg.sum(y) * tg.ones((3, 2), dtype="float64")), (2, 0), -1), a, b, rtol=1e-14
    )
    wanted = np.stack([a[:, :, i] @ (b[i].sum() * np.ones((3, 2))) for i in range(5)], axis=-1)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_array_equal(both(tg.vmap(lambda x: x * 2, -2, 1), a), a * 2)
    np.testing.assert_array_equal(both(tg.vmap(lambda x: x, -1, 0), a), np.moveaxis(a, -1, 0))


def test_structures():
    def function(given, pair):
        return {"a": given["x"] * pair[0], "b": (pair[1], tg.sum(given["y"]))}

    run = tg.vmap(function, ({"x": 0, "y": None}, (0, 1)), {"a": 1, "b": (0, None)})
    a, b, c = both(lambda x, y, z: run({"x": x, "y": y}, (x, z)), X, X[:2], X.T.copy())
    np.testing.assert_array_equal(a, (X * X).T)
    np.testing.assert_array_equal(b, X)
    np.testing.assert_allclose(c, X[:2].sum(), rtol=1e-6)


def test_nested_three_times():
    def product(a, b, c):
        return tg.sum(a * b) + c

    run = tg.vmap(tg.vmap(tg.vmap(product, (None, 0, None)), (0, None, None)), (None, None, 0))
    a, b, c = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=2)
    np.testing.assert_allclose(both(run, a, b, c, rtol=1e-14), (a @ b.T) + c[:, None, None], rtol=1e-12)


def test_an_empty_batch():
    assert both(tg.vmap(lambda x: tg.sort(tg.matmul(tg.asarray(X), x))), X[:0]).shape == (0, 5)
    assert both(tg.vmap(lambda k: tg.uniform((2,), key=k)), np.zeros((0, 2), np.uint64)).shape == (0, 2)


def test_elements_are_replaced():
    def function(x):
        y = x + 0
        y[0] = x[1] * 2
        y[1:] += 1
        return y

    wanted = X + np.array([0, 1, 1], np.float32)
    wanted[:, 0] = X[:, 1] * 2
    np.testing.assert_array_equal(both(tg.vmap(function), X), wanted)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_places_differ_from_entry_to_entry(axis):
    x, places = RNG.normal(size=(5, 4, 4, 4)), RNG.integers(-4, 4, (5, 2, 3))
    index = (slice(None),) * axis

    def write(x, i):
        y = x + 0
        y[(*index, i[0])] = 7.0
        return y, x[(*index, i)], x.mT[(*index, i[:, 0], i[:, 1])] if axis < 2 else x

    written, read, _ = both(tg.vmap(write), x, places)
    for k in range(5):
        wanted = x[k].copy()
        wanted[(*index, places[k, 0])] = 7.0
        np.testing.assert_array_equal(written[k], wanted)
        np.testing.assert_array_equal(read[k], x[k][(*index, places[k])])
    table = tg.asarray(x[0])
    np.testing.assert_array_equal(both(tg.vmap(lambda i: table[(*index, i)]), places)[3], x[0][(*index, places[3])])


# ------------------------------------------------------------------------------------------ compiled once


def loss(w, b, x):
    return tg.sum(F.relu(F.conv2d(x, w, b, padding=1)) ** 2)


@pytest.mark.parametrize("layers", ["linear", "conv"])
def test_one_version_serves_every_batch(layers):
    if layers == "linear":
        shapes, of = ((4, 3), (4,), (3,)), lambda w, b, x: tg.sum(tg.tanh(F.linear(x, w, b)) ** 2)
    else:
        shapes, of = ((3, 2, 3, 3), (3,), (2, 4, 4)), loss
    w, b = (RNG.normal(size=s).astype(np.float32) for s in shapes[:2])
    slopes = tg.grad(of, (0, 1, 2))
    run = tg.compile(tg.vmap(slopes, (None, None, 0)))
    for n in (2, 3, 5):
        x = RNG.normal(size=(n, *shapes[2])).astype(np.float32)
        eager = tg.vmap(slopes, (None, None, 0))(*map(tg.asarray, (w, b, x)))
        for found, per_example, args in zip(run(w, b, x), eager, range(3), strict=True):
            wanted = np.stack([np.asarray(slopes(*map(tg.asarray, (w, b, e)))[args]) for e in x])
            np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(np.asarray(per_example), wanted, rtol=1e-4, atol=1e-4)
    assert sum(map(len, run.versions.values())) == 1


def per_example(weights, x, y):
    def one(weights, x, y):
        w1, b1, w2, b2 = weights
        return F.cross_entropy(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), y)

    return tg.vmap(tg.grad(one), (None, 0, 0))(weights, x, y)


def by_hand(weights, x, y):
    w1, b1, w2, b2 = weights
    z = F.linear(x, w1, b1)
    a = F.relu(z)
    g = tg.softmax(F.linear(a, w2, b2)) - tg.one_hot(y, w2.shape[0], dtype="float32")
    h = tg.matmul(g, w2) * tg.astype(z > 0, "float32")
    return [
        tg.expand_dims(h, axis=2) * tg.expand_dims(x, axis=1),
        h,
        tg.expand_dims(g, axis=2) * tg.expand_dims(a, axis=1),
        g,
    ]


def quickest(run, *args):
    run(*args)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        run(*args)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["eager", "static"])
def test_gradients_of_each_example_are_quick(mode):
    shapes = ((256, 512), (256,), (10, 256), (10,))
    weights = [tg.asarray((RNG.normal(size=s) * 0.1).astype(np.float32)) for s in shapes]
    args = weights, tg.asarray(RNG.normal(size=(64, 512)).astype(np.float32)), tg.asarray(RNG.integers(0, 10, 64))
    runs = [per_example, by_hand] if mode == "eager" else [tg.compile(per_example), tg.compile(by_hand)]
    for a, b in zip(*(run(*args) for run in runs), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-5)
    ours, theirs = (quickest(run, *args) for run in runs)
    assert ours < 2 * theirs, f"{ours / theirs:.2f} times the time of what one would write by hand"


# ------------------------------------------------------------------------------------------ modules


def small_model():
    tg.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_a_module_is_a_function_of_one_entry():
    model = small_model()
    wanted = np.asarray(model(tg.asarray(X)))
    np.testing.assert_allclose(both(tg.vmap(model), X, rtol=1e-6), wanted, rtol=1e-6)
    slopes = both(tg.vmap(tg.grad(lambda x: tg.sum(model(x) ** 2))), X, rtol=1e-5)
    x = tg.asarray(X)
    np.testing.assert_allclose(slopes, np.asarray(tg.grad(lambda x: tg.sum(model(x) ** 2))(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_parameters_get_the_sum_of_the_gradients(mode):
    found = []
    for whole in (True, False):
        model = small_model()

        @tg.function
        def step(x, model=model, whole=whole):
            y = tg.sum(model(x) ** 2) if whole else tg.sum(tg.vmap(lambda e: tg.sum(model(e) ** 2))(x))
            y.backward()
            return y

        with tg.mode(mode):
            step(tg.asarray(X))
        found.append([np.asarray(p.grad) for p in model.parameters()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_statistics_of_a_layer_cannot_be_those_of_each_entry():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(tg.errors.UnsupportedError, match="a state holds one value"):
        tg.vmap(layer)(tg.ones((2, 5, 3)))
    layer.eval()
    assert both(tg.vmap(layer), np.ones((2, 5, 3), np.float32), rtol=1e-6).shape == (2, 5, 3)


# ------------------------------------------------------------------------------------------ random numbers


DRAWS = {
    "uniform": lambda x: x + tg.uniform((3,)),
    "twice": lambda x: x + tg.normal((3,)) + tg.normal((3,)),
    "odd": lambda x: x + tg.uniform(()),
    "integers": lambda x: x + tg.randint(0, 100, (3,)),
    "order": lambda x: x + tg.permutation(3),
    "dropout": lambda x: F.dropout(x + 1, 0.5, True),
    "in scan": lambda x: tg.scan(lambda c, e: (c + tg.uniform(()), e), x[0], x)[0],
    "in vmap": tg.vmap(lambda e: e + tg.uniform(()), randomness="different"),
    "slope": tg.grad(lambda x: tg.sum(tg.square(x + tg.uniform((3,))))),
    "checkpoint": tg.grad(tg.checkpoint(lambda x: tg.sum(tg.square(x + tg.uniform((3,)))))),
}


def drawn(function, mode):
    """The numbers a function draws, and what is drawn next."""
    run = function if mode == "eager" else tg.compile(function)
    tg.manual_seed(3)
    return np.asarray(run(tg.zeros((4, 3)))), np.asarray(tg.uniform((2,)))


@pytest.mark.parametrize("randomness", ["same", "different"])
@pytest.mark.parametrize("name", DRAWS)
def test_draws(name, randomness):
    function = tg.vmap(DRAWS[name], randomness=randomness)
    (a, after), (b, after_static) = (drawn(function, mode) for mode in ("eager", "static"))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(after, after_static)
    tg.manual_seed(3)
    alone = np.asarray(DRAWS[name](tg.zeros(3)))
    if randomness == "same":
        np.testing.assert_array_equal(a, np.stack([alone] * 4))
        np.testing.assert_array_equal(after, np.asarray(tg.uniform((2,))))
    else:
        assert len({row.tobytes() for row in a}) > 1


def test_different_draws_are_those_of_the_whole_batch():
    a, after = drawn(tg.vmap(lambda x: x + tg.normal((3,)), randomness="different"), "eager")
    b, after_whole = drawn(lambda x: x + tg.normal((4, 3)), "eager")
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(after, after_whole)


def test_bounds_may_differ_from_entry_to_entry():
    high = np.array([2, 50, 1000, 7])
    for randomness in ("same", "different"):
        run = tg.vmap(lambda n: tg.randint(0, n, (40,)), randomness=randomness)
        tg.manual_seed(0)
        a = np.asarray(run(tg.asarray(high)))
        tg.manual_seed(0)
        np.testing.assert_array_equal(np.asarray(tg.compile(run)(high)), a)
        assert (a < high[:, None]).all() and (a.max(axis=1) >= high // 2).all()


def test_keys_are_a_batch_like_any_other():
    keys = np.asarray(tg.split_key(tg.random_key(5), 4))
    found = both(tg.vmap(lambda k: tg.normal((3,), key=k)), keys)
    np.testing.assert_array_equal(found, np.stack([np.asarray(tg.normal((3,), key=k)) for k in keys]))
    shared = both(tg.vmap(lambda x: x + tg.uniform((3,), key=tg.random_key(1))), np.zeros((4, 3), np.float32))
    np.testing.assert_array_equal(shared, np.stack([np.asarray(tg.uniform((3,), key=tg.random_key(1)))] * 4))


# ------------------------------------------------------------------------------------------ mistakes


def at_all(run, *args):
    """The message of a mistake in both modes."""
    messages = []
    for made in (run, tg.compile(run)):
        with pytest.raises(tg.errors.TapegraphError) as caught:
            made(*map(tg.asarray, args))
        messages.append(str(caught.value))
    return messages


MISTAKES = {
    "an entry's shape, not the batch's": (
        tg.vmap(lambda a: tg.matmul(a, tg.ones((4, 2)))),
        (X,),
        "last axis of the first (3)",
    ),
    "shapes of one entry": (tg.vmap(lambda a, b: a + b), (X, np.ones((5, 5))), "shapes (3,) and (5,)"),
    "axis of one entry": (tg.vmap(lambda a: tg.softmax(a, axis=1)), (X,), "axis 1 is outside an array of 1"),
    "layer": (tg.vmap(lambda a, w: F.linear(a, w)), (X, np.ones((5, 4, 2), np.float32)), "takes 2 features"),
    "sizes": (tg.vmap(lambda a, b: a), (X, X.T), "batch sizes of the arguments differ"),
    "no axis": (tg.vmap(lambda a: a, 2), (X,), "no axis 2"),
    "no argument": (tg.vmap(lambda a: a, None), (X,), "every entry of in_axes is None"),
    "in_axes": (tg.vmap(lambda a: a, (0, 0)), (X,), "2 entries for 1 arguments"),
    "structure": (tg.vmap(lambda a: a, ({"x": 0},)), (X,), "structure of what they belong to"),
    "out_axes": (tg.vmap(tg.sum, 0, 1), (X,), "axis 1 of a result of 1 axes"),
    "out None": (tg.vmap(lambda a: a, 0, None), (X,), "out_axes None"),
    "if": (tg.vmap(lambda a: a if tg.sum(a) > 0 else -a), (X,), "stands for a whole batch"),
    "NumPy": (tg.vmap(np.asarray), (X,), "a NumPy array"),
    "unknown shape": (tg.vmap(lambda a: a[a > 0]), (X,), "depends on"),
    "draws": (tg.vmap(lambda a: a + tg.uniform((3,))), (X,), "randomness='different'"),
    "draws of a vmap around": (
        tg.vmap(tg.vmap(lambda a: a + tg.uniform(()), randomness="same")),
        (X,),
        "randomness='different'",
    ),
    "backward": (tg.vmap(lambda a: tg.sum(a).backward()), (X,), "use tg.grad inside vmap"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    run, args, words = MISTAKES[name]
    for message in at_all(run, *args):
        assert words in message, message


def test_randomness_is_one_of_three():
    with pytest.raises(tg.errors.ArgumentError, match="'error', 'same' or 'different'"):
        tg.vmap(lambda a: a, randomness="none")


def test_results_without_arrays():
    found = tg.vmap(lambda a: {"n": 3, "x": a})(tg.asarray(X))
    assert [y.shape for y in tree.leaves(found)] == [(5,), (5, 3)]
