"""The checks themselves: they pass what is right and catch what is wrong."""

import types

import numpy as np
import pytest

import tapegraph as tg
from engine.op import OPS, Op
from engine.spec import Spec
from tapegraph import nn, optim, testing
from tapegraph.nn import functional as F

rng = np.random.default_rng(0)
X, W, B = rng.standard_normal((4, 3)), rng.standard_normal((5, 3)), rng.standard_normal(5)


@pytest.mark.parametrize(
    "fn, args",
    [
        (lambda x: tg.exp(x) * tg.sin(x), (X,)),
        (lambda x, w, b: F.log_softmax(F.linear(x, w, b)), (X, W, B)),
        (lambda p: {"y": (p["w"] @ p["w"].T, tg.tanh(p["b"][0]))}, ({"w": W, "b": [B]},)),
        (lambda x, i: tg.take(x, i, axis=0).sum(), (X, np.array([0, 2, 2]))),
        (lambda x: (x > 0, x * x * x), (X,)),
        (lambda x: 2.0 * x, (np.float64(3.0),)),
    ],
)
def test_right_gradients_pass(fn, args):
    testing.check_grads(fn, args, order=2)


def test_a_third_order_and_float32_arguments():
    testing.check_grads(lambda x: (x * x * x * x).sum(), (X.astype(np.float32),), order=3)


@pytest.fixture
def wrong():
    """Ops whose gradients are wrong: at once, or only when differentiated again."""
    made = []

    def make(name, rule):
        op = Op(name, np.square, lambda x: Spec(x.shape, x.dtype), vjp=(rule,))
        made.append(name)
        return op

    yield make
    for name in made:
        del OPS[name]


def test_wrong_gradients_are_caught(wrong):
    once = wrong("wrong_once", lambda g, y, x: g * x)
    with pytest.raises(AssertionError, match="gradient of order 1"):
        testing.check_grads(once, (X,))
    twice = wrong("wrong_twice", lambda g, y, x: g * tg.stop_gradient(x) * 2.0)
    testing.check_grads(twice, (X,), order=1)
    with pytest.raises(AssertionError, match="gradient of order 2"):
        testing.check_grads(twice, (X,), order=2)


def test_mistakes():
    for bad in (
        lambda: testing.check_grads(tg.exp, (X,), modes=("fwd",)),
        lambda: testing.check_grads(tg.exp, (np.array([1, 2]),)),
        lambda: testing.check_grads(lambda x: x > 0, (X,)),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            bad()


@pytest.fixture
def compiler(monkeypatch):
    """Put another function in the place of the compiler."""

    def install(compile):
        module = types.ModuleType("tapegraph.function")
        module.compile = compile
        monkeypatch.setitem(__import__("sys").modules, "tapegraph.function", module)

    return install


def make_step():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = optim.AdamW(model.parameters())

    def step(x):
        loss = (model(x) * model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def test_modes_that_agree_pass_and_leave_no_trace(compiler):
    compiler(lambda fn: fn)
    model, optimizer, step = make_step()
    before, counter = model.state_dict(), tg.default_generator.counter.item()
    testing.assert_modes_agree(step, X.astype(np.float32), calls=3)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    assert optimizer.state[model[0].weight]["step"].item() == 0 and tg.default_generator.counter.item() == counter
    assert all(p.grad is None for p in model.parameters())
    testing.assert_modes_agree(step, X.astype(np.float32), states=[model, optimizer])


def test_modes_that_differ_are_caught(compiler):
    model, _, step = make_step()
    x = X.astype(np.float32)
    compiler(lambda fn: lambda x: fn(x) * 1.001)
    with pytest.raises(AssertionError, match="result 0 of call 1"):
        testing.assert_modes_agree(step, x)
    compiler(lambda fn: lambda x: fn(x).astype("float64"))
    with pytest.raises(AssertionError, match=r"float32.*float64"):
        testing.assert_modes_agree(step, x)

    def forgetful(fn):
        def run(x):
            y = fn(x)
            model[0].bias.assign(model[0].bias * 2.0)
            return y

        return run

    compiler(forgetful)
    with pytest.raises(AssertionError, match=r"state 0\.bias"):
        testing.assert_modes_agree(step, x)


def test_the_real_modes_agree():
    _, _, step = make_step()
    testing.assert_modes_agree(step, X.astype(np.float32), calls=2)


def test_train_and_eval_are_different_programs():
    layer = nn.Dropout(0.5)
    run = tg.compile(lambda x: layer(x) * 2.0)
    x = np.ones((50, 4), np.float32)
    assert (run(x).numpy() == 0).any()
    layer.eval()
    assert (run(x).numpy() == 2).all()
    layer.train()
    assert (run(x).numpy() == 0).any()
