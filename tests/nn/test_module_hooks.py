"""Hooks of modules: forward and backward, in both modes, as in PyTorch."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tests.support.torch_twin import twins

X = np.random.default_rng(0).standard_normal((3, 4))


class Halves(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2, dtype="float64")

    def forward(self, a, b, *, scale=1.0):
        return self.layer(a) * scale, b * 2.0


def test_forward_hooks_see_and_replace():
    layer, seen = nn.Linear(4, 2, dtype="float64"), []
    plain = layer(X).numpy()
    before = layer.register_forward_pre_hook(lambda module, args: seen.append(("before", len(args))))
    double = layer.register_forward_pre_hook(lambda module, args: (args[0] * 2.0,), prepend=True)
    after = layer.register_forward_hook(lambda module, args, output: seen.append(("after", output.shape)))
    changed = layer.register_forward_hook(lambda module, args, output: output + 1.0)
    found = layer(X).numpy()
    bias = layer.bias.numpy()
    np.testing.assert_allclose(found, (plain - bias) * 2 + bias + 1)
    assert seen == [("before", 1), ("after", (3, 2))]
    for handle in (before, double, after, changed, changed):
        handle.remove()
    assert np.array_equal(layer(X).numpy(), plain) and len(seen) == 2


def test_hooks_with_kwargs():
    model = Halves()
    a, b = tg.asarray(X), tg.asarray(X[0])
    seen = {}

    def more(module, args, kwargs):
        return args, {**kwargs, "scale": 10.0}

    def look(module, args, kwargs, output):
        seen.update(kwargs)

    plain = model(a, b)[0].numpy()
    with model.register_forward_pre_hook(more, with_kwargs=True), model.register_forward_hook(look, with_kwargs=True):
        np.testing.assert_allclose(model(a, b, scale=2.0)[0].numpy(), plain * 10)
    assert seen == {"scale": 10.0}
    assert np.array_equal(model(a, b)[0].numpy(), plain)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_forward_hooks_run_in_both_modes_and_make_a_new_trace(mode):
    layer = nn.Linear(4, 2, dtype="float64")
    peak = tg.State(np.zeros((), np.float64))

    def keep(module, args, output):
        peak.assign(tg.max(output))

    step = tg.compile(lambda x: layer(x)) if mode == "static" else layer
    plain = step(X).numpy()
    handle = layer.register_forward_hook(keep)
    step(X)
    assert peak.item() == pytest.approx(plain.max())
    more = layer.register_forward_hook(lambda module, args, output: output * 3.0)
    np.testing.assert_allclose(step(X).numpy(), plain * 3)
    more.remove(), handle.remove()
    peak.assign(np.zeros(()))
    np.testing.assert_allclose(step(X).numpy(), plain)
    assert peak.item() == 0
    if mode == "static":
        assert "hooks" in step.explain()


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_full_backward_hooks_match_torch(mode):
    torch = pytest.importorskip("torch")

    def make(dtype):
        return nn.Sequential(nn.Linear(4, 5, dtype=dtype), nn.Tanh(), nn.Linear(5, 2, dtype=dtype))

    ours, theirs = twins(
        make, lambda: torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)), "float64"
    )
    wanted, found = [], [tg.State(np.zeros((3, 5))), tg.State(np.zeros((3, 5)))]

    def theirs_hook(module, grad_input, grad_output):
        wanted.extend([*grad_input, *grad_output])
        return (grad_input[0] * 2,)

    def our_hook(module, grad_input, grad_output):
        for state, g in zip(found, [*grad_input, *grad_output], strict=True):
            state.assign(g)
        return (grad_input[0] * 2.0,)

    for model, hook in ((ours, our_hook), (theirs, theirs_hook)):
        model[1].register_full_backward_hook(hook)
        model[2].register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 3.0,))
    x = tg.Parameter(X)

    def step():
        y = ours(x)
        tg.sum(y * y).backward()
        return y

    (tg.compile(step) if mode == "static" else step)()
    t = torch.tensor(X, requires_grad=True)
    (theirs(t) ** 2).sum().backward()
    for state, g in zip(found, wanted, strict=True):
        np.testing.assert_allclose(state.numpy(), g.numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(x.grad), t.grad.numpy(), rtol=1e-10)
    for name, p in theirs.named_parameters():
        np.testing.assert_allclose(np.asarray(ours.get_parameter(name).grad), p.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_a_backward_hook_is_called_once_with_what_arrived(mode):
    model, calls = Halves(), []
    model.register_full_backward_hook(
        lambda module, gi, go: calls.append([g if g is None else g.shape for g in (*gi, *go)])
    )
    a, b = tg.Parameter(X), tg.Parameter(X[0])

    def step():
        y, z = model(a, b)
        (tg.sum(y) + tg.sum(z)).backward()
        y, z = model(a, b)
        tg.sum(y).backward()
        y, z = model(tg.asarray(X), b)
        tg.sum(y).backward()
        model(X, 5)[0].sum().backward()
        with tg.no_grad():
            model(a, b)

    (tg.compile(step) if mode == "static" else step)()
    whole = [(3, 4), (4,), (3, 2), (4,)]
    assert calls[0] == whole
    assert calls[1] == [(3, 4), None, (3, 2), None]
    assert calls[2] == [None, None, (3, 2), None] and len(calls) == 3, "no call where no gradient comes to b"
    np.testing.assert_allclose(np.asarray(b.grad), [2, 2, 2, 2])


def test_gradients_of_gradients_go_through_the_hooks():
    layer = nn.Linear(4, 4, bias=False, dtype="float64")
    x = tg.tensor(X, dtype="float64")

    def penalty(x):
        return tg.sum(tg.grad(lambda x: tg.sum(tg.tanh(layer(x)) ** 2))(x) ** 2)

    plain = np.asarray(tg.grad(penalty)(x))
    handle = layer.register_full_backward_hook(lambda module, gi, go: None)
    np.testing.assert_allclose(np.asarray(tg.grad(penalty)(x)), plain)
    handle.remove()
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0] * 2.0,))
    np.testing.assert_allclose(np.asarray(penalty(x)), 4 * np.asarray(penalty_of(layer, x)), rtol=1e-12)


def penalty_of(layer, x):
    w = layer.weight.numpy()
    h = np.tanh(x.numpy() @ w.T)
    return ((2 * h * (1 - h * h) @ w) ** 2).sum()


def test_mistakes_of_backward_hooks():
    layer, x = nn.Linear(4, 2, dtype="float64"), tg.Parameter(X)
    for hook, text in (
        (lambda module, gi, go: (gi[0], gi[0]), "must return 1 gradient"),
        (lambda module, gi, go: (gi[0][0],), "keep the shape"),
    ):
        handle = layer.register_full_backward_hook(hook)
        with pytest.raises(tg.errors.ShapeError, match=text):
            tg.sum(layer(x)).backward()
        handle.remove()
