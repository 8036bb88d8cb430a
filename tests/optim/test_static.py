"""A training step gives the same parameters, slots and step counts compiled as it does line by line."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim, testing
from tapegraph.nn import functional as F

CASES = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    lambda p: optim.AdamW(p, lr=0.01),
]
# float64: what Adam makes of a gradient of nearly 0 is rounding noise, which float32 lets grow past any tolerance
X = np.random.default_rng(0).standard_normal((6, 3))


def make_step(make):
    layers = [nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.LayerNorm(4), nn.Linear(4, 2)]
    model = nn.Sequential(*layers).to("float64")
    optimizer = make(model.parameters())

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


@pytest.mark.parametrize("make", CASES, ids=["SGD", "nesterov", "dampening", "amsgrad", "AdamW"])
def test_both_modes_take_the_same_steps(make):
    _, _, step = make_step(make)
    testing.assert_modes_agree(step, X, np.arange(6) % 2, calls=3)


def test_a_new_rate_needs_no_new_trace():
    model, optimizer, step = make_step(lambda p: optim.SGD(p, lr=0.1))
    compiled = tg.compile(step)
    compiled(X, np.arange(6) % 2)
    versions = sum(map(len, compiled.versions.values()))
    optimizer.lr = 0.0
    compiled(X, np.arange(6) % 2)
    settled = model.state_dict()
    compiled(X, np.arange(6) % 2)
    assert all(np.array_equal(settled[k], v) for k, v in model.state_dict().items())
    assert sum(map(len, compiled.versions.values())) <= versions + 1, "one more for the gradients now there"
    optimizer.lr = 0.5
    compiled(X, np.arange(6) % 2)
    assert not np.array_equal(settled["0.weight"], model.state_dict()["0.weight"])
