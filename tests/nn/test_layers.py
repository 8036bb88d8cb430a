"""Layers, activations and losses give PyTorch's values and gradients; containers behave like containers."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F
from tests.support.torch_twin import agree as twin


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def agree(ours, theirs, *inputs, torch, rtol=1e-10):
    """The two modules hold the same parameters, give the same result and the same gradients."""
    its = dict(theirs.named_parameters())
    for name, p in ours.named_parameters():
        its[name].data = torch.tensor(p.numpy().copy())
    x = tg.tensor(inputs[0], dtype=inputs[0].dtype)
    t = torch.tensor(inputs[0])
    if inputs[0].dtype.kind == "f":
        x.requires_grad_()
        t.requires_grad_()
    y, z = ours(x, *inputs[1:]), theirs(t, *map(torch.tensor, inputs[1:]))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=rtol, atol=1e-12)
    seed = np.random.default_rng(1).standard_normal(y.shape)
    y.backward(seed)
    z.backward(torch.tensor(seed))
    if t.requires_grad:
        np.testing.assert_allclose(np.asarray(x.grad), t.grad.numpy(), rtol=rtol, atol=1e-12)
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(np.asarray(p.grad), its[name].grad.numpy(), rtol=rtol, atol=1e-12)


def test_layers_match_torch(rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((5, 3, 4))
    d = torch.float64
    agree(nn.Linear(4, 6, dtype="float64"), torch.nn.Linear(4, 6, dtype=d), x, torch=torch)
    agree(nn.Linear(4, 6, bias=False, dtype="float64"), torch.nn.Linear(4, 6, bias=False, dtype=d), x, torch=torch)
    agree(nn.LayerNorm(4, dtype="float64"), torch.nn.LayerNorm(4, dtype=d), x, torch=torch)
    agree(
        nn.LayerNorm((3, 4), eps=1e-3, dtype="float64"), torch.nn.LayerNorm((3, 4), eps=1e-3, dtype=d), x, torch=torch
    )
    agree(nn.LayerNorm(4, bias=False, dtype="float64"), torch.nn.LayerNorm(4, bias=False, dtype=d), x, torch=torch)
    agree(nn.Flatten(), torch.nn.Flatten(), x, torch=torch)
    ids = np.array([[0, 2, 1], [1, 1, 4]])
    agree(nn.Embedding(5, 3, dtype="float64"), torch.nn.Embedding(5, 3, dtype=d), ids, torch=torch)
    agree(nn.Embedding(5, 3, -4, dtype="float64"), torch.nn.Embedding(5, 3, -4, dtype=d), ids, torch=torch)


@pytest.mark.parametrize(
    "name, ours, theirs",
    [
        ("ReLU", {}, {}),
        ("LeakyReLU", {"negative_slope": 0.2}, {"negative_slope": 0.2}),
        ("ELU", {"alpha": 0.7}, {"alpha": 0.7}),
        ("GELU", {}, {}),
        ("GELU", {"approximate": "tanh"}, {"approximate": "tanh"}),
        ("SiLU", {}, {}),
        ("Sigmoid", {}, {}),
        ("Tanh", {}, {}),
        ("Softplus", {"beta": 2.0}, {"beta": 2.0}),
        ("Softmax", {"axis": 1}, {"dim": 1}),
        ("LogSoftmax", {}, {"dim": -1}),
    ],
)
def test_activations_match_torch(name, ours, theirs, rng):
    torch = pytest.importorskip("torch")
    agree(getattr(nn, name)(**ours), getattr(torch.nn, name)(**theirs), 3 * rng.standard_normal((4, 5)), torch=torch)
    assert repr(getattr(nn, name)(**ours)).startswith(name)


def test_losses_match_torch(rng):
    torch = pytest.importorskip("torch")
    x, y = rng.standard_normal((6, 4)), np.array([0, 3, 1, -100, 2, 2])
    weight = rng.uniform(0.5, 2, 4)
    for reduction in ("mean", "sum", "none"):
        agree(nn.MSELoss(reduction), torch.nn.MSELoss(reduction=reduction), x, x**2, torch=torch)
        agree(nn.NLLLoss(reduction=reduction), torch.nn.NLLLoss(reduction=reduction), x, y, torch=torch)
        agree(
            nn.CrossEntropyLoss(weight, reduction=reduction, label_smoothing=0.1),
            torch.nn.CrossEntropyLoss(torch.tensor(weight), reduction=reduction, label_smoothing=0.1),
            x,
            y,
            torch=torch,
        )
    agree(nn.CrossEntropyLoss(ignore_index=2), torch.nn.CrossEntropyLoss(ignore_index=2), x, abs(y) % 4, torch=torch)
    loss = nn.CrossEntropyLoss(weight)
    assert list(loss.state_dict()) == ["weight"] and not list(loss.parameters())


def test_dropout_only_while_training():
    layer, x = nn.Dropout(0.25), np.ones((100, 100), np.float32)
    tg.manual_seed(1)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)} and abs((y == 0).mean() - 0.25) < 0.02
    tg.manual_seed(1)
    assert np.array_equal(y, layer(x).numpy())
    assert np.array_equal(layer.eval()(x).numpy(), x)


def test_bilinear_matches_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for bias in (True, False):
        twin(
            lambda dtype, bias=bias: nn.Bilinear(3, 4, 2, bias, dtype=dtype),
            lambda bias=bias: torch.nn.Bilinear(3, 4, 2, bias),
            rng.standard_normal((5, 3)),
            rng.standard_normal((5, 4)),
        )
    layer = nn.Bilinear(100, 4, 2)
    assert abs(layer.weight.numpy()).max() <= 0.1 and layer.weight.numpy().std() > 0.05


def test_shapes():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert nn.Identity(54, unused=1)(x) is x
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Unflatten(2, (2, 2))(x).shape == (2, 3, 2, 2) and nn.Unflatten(-1, (-1, 2))(x).shape == (2, 3, 2, 2)
    assert np.array_equal(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 4)))(x).numpy(), x)
    run = tg.compile(lambda x: nn.Unflatten(1, (3, 4))(nn.Flatten()(x)))
    assert run(x).shape == x.shape and run(x[:1]).shape == (1, 3, 4)
    for layer in (nn.Unflatten(2, (3, 2)), nn.Unflatten(2, (-1, 3)), nn.Unflatten(5, (2, 2))):
        with pytest.raises(tg.errors.ShapeError, match="does not split"):
            layer(x)
    for sizes in ((), (-1, -1)):
        with pytest.raises(tg.errors.ArgumentError):
            nn.Unflatten(1, sizes)


def test_dtypes_of_layers():
    assert nn.Linear(2, 2).weight.dtype == np.float32
    assert nn.Embedding(2, 2, dtype=tg.float64).weight.dtype == np.float64
    with pytest.raises(tg.errors.ArgumentError, match="float32 or float64"):
        nn.LayerNorm(3, dtype="int64")


def test_bad_arguments():
    for make in (
        lambda: nn.Linear(-1, 2),
        lambda: nn.Linear(2.5, 2),
        lambda: nn.Embedding(3, 2, padding_idx=3),
        lambda: nn.LayerNorm(0),
        lambda: nn.Dropout(1.5),
        lambda: nn.GELU("quick"),
        lambda: nn.MSELoss("avg"),
        lambda: nn.CrossEntropyLoss(label_smoothing=2),
        lambda: nn.Sequential(np.tanh),
        lambda: nn.ModuleDict({"forward": nn.ReLU()}),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            make()
    with pytest.raises(tg.errors.ArgumentError, match=r"write ReLU\(\)"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(tg.errors.ShapeError, match="takes 3 features"):
        nn.Linear(3, 2)(np.ones((2, 4), np.float32))


def test_containers():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    assert len(net) == 3 and net[0] is a and net[-1] is c and list(net) == [a, b, c]
    assert isinstance(net[:2], nn.Sequential) and list(net[:2]) == [a, b]
    assert a.weight.name == "0.weight", "slicing renames nothing"
    net[1] = nn.Tanh()
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh", "Linear"]
    net.append(nn.Sigmoid())
    assert net(np.ones((4, 2), np.float32)).shape == (4, 1)
    listed = nn.ModuleList([a]).extend([b, c])
    assert isinstance(listed[1:], nn.ModuleList) and len(listed[1:]) == 2
    with pytest.raises(IndexError):
        listed[3]
    table = nn.ModuleDict({"x": a})
    table["y"] = c
    assert list(table) == ["x", "y"] and "y" in table and table["x"] is a and table.values() == [a, c]
    del table["x"]
    assert [name for name, _ in table.named_parameters()] == ["y.weight", "y.bias"] and table.items() == [("y", c)]
    assert nn.Identity()(5) == 5


def test_functional_names_are_all_there():
    assert all(callable(getattr(F, name)) for name in F.__all__)
