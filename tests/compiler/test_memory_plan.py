"""Memory: dying operands are written over, arenas stay near the bytes alive at once, a budget is met by computing again."""

import numpy as np
import pytest

import tapegraph as tg
from compiler.buffers import Buffer
from compiler.memory import arrange, bytes_of, peak
from engine.errors import ArgumentError


def program(function):
    (version,) = [v for known in function.versions.values() for v in known]
    return version.program


def arena(function):
    return program(function).arena.bytes


def test_bias_and_activation_are_written_over_the_product():
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=s).astype("f4") for s in ((64, 64), (64, 64), (64,)))
    function = tg.compile(lambda x, w, b: tg.tanh(tg.tanh(x @ w + b) @ w + b) @ w)
    wanted = np.tanh(np.tanh(x @ w + b) @ w + b) @ w
    np.testing.assert_allclose(function(x, w, b).numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert arena(function) == 2 * 64 * 64 * 4  # one operand and one result of the second product


def test_an_operand_read_again_later_is_not_written_over():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 8)).astype("f4")

    def twice(x):
        y = x @ x
        z = tg.exp(tg.permute_dims(y, (1, 0))) + y  # y is read at two places: no room for the result
        return z @ (y @ z)

    y = x @ x
    z = np.exp(y.T) + y
    np.testing.assert_allclose(tg.compile(twice)(x).numpy(), z @ (y @ z), rtol=2e-3)


def test_rows_are_written_over_in_the_last_pass_only():
    x = np.random.default_rng(0).normal(size=(6, 10)).astype("f4")
    function = tg.compile(lambda x: tg.nn.functional.softmax(x @ tg.eye(10), axis=-1) @ tg.eye(10))
    wanted = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    np.testing.assert_allclose(function(x).numpy(), wanted, rtol=1e-5)


def test_an_index_is_written_into_a_dying_operand():
    rng = np.random.default_rng(0)
    x, v, i = rng.normal(size=(10, 10)).astype("f4"), rng.normal(size=(2, 10)).astype("f4"), np.array([1, 4])
    function = tg.compile(lambda x, v, i: tg.index_add(x @ x, i, v, axis=0) @ x)
    wanted = x @ x
    wanted[i] += v
    np.testing.assert_allclose(function(x, v, i).numpy(), wanted @ x, rtol=1e-3, atol=1e-5)
    product, added, _ = program(function).plan.steps
    assert product.writes == added.writes


@pytest.mark.parametrize("seed", range(4))
def test_an_arena_is_close_to_the_bytes_alive(seed):
    rng = np.random.default_rng(seed)
    lives = {}
    for _ in range(80):
        first = int(rng.integers(0, 100))
        size = int(rng.integers(1, 4000))
        lives[Buffer("temp", np.dtype("f4"), size)] = (first, first + int(rng.integers(0, 25)))
    offsets, total = arrange(lives, {})
    for a, (start, end) in lives.items():
        for b, (begin, finish) in lives.items():
            if a is not b and start <= finish and begin <= end:
                disjoint = offsets[a] + bytes_of(a, {}) <= offsets[b] or offsets[b] + bytes_of(b, {}) <= offsets[a]
                assert disjoint
    assert total <= 1.15 * peak(lives, {})[0]


def layered(x, *weights):
    h = x
    for w in weights:
        h = tg.tanh(h @ w) * tg.sigmoid(h) + tg.sin(h)
    return tg.sum(h * h)


def test_a_budget_is_met_by_computing_again():
    rng = np.random.default_rng(0)
    x, *weights = (rng.normal(size=(64, 64)).astype("f4") / 8 for _ in range(9))
    gradient = tg.grad(layered, argnums=tuple(range(9)))
    free = tg.compile(gradient)
    wanted = free(x, *weights)
    budget = int(0.45 * arena(free))
    tight = tg.compile(gradient, memory_budget=budget)
    for a, b in zip(tight(x, *weights), wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)
    assert arena(tight) <= budget
    assert "computed twice" in tight.explain()


def test_a_budget_that_cannot_be_met_is_told():
    with pytest.warns(UserWarning, match="at least"):
        tg.compile(lambda x: tg.tanh(x @ x) @ x, memory_budget=16)(np.ones((8, 8), "f4"))
    with pytest.raises(ArgumentError, match="memory_budget"):
        tg.compile(lambda x: x, memory_budget=-1)


def test_explain_tells_the_memory_plan():
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=(64, 64)).astype("f4") for _ in range(2))
    function = tg.compile(lambda x, w: tg.tanh(x @ w) @ w)
    function(x, w)
    text = function.explain()
    assert "memory: 16 KiB of temporaries, 16 KiB alive at once" in text
    assert "1 result written over an operand" in text
