"""Registering, finding, casting, freezing and loading: the rest of what a module does."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim


def test_names_and_kinds_are_checked():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_parameter("scale", nn.Parameter(np.ones(2, np.float32)))
            self.register_parameter("bias", None)
            self.register_buffer("seen", np.zeros(2, np.float32))
            self.register_buffer("cache", np.zeros(1, np.float32), persistent=False)
            self.register_module("layer", nn.Linear(2, 2))
            self.add_module("none", None)

    net = Net()
    assert [n for n, _ in net.named_parameters()] == ["scale", "layer.weight", "layer.bias"] and net.bias is None
    assert [n for n, _ in net.named_buffers()] == ["seen", "cache"]
    assert list(net.state_dict()) == ["scale", "seen", "layer.weight", "layer.bias"]
    net.register_buffer("cache", np.ones(1, np.float32))
    assert "cache" in net.state_dict()
    del net.cache
    for bad in (
        lambda: net.register_parameter("a.b", None),
        lambda: net.register_parameter("", None),
        lambda: net.register_parameter("scale2", np.ones(2)),
        lambda: net.register_buffer("forward", np.ones(2)),
        lambda: net.register_buffer("p", nn.Parameter(np.ones(2))),
        lambda: net.register_module("m", np.ones(2)),
        lambda: net.register_module("training", nn.ReLU()),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            bad()


def test_walking_and_finding():
    layer = nn.Linear(2, 2)
    net = nn.Sequential({"a": layer, "b": nn.Sequential(layer, nn.BatchNorm1d(2))})
    assert net.get_submodule("b.1") is net[1][1] and net.get_submodule("") is net
    assert net.get_parameter("b.0.weight") is layer.weight and net.get_buffer("b.1.running_mean").shape == (2,)
    for find, path in (
        (net.get_submodule, "b.2"),
        (net.get_submodule, "a.weight"),
        (net.get_parameter, "b.1.running_mean"),
        (net.get_buffer, "a.weight"),
    ):
        with pytest.raises(AttributeError, match=path):
            find(path)
    assert [n for n, _ in net.named_modules()] == ["", "a", "b", "b.1"]
    assert [n for n, _ in net.named_modules(remove_duplicate=False)] == ["", "a", "b", "b.0", "b.1"]
    assert [n for n, _ in net.named_parameters()] == ["a.weight", "a.bias", "b.1.weight", "b.1.bias"]
    assert [n for n, _ in net.named_parameters("net", remove_duplicate=False)][2:4] == [
        "net.b.0.weight",
        "net.b.0.bias",
    ]
    assert not list(net.parameters(recurse=False)) and len(list(layer.parameters(recurse=False))) == 2
    assert [n for n, _ in net[1][1].named_buffers()] == ["running_mean", "running_var", "num_batches_tracked"]
    torch = pytest.importorskip("torch")
    inner = torch.nn.Linear(2, 2)
    theirs = torch.nn.Sequential()
    theirs.add_module("a", inner)
    theirs.add_module("b", torch.nn.Sequential(inner, torch.nn.BatchNorm1d(2)))
    assert list(theirs.state_dict()) == list(net.state_dict())
    assert [n for n, _ in theirs.named_parameters()] == [n for n, _ in net.named_parameters()]
    assert [n for n, _ in theirs.named_modules(remove_duplicate=False)] == [
        n for n, _ in net.named_modules(remove_duplicate=False)
    ]


def test_apply_goes_from_the_inside_out():
    net, order = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Linear(1, 1)), []
    net.apply(lambda module: order.append(type(module).__name__))
    assert order == ["ReLU", "Tanh", "Sequential", "Linear", "Sequential"]


def test_zero_grad():
    layer = nn.Linear(2, 2)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert not np.asarray(layer.weight.grad).any()
    layer.zero_grad()
    assert layer.weight.grad is None


def test_casting():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    net[2].weight = net[0].weight
    net[0].bias.requires_grad = False
    run = tg.compile(lambda x: net(x))
    x = np.random.default_rng(0).standard_normal((4, 2))
    net.eval()
    single = run(x.astype("float32"))
    net(x.astype("float32")).sum().backward()
    assert net.double() is net and net[2].weight is net[0].weight
    assert {p.dtype.name for p in net.parameters()} == {"float64"} and net[0].weight.grad.dtype == np.float64
    assert not net[0].bias.requires_grad and net[0].weight.requires_grad and net[0].weight.name == "0.weight"
    assert net[1].running_mean.dtype == np.float64 and net[1].num_batches_tracked.dtype == np.int64
    twice = run(x)
    assert twice.dtype == np.float64
    np.testing.assert_allclose(twice.numpy(), single.numpy(), rtol=1e-4, atol=1e-5)
    before = net[0].weight
    assert net.to("float64")[0].weight is before and net.float()[0].weight is not before
    with pytest.raises(tg.errors.ArgumentError, match="float32 or float64"):
        net.to("int64")


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_frozen_parameters_get_no_gradient(mode):
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @tg.function
    def step(x):
        loss = tg.mean(net(x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    with tg.mode(mode):
        step(x)
        net[0].requires_grad_(False).zero_grad()
        frozen, free = net[0].weight.numpy().copy(), net[2].weight.numpy().copy()
        step(x)
        assert np.array_equal(net[0].weight.numpy(), frozen) and not np.array_equal(net[2].weight.numpy(), free)
        assert net[0].weight.grad is None and net[2].weight.grad is not None
        net[0].requires_grad_(True)
        step(x)
        assert not np.array_equal(net[0].weight.numpy(), frozen)
    if mode == "static":
        assert "trainable is False, before True" in step.explain()


@pytest.mark.parametrize("mode", ["eager", "static"])
def test_switching_to_evaluation_makes_a_new_trace(mode):
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    run = tg.compile(lambda x: net(x)) if mode == "static" else net
    x = np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    assert (run(x).numpy() == 0).any() and net[0].num_batches_tracked.item() == 1
    net.eval()
    assert not (run(x).numpy() == 0).any() and net[0].num_batches_tracked.item() == 1


def test_a_state_dict_of_torch_loads_by_name():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Embedding(5, 4),
        torch.nn.LayerNorm(4),
        torch.nn.Linear(4, 3),
        torch.nn.Flatten(),
        torch.nn.BatchNorm1d(6),
    )
    theirs(torch.tensor([[0, 3], [1, 1]]))
    ours = nn.Sequential(nn.Embedding(5, 4), nn.LayerNorm(4), nn.Linear(4, 3), nn.Flatten(), nn.BatchNorm1d(6))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert ours[4].num_batches_tracked.item() == 1
    ids = np.array([[4, 2], [0, 1], [3, 3]])
    wanted = theirs.eval()(torch.tensor(ids)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(ids).numpy(), wanted, rtol=1e-5, atol=1e-6)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    half = {k: v.to(torch.bfloat16) if v.is_floating_point() else v for k, v in theirs.named_parameters()}
    ours.load_state_dict(half, strict=False)
    assert ours[2].weight.dtype == np.float32


def test_state_dicts_under_a_prefix():
    layer = nn.Linear(2, 1)
    assert list(layer.state_dict(prefix="head.")) == ["head.weight", "head.bias"]
