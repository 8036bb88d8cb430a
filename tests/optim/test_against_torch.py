"""Twenty steps in float64 of every optimizer with every option give PyTorch's parameters to rounding."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import optim

torch = pytest.importorskip("torch")

SGD = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.5},
    {"momentum": 0.9, "nesterov": True},
    {"weight_decay": 0.1},
    {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
]
ADAM = [
    {},
    {"betas": (0.8, 0.95), "eps": 1e-4},
    {"weight_decay": 0.1},
    {"amsgrad": True},
    {"maximize": True, "weight_decay": 0.05},
    {"amsgrad": True, "weight_decay": 0.1, "betas": (0.5, 0.9)},
]
CASES = [("SGD", o) for o in SGD] + [(name, o) for name in ("Adam", "AdamW") for o in ADAM]


def start(dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((3, 4), (4,), ())]


def ours_loss(params):
    return sum(((p - 0.3) * (p + 1.0) * p.cos()).sum() for p in params)


def their_loss(params):
    return sum(((p - 0.3) * (p + 1.0) * torch.cos(p)).sum() for p in params)


def pair(name, options, dtype="float64", lr=0.05):
    ours = [tg.Parameter(v) for v in start(dtype)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in start(dtype)]
    return (
        ours,
        theirs,
        getattr(optim, name)(ours, lr=lr, **options),
        getattr(torch.optim, name)(theirs, lr=lr, **options),
    )


def advance(ours, theirs, mine, its, loss_of=lambda params, step: params, steps=range(20)):
    for step in steps:
        mine.zero_grad()
        its.zero_grad()
        ours_loss(loss_of(ours, step)).backward()
        their_loss(loss_of(theirs, step)).backward()
        mine.step()
        its.step()


def assert_equal(ours, theirs, rtol=1e-12):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=rtol, atol=1e-14)


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_twenty_steps(name, options):
    ours, theirs, mine, its = pair(name, options)
    advance(ours, theirs, mine, its)
    assert_equal(ours, theirs)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_float32_and_a_rate_that_changes(name):
    ours, theirs, mine, its = pair(name, {"weight_decay": 0.01}, "float32")
    rate = mine.lr
    for step in range(10):
        mine.lr = its.param_groups[0]["lr"] = 0.1 / (step + 1)
        advance(ours, theirs, mine, its, steps=[step])
    assert mine.lr is rate and all(p.dtype == np.float32 for p in ours)
    assert_equal(ours, theirs, rtol=3e-6)


@pytest.mark.parametrize("options", SGD, ids=str)
def test_a_parameter_without_gradient_is_skipped(options):
    ours, theirs, mine, its = pair("SGD", options)
    advance(ours, theirs, mine, its, lambda params, step: params[: 1 + step % 3])
    assert_equal(ours, theirs)


def test_groups_with_options_of_their_own():
    ours, theirs = [tg.Parameter(v) for v in start()], [torch.nn.Parameter(torch.tensor(v)) for v in start()]

    def grouped(p):
        return [{"params": p[:1], "lr": 0.2}, {"params": p[1:], "weight_decay": 0.3, "betas": (0.7, 0.8)}]

    mine, its = optim.AdamW(grouped(ours), lr=0.01), torch.optim.AdamW(grouped(theirs), lr=0.01)
    advance(ours, theirs, mine, its)
    mine.param_groups[1]["lr"] = its.param_groups[1]["lr"] = 0.1
    advance(ours, theirs, mine, its)
    assert_equal(ours, theirs)
