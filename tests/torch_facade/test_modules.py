"""nn.Module, layers, state dicts, hooks, copies and clipping behave as PyTorch's."""

import copy
import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
from tapegraph import nn as ours

LIBRARIES = (torch, facade)


def net(library):
    nn = library.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.0))
            self.head = nn.Linear(4, 2)
            self.scale = nn.Parameter(library.ones(2))
            self.unused = None
            self.register_buffer("count", library.zeros(()))
            self.register_buffer("cache", library.zeros(3), persistent=False)

        def forward(self, x):
            self.count += 1
            return self.head(self.body(x)) * self.scale

    made = Net()
    with library.no_grad():
        for i, p in enumerate(made.parameters()):
            p.copy_(library.linspace(-1, 1, p.numel()).view_as(p) + 0.1 * i)
    return made


def shown(value):
    if hasattr(value, "detach"):
        return value.detach().numpy().round(5).tolist()
    if isinstance(value, dict):
        return {k: shown(v) for k, v in value.items()}
    return [shown(v) for v in value] if isinstance(value, list | tuple) else value


def agree(program):
    wanted, found = (shown(program(library)) for library in LIBRARIES)
    assert_close(found, wanted)


def assert_close(found, wanted):
    if isinstance(wanted, list):
        assert isinstance(found, list) and len(found) == len(wanted)
        for f, w in zip(found, wanted):
            assert_close(f, w)
    else:
        assert found == (pytest.approx(wanted, rel=1e-4, abs=1e-5) if isinstance(wanted, float) else wanted)


def test_walking():
    def program(library):
        m = net(library)
        return [
            [n for n, _ in m.named_parameters()],
            [n for n, _ in m.named_buffers()],
            [n for n, _ in m.named_modules()],
            [n for n, _ in m.named_children()],
            [type(x).__name__ for x in m.modules()],
            list(m.state_dict()),
            len(list(m.body.parameters())),
            m.get_submodule("body.0").in_features,
            tuple(m.get_parameter("body.0.weight").shape),
            sum(p.numel() for p in m.parameters() if p.requires_grad),
            "Linear(in_features=3, out_features=4, bias=True)" in repr(m),
        ]

    agree(program)


def test_calls_buffers_and_gradients():
    def program(library):
        m = net(library)
        y = m(library.ones(5, 3)).sum()
        m(library.ones(5, 3))
        y.backward()
        return [y, m.count, *[p.grad for p in m.parameters()]]

    agree(program)


def test_state_dicts_see_later_changes_and_load():
    def program(library):
        m, other = net(library), net(library)
        held = m.state_dict()
        with library.no_grad():
            m.scale.mul_(3)
        other.load_state_dict(held)
        found = other.load_state_dict({"scale": library.zeros(2), "more": library.zeros(1)}, strict=False)
        return [held["scale"], other.scale, len(found.missing_keys), found.unexpected_keys]

    agree(program)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_state_dict_that_does_not_fit_is_refused(library):
    m = net(library)
    with pytest.raises(RuntimeError, match="Missing key"):
        m.load_state_dict({})
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        m.load_state_dict({**m.state_dict(), "scale": library.zeros(3)})


@pytest.mark.parametrize("library", LIBRARIES)
def test_registration_mistakes(library):
    class Early(library.nn.Module):
        def __init__(self):
            self.layer = library.nn.Linear(1, 1)

    with pytest.raises(AttributeError):
        Early()
    m = net(library)
    with pytest.raises(TypeError):
        m.scale = library.zeros(2)
    with pytest.raises(KeyError):
        m.register_buffer("a.b", library.zeros(1))
    with pytest.raises(AttributeError, match="nothing"):
        _ = m.nothing
    with pytest.raises(NotImplementedError):
        library.nn.Module()(1)


def test_hooks():
    def program(library):
        m, seen = net(library), []
        a = m.head.register_forward_hook(lambda mod, args, out: out * 2)
        b = m.body.register_forward_pre_hook(lambda mod, args: (args[0] + 1,))
        m.head.register_full_backward_hook(lambda mod, gi, go: seen.append([gi[0].sum().item(), go[0].sum().item()]))
        x = library.ones(2, 3)
        first = m(x).sum()
        first.backward()
        a.remove()
        b.remove()
        return [first, m(x).sum(), seen, m.body[0].weight.grad]

    agree(program)


def test_tensor_hooks_and_retained_gradients():
    def program(library):
        x = library.tensor([1.0, 2.0], requires_grad=True)
        y = x * 3
        z = y.sin()
        y.retain_grad()
        handle = y.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: g + 1)
        x.register_hook(lambda g: g.clamp(max=5))
        (z * y).sum().backward()
        handle.remove()
        return [x.grad, y.grad]

    agree(program)


def test_copies_are_apart():
    def program(library):
        m = net(library)
        other = copy.deepcopy(m)
        with library.no_grad():
            m.scale.zero_()
            m.body[0].bias.zero_()
        other.body[0].weight.requires_grad_(False)
        return [other.scale, other.body[0].bias, m.body[0].weight.requires_grad, other(library.ones(1, 3))]

    agree(program)


def test_tied_weights_are_one_parameter():
    def program(library):
        nn = library.nn
        emb, out = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        out.weight = emb.weight
        m = nn.ModuleList([emb, out])
        with library.no_grad():
            emb.weight.copy_(library.arange(15.0).view(5, 3) / 10)
        out(emb(library.tensor([1, 2]))).sum().backward()
        return [len(list(m.parameters())), out.weight is emb.weight, len(m.state_dict()), emb.weight.grad]

    agree(program)


