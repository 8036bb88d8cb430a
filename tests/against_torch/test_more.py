"""What OpInfo's argument sets leave open: gradients through vectors that are free, and recurrent cells."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import linalg

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("shape", [(2, 4), (4, 2), (2, 3, 5)])
def test_svd_of_whole_bases_has_gradients_of_the_vectors_that_are_determined(shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    k = min(shape[-2:])

    def ours(x):
        u, s, vh = linalg.svd(x, full_matrices=True)
        return tg.sum(tg.abs(u[..., :k])) + tg.sum(s**2) + tg.sum(tg.abs(vh[..., :k, :]))

    t = torch.tensor(x, requires_grad=True)
    u, s, vh = torch.linalg.svd(t, full_matrices=True)
    (u[..., :k].abs().sum() + (s**2).sum() + vh[..., :k, :].abs().sum()).backward()
    for function in (tg.grad(ours), tg.compile(tg.grad(ours))):
        np.testing.assert_allclose(np.asarray(function(tg.asarray(x))), t.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "name", ["sum", "softmax", "cumsum", "sort", "max", "logsumexp", "argmax", "std", "logcumsumexp"]
)
@pytest.mark.parametrize("dim", [0, -1])
def test_the_facade_takes_a_number_along_the_axis_that_pytorch_gives_it(name, dim):
    import tapegraph.torch as facade

    found, wanted = (getattr(m, name)(m.tensor(2.5), dim=dim) for m in (facade, torch))
    for ours, theirs in zip(*[y if isinstance(y, tuple) else (y,) for y in (found, wanted)], strict=True):
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_running_sums_of_exponentials_do_not_underflow_before_a_large_one():
    import tapegraph.torch as facade

    numbers = [-800.0, -2.0, 0.0, -1000.0, 5.0, -np.inf, 900.0]
    mine, theirs = (m.tensor(numbers, dtype=m.float64, requires_grad=True) for m in (facade, torch))
    for m, x in ((facade, mine), (torch, theirs)):
        m.logcumsumexp(x, 0).sum().backward()
    np.testing.assert_allclose(
        facade.logcumsumexp(mine, 0).detach().numpy(), torch.logcumsumexp(theirs, 0).detach().numpy()
    )
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy())
    compiled = facade.compile(lambda x: facade.logcumsumexp(x, 0))
    with facade.no_grad():
        np.testing.assert_allclose(
            compiled(mine.detach().clone()).numpy(), torch.logcumsumexp(theirs, 0).detach().numpy()
        )


@pytest.mark.parametrize("order", [0.5, 1.5, 3.0, -1.0])
def test_norms_have_the_gradient_0_where_they_have_none(order):
    for numbers in ([0.0, 0.0], [0.0, -2.0, 3.0]):
        t = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
        torch.linalg.vector_norm(t, order).backward()
        found = tg.grad(lambda x: tg.vector_norm(x, ord=order))(tg.asarray(np.array(numbers)))
        np.testing.assert_allclose(np.asarray(found), t.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "constant", "circular"])
def test_padding_that_cuts_on_one_side_and_adds_on_the_other(mode):
    x = np.arange(12.0).reshape(1, 3, 4)
    wanted = torch.nn.functional.pad(torch.tensor(x), (-2, 2), mode=mode)
    found = tg.nn.functional.pad(tg.asarray(x), (-2, 2), mode=mode)
    np.testing.assert_array_equal(np.asarray(found), wanted.numpy())


SEQUENCES = [(t, b, i, h) for t in (1, 3) for b in (1, 2) for i, h in ((1, 2), (3, 1), (2, 3))]


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_recurrent_steps(name, dtype):
    rng = np.random.default_rng(0)
    for (t, b, i, h), bias, static in zip(SEQUENCES, [True, False] * 6, [True] + [False] * 11, strict=True):
        theirs = getattr(torch.nn, name.upper())(i, h, bias=bias).to(getattr(torch, dtype))
        x, *states = (rng.standard_normal(s).astype(dtype) for s in ((t, b, i), (1, b, h), (1, b, h)))
        weight = rng.standard_normal((t, b, h)).astype(dtype)
        tensors = [torch.tensor(a, requires_grad=True) for a in (x, *states[: 2 if name == "lstm" else 1])]
        out, _ = theirs(tensors[0], tuple(tensors[1:]) if name == "lstm" else tensors[1])
        (out * torch.tensor(weight)).sum().backward()
        wanted = [p.grad.numpy() for p in (*tensors, *theirs.parameters())]

        def run(x, *rest, count=len(tensors) - 1):
            held = [s[0] for s in rest[:count]]
            return getattr(tg, name)(x, tuple(held) if name == "lstm" else held[0], *rest[count:])[0]

        def gradients(*given, weight=weight):
            every = tuple(range(len(given)))
            return run(*given), tg.grad(lambda *given: tg.sum(run(*given) * weight), every)(*given)

        given = [tg.asarray(p.detach().numpy()) for p in (*tensors, *theirs.parameters())]
        found, grads = (tg.compile(gradients) if static else gradients)(*given)
        rtol, atol = (1e-9, 1e-11) if dtype == "float64" else (1e-4, 1e-5)
        np.testing.assert_allclose(np.asarray(found), out.detach().numpy(), rtol=rtol, atol=atol)
        for g, w in zip(grads, wanted, strict=True):
            np.testing.assert_allclose(np.asarray(g), w, rtol=rtol, atol=atol)
