"""Module: registration, walking, naming, saving, showing."""

import copy
import pickle

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4, bias=False)])
        self.scale = nn.Parameter(np.ones(4, np.float32))
        self.calls = tg.State(0)

    def forward(self, x):
        self.calls += 1
        x = self.norm(x)
        for layer in self.layers:
            x = F.relu(layer(x))
        return x * self.scale


PATHS = ["scale", "norm.weight", "norm.bias", "layers.0.weight", "layers.0.bias", "layers.1.weight"]


def test_parameters_are_found_by_their_paths():
    model = Block()
    assert [name for name, _ in model.named_parameters()] == PATHS
    assert [name for name, _ in model.named_buffers()] == ["calls"]
    assert [name for name, _ in model.named_modules()] == ["", "norm", "layers", "layers.0", "layers.1"]
    assert [name for name, _ in model.named_children()] == ["norm", "layers"]
    assert len(list(model.parameters())) == 6 and len(list(model.buffers())) == 1
    assert next(name for name, _ in model.named_parameters("net")) == "net.scale"


def test_states_are_named_by_their_outermost_path():
    model = Block()
    assert [p.name for p in model.parameters()] == PATHS
    outer = nn.Sequential({"body": model})
    assert model.layers[0].weight.name == "body.layers.0.weight"
    assert [p.name for p in outer.parameters()] == [f"body.{path}" for path in PATHS]


def test_a_given_name_and_a_shared_parameter_keep_their_name():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 3)
            self.decoder = nn.Linear(3, 5, bias=False)
            self.decoder.weight = self.embedding.weight
            self.heat = nn.Parameter(1.0, name="temperature")

    model = nn.Sequential({"inner": Tied()})
    assert [name for name, _ in model.named_parameters()] == ["inner.heat", "inner.embedding.weight"]
    assert [p.name for p in model.parameters()] == ["temperature", "inner.embedding.weight"]
    assert "inner.decoder.weight" in model.state_dict()


def test_an_error_prints_the_path_of_the_parameter():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(2, 3))
    with pytest.raises(tg.errors.ShapeError, match=r"1\.weight: float32"):
        model(np.ones((2, 4), np.float32))


def test_assigning_a_value_writes_into_the_state():
    model = Block()
    kept, counter = model.scale, model.calls
    model(np.ones((2, 4), np.float32))
    model(np.ones((2, 4), np.float32))
    assert model.calls is counter and counter.item() == 2
    model.scale = np.full(4, 3, np.float32)
    assert model.scale is kept and kept.numpy().tolist() == [3, 3, 3, 3]
    with pytest.raises(tg.errors.ShapeError):
        model.scale = np.ones(3, np.float32)
    model.scale = None
    assert len(list(model.parameters())) == 5


def test_forgetting_super_init_is_told():
    class Bad(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Bad()
    with pytest.raises(NotImplementedError, match="Empty defines no forward"):
        type("Empty", (nn.Module,), {})()()


def test_train_eval_freeze_zero_grad_apply():
    model = Block()
    assert model.eval() is model and not any(m.training for m in model.modules())
    assert all(m.training for m in model.train().modules())
    model(np.ones((2, 4), np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert not any(p.requires_grad for p in model.requires_grad_(False).parameters())
    order = []
    model.apply(lambda module: order.append(type(module).__name__))
    assert order[-1] == "Block" and order.index("Linear") < order.index("ModuleList")


def test_state_dict_round_trip():
    first, second = Block(), Block()
    saved = first.state_dict()
    assert list(saved) == ["scale", "calls", *PATHS[1:]]
    assert second.load_state_dict(saved) == ([], [])
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert np.array_equal(a.numpy(), b.numpy())
    second.scale.assign(second.scale + 1.0)
    assert saved["scale"].tolist() == [1, 1, 1, 1], "a state dict is a copy"
    saved["norm.weight"][:] = 7
    assert second.norm.weight.numpy()[0] == 1, "loading copies"


def test_load_state_dict_names_every_problem_and_changes_nothing():
    model = Block()
    before = model.state_dict()
    saved = {k: v + 1 for k, v in before.items()}
    saved["other"] = saved.pop("scale")
    saved["norm.bias"] = np.ones(5, np.float32)
    with pytest.raises(tg.errors.ArgumentError) as caught:
        model.load_state_dict(saved)
    for part in ("missing: scale", "unexpected: other", "norm.bias is (5,), the model has (4,)"):
        assert part in str(caught.value)
    with pytest.raises(tg.errors.ArgumentError, match="wrong shape"):
        model.load_state_dict(saved, strict=False)
    assert all(np.array_equal(before[k], v) for k, v in model.state_dict().items())
    del saved["norm.bias"]
    keys = model.load_state_dict(saved, strict=False)
    assert keys.missing_keys == ["scale", "norm.bias"] and keys.unexpected_keys == ["other"]
    assert np.array_equal(model.norm.weight.numpy(), saved["norm.weight"])


def test_buffers_may_be_transient():
    model = nn.Module()
    model.register_buffer("mask", np.ones(3, np.float32), persistent=False)
    model.register_buffer("mean", [0.0, 1.0])
    model.register_buffer("nothing", None)
    assert list(model.state_dict()) == ["mean"] and len(list(model.buffers())) == 2
    assert nn.Sequential(model).state_dict().keys() == {"0.mean"}


def test_copies_have_states_of_their_own():
    model = Block()
    loss = model(np.ones((2, 4), np.float32)).sum()
    again = pickle.loads(pickle.dumps(model))
    assert all(np.array_equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))
    assert [p.name for p in again.parameters()] == PATHS
    twin = copy.deepcopy(model)
    twin(np.ones((2, 4), np.float32)).sum().backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None for p in twin.parameters())
    twin.scale.assign(twin.scale * 2.0)
    assert model.scale.numpy()[0] == 1
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_repr_is_indented_as_in_pytorch():
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.25)), nn.Embedding(4, 2, 0))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3),
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Dropout(0.25)),
        torch.nn.Embedding(4, 2, 0),
    )
    assert repr(ours) == repr(theirs).replace(", inplace=False", "")
    assert repr(nn.LayerNorm((2, 3))) == repr(torch.nn.LayerNorm((2, 3))).replace(", bias=True", "")
