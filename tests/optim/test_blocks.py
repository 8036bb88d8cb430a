"""An eager update in blocks is the update of each parameter, whatever the sizes, and leaves arrays that others hold alone."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from eager import hooks
from tapegraph import nn, optim
from tapegraph.optim import blocks

SHAPES = [(3,), (), (2, 5), (0, 4), (7, 3)]


def trained(make, steps=3):
    rng = np.random.default_rng(0)
    parameters = [nn.Parameter(rng.uniform(-1, 1, shape).astype("f4")) for shape in SHAPES]
    optimizer = make(parameters)
    for _ in range(steps):
        for p in parameters:
            p.grad = tg.asarray(rng.uniform(-1, 1, p.shape).astype("f4"))
        optimizer.step()
    return [p.numpy() for p in parameters], [s.numpy() for s in optimizer.states()]


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RMSprop, optim.Rprop, optim.Adadelta])
def test_blocks_of_any_size_are_each_parameter_alone(kind, monkeypatch):
    class Whole(kind):
        def update(self, *args):  # not marked: called with each parameter
            return super().update(*args)

    options = {"momentum": 0.9} if kind is optim.SGD else {}
    alone, states = trained(lambda p: Whole(p, lr=0.1, **options))
    for size in (4, 1 << 14):
        monkeypatch.setattr(blocks, "SIZE", size)
        for found, wanted in zip(trained(lambda p: kind(p, lr=0.1, **options)), (alone, states), strict=True):
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.shape == b.shape and a.dtype == b.dtype


def test_an_update_that_is_not_marked_sees_whole_parameters():
    seen = []

    class Normed(optim.SGD):
        def update(self, value, gradient, slots, shared):
            seen.append(value.shape)
            return super().update(value, gradient / tg.sqrt(tg.sum(gradient * gradient) + 1e-6), slots, shared)

    trained(lambda p: Normed(p, lr=0.1), steps=1)
    assert seen == SHAPES


def test_who_held_the_old_value_still_does():
    p = nn.Parameter(np.ones(3, "f4"))
    before, handle = p.numpy(), p.value
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5)
    p.grad = tg.ones((3,))
    optimizer.step()
    assert before.tolist() == handle.tolist() == [1.0, 1.0, 1.0]
    assert p.tolist() == [0.0, 0.0, 0.0]


def test_a_step_on_many_parameters_is_few_ops():
    def ops(count):
        parameters = [nn.Parameter(np.ones(3, "f4")) for _ in range(count)]
        for p in parameters:
            p.grad = tg.ones((3,))
        optimizer = optim.AdamW(parameters)
        seen = []
        with hooks(after=seen.append):
            optimizer.step()
        return len(seen)

    assert ops(30) == ops(1)
