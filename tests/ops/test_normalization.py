"""Normalisation against PyTorch where modules do not reach: options, gradients of gradients, extreme numbers."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.nn import functional as F

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape)


@pytest.mark.parametrize("p", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("axis", [1, 0, -1])
def test_normalize(p, axis):
    torch = pytest.importorskip("torch")
    x = draw(3, 4, 2)
    t = torch.tensor(x, requires_grad=True)
    wanted = torch.nn.functional.normalize(t, p, axis)
    wanted.backward(torch.tensor(x) ** 2)
    found = tg.grad(lambda v: tg.sum(F.normalize(v, p, axis) * x**2))(tg.asarray(x))
    np.testing.assert_allclose(F.normalize(x, p, axis).numpy(), wanted.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(found), t.grad.numpy(), rtol=1e-9, atol=1e-12)
    assert not F.normalize(np.zeros((2, 3))).numpy().any()


@pytest.mark.parametrize("mode", ["eager", "static"])
@pytest.mark.parametrize(
    "ours, name, args",
    [
        (lambda x, w: F.layer_norm(x, (4,), w), "layer_norm", ((4,),)),
        (lambda x, w: F.rms_norm(x, (4,), w), "rms_norm", ((4,),)),
        (lambda x, w: F.batch_norm(x, None, None, w[:3], training=True), "batch_norm", (None, None)),
        (lambda x, w: F.group_norm(x, 1, w[:3]), "group_norm", (1,)),
    ],
)
def test_gradients_of_gradients(ours, name, args, mode):
    torch = pytest.importorskip("torch")
    x, w, seed = draw(2, 3, 4), draw(4), draw(2, 3, 4)

    def penalty(x, w):
        g = tg.grad(lambda x: tg.sum(tg.sin(ours(x, w)) * seed))(x)
        return tg.sum(g * g)

    both = tg.value_and_grad(penalty, (0, 1))
    value, grads = (tg.compile(both) if mode == "static" else both)(tg.asarray(x), tg.asarray(w))
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    weight = tw if "layer" in name or "rms" in name else tw[:3]
    more = {"training": True} if name == "batch_norm" else {}
    y = getattr(torch.nn.functional, name)(tx, *args, weight=weight, **more)
    (g,) = torch.autograd.grad((torch.sin(y) * torch.tensor(seed)).sum(), tx, create_graph=True)
    wanted = (g * g).sum()
    wanted.backward()
    np.testing.assert_allclose(value.item(), wanted.item(), rtol=1e-9)
    for found, t in zip(grads, (tx, tw), strict=True):
        np.testing.assert_allclose(np.asarray(found), t.grad.numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_a_large_mean_costs_no_accuracy(mode):
    x = (1e4 + draw(8, 64)).astype("float32")
    exact = x.astype("float64")
    exact = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-5)
    run = tg.compile(lambda x: F.layer_norm(x, 64)) if mode == "static" else lambda x: F.layer_norm(x, 64)
    np.testing.assert_allclose(run(x).numpy(), exact, atol=3e-3)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_running_statistics_that_are_plain_tensors_are_rebound(mode):
    mean, var, x = tg.zeros(3), tg.ones(3), draw(4, 3).astype("float32")

    def step(x, mean, var):
        return F.batch_norm(x, mean, var, training=True, momentum=1.0)

    (tg.compile(step) if mode == "static" else step)(x, mean, var)
    np.testing.assert_allclose(mean.numpy(), x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(var.numpy(), x.var(0, ddof=1), rtol=1e-5)


def test_integers_are_normalised_as_floats():
    x = np.arange(12).reshape(3, 4)
    assert F.layer_norm(x, 4).dtype == np.float32
    np.testing.assert_allclose(F.layer_norm(x, 4).numpy(), F.layer_norm(x.astype("float32"), 4).numpy())


@pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")
def test_softmax_of_nothing_but_minus_infinity_is_not_a_number():
    assert np.isnan(F.softmax(np.full((1, 2), -np.inf)).numpy()).all()
