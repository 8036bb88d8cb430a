"""tg.debug.shadow: a share of compiled calls is made again in eager mode; training goes on as if nothing were."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tapegraph as tg
from engine.notices import MismatchWarning
from tapegraph import nn, optim


class Scale:
    factor = 1.0


def training(seed=0):
    tg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    scale = Scale()

    @tg.function
    def step(x, y):
        loss = nn.functional.mse_loss(model(x) * float(str(scale.factor)), y)  # a value that the trace freezes
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, model, scale


def batch(k):
    x = np.random.default_rng(k).standard_normal((16, 4)).astype("f4")
    return x, x.sum(1, keepdims=True)


def told(run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return [w.message for w in caught if isinstance(w.message, MismatchWarning)]


def test_training_is_what_it_is_without():
    found = []
    for shadowed in (False, True):
        step, model, _ = training()
        if shadowed:
            step = tg.debug.shadow(step, rate=0.4)
        with tg.mode("static"):
            assert not told(lambda step=step: [step(*batch(k)) for k in range(12)])
        found.append([p.numpy().copy() for p in model.parameters()])
        if shadowed:
            assert step.calls == 12 and 0 < step.checked < 12 and step.found is None
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_difference_is_told_and_bisect_goes_on_from_it():
    step, model, scale = training()
    step = tg.debug.shadow(rate=1.0)(step)
    with tg.mode("static"):
        step(*batch(0))
        scale.factor = 2.0
        notices = told(lambda: step(*batch(1)))
    assert len(notices) == 1 and "result 0 of compiled call 2" in str(notices[0])
    assert notices[0].place.file == __file__ and "mse_loss" in notices[0].place.expression
    before = [p.numpy().copy() for p in model.parameters()]
    found = step.found.bisect()
    assert found and "multiply" in str(found)
    for p, b in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.numpy(), b)


def test_at_checked_it_is_an_error_and_at_off_nothing():
    step, _, scale = training()
    step = tg.debug.shadow(step, rate=1.0)
    with tg.mode("static"):
        step(*batch(0))
        scale.factor = 2.0
        with tg.debug.level("off"):
            assert not told(lambda: step(*batch(1)))
        with tg.debug.level("checked"), pytest.raises(MismatchWarning):
            step(*batch(2))
    with tg.mode("eager"):
        step(*batch(3))
    assert step.calls == 2  # those that could have been checked


def test_on_a_method_and_with_a_looser_tolerance():
    class Model:
        def __init__(self):
            self.w = nn.Parameter(np.ones(3, "f4"), name="w")

        @tg.debug.shadow(rate=1.0, rtol=10.0)
        @tg.function
        def step(self, x):
            self.w.assign(self.w * x)
            return tg.sum(self.w)

    model = Model()
    with tg.mode("static"):
        assert [model.step(np.full(3, 2, "f4")).item() for _ in range(3)] == [6, 12, 24]
