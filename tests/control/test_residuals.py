"""What the backward pass of a scan computes again, and what the forward scan keeps for it."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from compiler.control import Turn

RNG = np.random.default_rng(0)
W, H, X = RNG.normal(size=(4, 4)) * 0.5, RNG.normal(size=(3, 4)), RNG.normal(size=(6, 3, 4))


def loops(function):
    """The op names in the bodies of a compiled function's scans, in order."""
    plan = next(iter(function.versions.values()))[0].program.plan
    return [[r.op.name for r in s.parts[0].graph.nodes if r.args] for s in plan.steps if isinstance(s, Turn)]


def gradient(step):
    def loss(w, h, xs):
        last, ys = tg.scan(lambda h, x: step(w, h, x), h, xs)
        return tg.sum(last * last) + tg.sum(tg.sin(ys))

    return tg.grad(loss, (0, 1, 2))


def compiled(step):
    """The compiled gradient, checked against eager mode."""
    run = tg.compile(gradient(step))
    for a, b in zip(run(W, H, X), gradient(step)(*map(tg.asarray, (W, H, X))), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-10, atol=1e-12)
    return run


def elman(w, h, x):
    h = tg.tanh(tg.matmul(h, w) + x)
    return h, h * 2.0


def test_products_and_functions_of_the_forward_pass_are_not_computed_again():
    forward, backward = loops(compiled(elman))
    assert forward.count("matmul") == 1 and forward.count("tanh") == 1
    assert backward.count("matmul") == 1 and "tanh" not in backward  # the one that goes back to the carry


def test_what_is_cheap_is_computed_again_from_the_carry():
    run = compiled(lambda w, h, x: ((h * h - h) * 0.1 + x, h * 3.0))
    version = next(iter(run.versions.values()))[0]
    forward = next(s for s in version.program.plan.steps if isinstance(s, Turn))
    assert len(forward.parts[0].outputs) == 2  # the carry and the row it gives, nothing kept


def test_the_smaller_of_two_ways_to_keep_is_taken():
    def step(w, h, x):
        gates = tg.concat([h, tg.matmul(h, w), x], axis=1)
        gate = gates[:, :4] + gates[:, 4:8] + gates[:, 8:]
        return gate * x, h

    run = compiled(step)
    version = next(iter(run.versions.values()))[0]
    forward = next(s for s in version.program.plan.steps if isinstance(s, Turn))
    assert [p.shape[-1] for p in forward.parts[0].outputs] == [4, 4, 4]  # the sum of the gates, not the gates


def test_a_checkpointed_body_is_run_again():
    assert loops(compiled(lambda w, h, x: tg.checkpoint(elman)(w, h, x)))[1].count("tanh") == 1


def test_a_product_of_a_backward_pass_s_own_constant_is_kept_too():
    def run(w, h, xs):
        _, ys = tg.scan(lambda c, x: (tg.tanh(c + x), c), h, xs)
        return tg.scan(lambda c, y: (c + tg.matmul(y, w), c), tg.zeros((3, 4), dtype="float64"), ys)

    both = tg.compile(run)
    for a, b in zip(both(W, H, X), run(*map(tg.asarray, (W, H, X))), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_two_scans_behind_one_and_lengths_that_vary(reverse):
    def loss(w, h, xs):
        def step(h, x):
            h, _ = elman(w, h, x)
            return h, tg.exp(-h * h)

        last, ys = tg.scan(step, h, xs, reverse=reverse)
        again, zs = tg.scan(lambda c, y: (tg.tanh(tg.matmul(c, w) * y), c * y), last, ys)
        return tg.sum(again * tg.sin(last)) + tg.sum(zs)

    slope = tg.grad(loss, (0, 1, 2))
    run = tg.compile(slope)
    for steps in (6, 1, 9):
        xs = RNG.normal(size=(steps, 3, 4))
        for a, b in zip(run(W, H, xs), slope(*map(tg.asarray, (W, H, xs))), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9, atol=1e-12)


def test_what_every_step_shares_is_computed_before_the_loop():
    def step(w, h, x):
        both = tg.softmax(tg.concat([w, w + 1.0], axis=1), axis=0)
        h = tg.tanh(tg.matmul(h, tg.permute_dims(both[:, :4], (1, 0))) + x)
        return h, h * 2.0

    forward, backward = loops(compiled(step))
    assert forward == ["matmul", "add", "tanh", "multiply"]
    assert backward.count("matmul") == 2 and "exp" not in backward  # back to the carry, and to what all steps share


def test_an_index_out_of_range_in_a_loop_of_no_steps_raises_nothing():
    def run(w, xs):
        return tg.scan(lambda c, x: (c + w[np.asarray([7])][0] * x, c), tg.asarray(0.0), xs)[0]

    assert float(tg.compile(run)(np.ones(3, "f4"), np.ones(0, "f4"))) == 0