def test_freezing_casting_and_modes():
    def program(library):
        m = net(library)
        for p in m.body.parameters():
            p.requires_grad = False
        m(library.ones(1, 3)).sum().backward()
        m.double().eval()
        return [
            [p.grad is None for p in m.parameters()],
            [str(p.dtype) for p in m.parameters()],
            str(m(library.ones(1, 3, dtype=library.float64)).dtype),
            [x.training for x in m.modules()],
        ]

    agree(program)


def test_containers():
    def program(library):
        nn = library.nn
        layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        layers.append(nn.ReLU())
        layers.insert(0, nn.Tanh())
        del layers[1]
        named = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()})
        seq = nn.Sequential(*layers[:2])
        params = nn.ParameterList([nn.Parameter(library.ones(2)), library.zeros(1)])
        return [
            [type(x).__name__ for x in layers],
            [type(x).__name__ for x in seq],
            type(layers[-1]).__name__,
            list(named.keys()),
            "a" in named,
            [n for n, _ in params.named_parameters()],
            len(seq[1:]),
        ]

    agree(program)


def test_clipping_and_vectors():
    def program(library):
        m = net(library)
        (m(library.ones(4, 3)) * 50).sum().backward()
        total = library.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        grads = [p.grad.clone() for p in m.parameters()]
        library.nn.utils.clip_grad_value_(m.parameters(), 0.1)
        vector = library.nn.utils.parameters_to_vector(m.parameters())
        library.nn.utils.vector_to_parameters(vector * 2, m.parameters())
        return [total, grads, [p.grad for p in m.parameters()], m.scale]

    agree(program)


LAYERS = {
    "LayerNorm": (lambda nn: nn.LayerNorm(4), (3, 4)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(4, momentum=0.3), (6, 4)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), (3, 4)),
    "Softmax": (lambda nn: nn.Softmax(dim=0), (3, 4)),
    "Flatten": (lambda nn: nn.Flatten(start_dim=0), (3, 4)),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 2)), (3, 4)),
    "ReLU": (lambda nn: nn.ReLU(inplace=True), (3, 4)),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(4, 2, batch_first=True), (2, 3, 4)),
    "TransformerEncoder": (
        lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), 2),
        (2, 3, 4),
    ),
    "LSTM": (lambda nn: nn.LSTM(4, 3, num_layers=2, batch_first=True), (2, 3, 4)),
    "GRU": (lambda nn: nn.GRU(4, 3), (2, 3, 4)),
    "Conv2d": (lambda nn: nn.Conv2d(2, 3, 3, padding=1), (1, 2, 5, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_the_same_weights(name):
    make, shape = LAYERS[name]
    if not hasattr(facade.nn, name):
        pytest.skip("tapegraph.nn has not got it")
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    theirs, mine = make(torch.nn), make(facade.nn)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict({k: facade.from_numpy(v.numpy()) for k, v in theirs.state_dict().items()})
    results = []
    for library, layer in zip(LIBRARIES, (theirs, mine)):
        given = library.from_numpy(x.copy())
        out = layer(given, given, given) if "Multihead" in name else layer(given)
        out = out[0] if isinstance(out, tuple) else out
        if out.requires_grad:
            (out**2).sum().backward()
        grads = [p.grad for p in layer.parameters()]
        layer.eval()
        given = library.from_numpy(x.copy())
        again = layer(given, given, given) if "Multihead" in name else layer(given)
        again = again[0] if isinstance(again, tuple) else again
        results.append([out, again, *grads, *layer.state_dict().values()])
    for w, f in zip(*results, strict=True):
        np.testing.assert_allclose(f.detach().numpy(), w.detach().numpy(), rtol=2e-4, atol=1e-5)


def test_layers_are_those_of_tapegraph():
    layer = facade.nn.Linear(2, 3)
    assert type(layer._inner) is ours.Linear and layer._inner.weight is layer.weight._handle
    assert layer.in_features == 2 and isinstance(layer, facade.nn.Module)
    layer.weight = facade.nn.Parameter(facade.zeros(3, 2))
    assert layer(facade.ones(1, 2)).tolist() == [layer.bias.tolist()]


def test_saving_and_loading(tmp_path):
    m = net(facade)
    optimizer = facade.optim.Adam(m.parameters(), lr=0.1)
    m(facade.ones(2, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"model": m.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, 5: (1, facade.int64)}
    facade.save(checkpoint, tmp_path / "c.pt")
    buffer = io.BytesIO()
    facade.save(checkpoint, buffer)
    buffer.seek(0)
    for found in (facade.load(tmp_path / "c.pt", map_location="cpu", weights_only=True), facade.load(buffer)):
        assert found["epoch"] == 3 and found[5] == (1, facade.int64)
        other = net(facade)
        other.load_state_dict(found["model"])
        again = facade.optim.Adam(other.parameters(), lr=0.5)
        again.load_state_dict(found["optimizer"])
        assert again.param_groups[0]["lr"] == 0.1
        for library_m, o in ((m, optimizer), (other, again)):
            library_m.zero_grad()
            library_m(facade.ones(2, 3)).sum().backward()
            o.step()
        assert all(facade.equal(a, b) for a, b in zip(m.parameters(), other.parameters()))
        m.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
    with pytest.raises(RuntimeError, match="state_dict"):
        facade.save(m, tmp_path / "m.pt")


def test_pickled_tensors():
    x = facade.tensor([1.0, 2.0], requires_grad=True)
    y = pickle.loads(pickle.dumps({"x": x, "i": facade.arange(3), "p": facade.nn.Parameter(facade.ones(2))}))
    assert y["x"].requires_grad and y["x"].tolist() == [1.0, 2.0] and y["i"].dtype is facade.int64
    assert isinstance(y["p"], facade.nn.Parameter)
