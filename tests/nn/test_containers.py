"""Containers behave like lists and dicts, and their parts count as their owner's."""

import copy
import pickle

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn


def parts(n=4):
    return [nn.Linear(2, 2) for _ in range(n)]


def test_lists():
    a, b, c, d = parts()
    for kind in (nn.ModuleList, lambda items=(): nn.Sequential(*items)):
        held = kind([a, b])
        assert held.append(c) is held and list(held) == [a, b, c] and len(held) == 3 and b in held and d not in held
        assert list(held.insert(0, d)) == [d, a, b, c] and held[0] is d and held[-1] is c
        assert [name for name, _ in held.named_children()] == ["0", "1", "2", "3"]
        assert held.pop(1) is a and list(held) == [d, b, c]
        del held[0]
        assert list(held) == [b, c]
        held[0] = a
        assert list(held) == [a, c] and [name for name, _ in held.named_children()] == ["0", "1"]
        held += [b, d]
        assert list(held) == [a, c, b, d] and list(held[1:3]) == [c, b] and type(held[1:3]) is type(held)
        with pytest.raises(IndexError):
            held[4]
        assert list(held + kind([a])) == [a, c, b, d, a]


def test_a_slice_of_a_sequential_keeps_names():
    net = nn.Sequential({"first": nn.Linear(2, 3), "act": nn.ReLU(), "last": nn.Linear(3, 1)})
    assert list(net[1:].state_dict()) == ["last.weight", "last.bias"] and net["act"] is net[1]
    net.append(nn.Tanh())
    assert [name for name, _ in net.named_children()] == ["first", "act", "last", "3"]
    tail = nn.Sequential(*parts())[2:]
    assert [name for name, _ in tail.named_children()] == ["2", "3"]
    tail.append(nn.ReLU())
    assert [name for name, _ in tail.named_children()] == ["2", "3", "4"]


def test_a_module_used_twice_runs_twice_and_counts_once():
    layer = nn.Linear(2, 2, dtype="float64")
    net = nn.Sequential(layer, nn.ReLU(), layer)
    x = np.abs(np.random.default_rng(0).standard_normal((3, 2)))
    h = np.maximum(x @ layer.weight.numpy().T + layer.bias.numpy(), 0)
    np.testing.assert_allclose(net(x).numpy(), h @ layer.weight.numpy().T + layer.bias.numpy())
    assert len(net) == 3 and len(list(net.children())) == 2 and len(list(net.parameters())) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Linear(2, 2)
    assert list(torch.nn.Sequential(theirs, torch.nn.ReLU(), theirs).state_dict()) == list(net.state_dict())


def test_dicts():
    a, b, c, _ = parts()
    held = nn.ModuleDict({"a": a, "b": b})
    held["c"] = c
    assert held.keys() == ["a", "b", "c"] and held.values() == [a, b, c] and held["b"] is b and "b" in held
    held["a"] = c
    assert held.items() == [("a", c), ("b", b), ("c", c)] and list(held) == ["a", "b", "c"]
    assert held.pop("b") is b and len(held) == 2
    held.update([("d", a)])
    assert held.keys() == ["a", "c", "d"]
    held.clear()
    assert len(held) == 0
    with pytest.raises(KeyError):
        del held["z"]
    for name in ("a.b", "", "forward", "training"):
        with pytest.raises(tg.errors.ArgumentError, match="cannot be the name"):
            held[name] = a


def test_parameters_in_containers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows = nn.ParameterList([np.ones(2, np.float32), nn.Parameter(np.zeros(3, np.float32))])
            self.named = nn.ParameterDict({"scale": np.ones((), np.float32)})

        def forward(self, x):
            return sum(tg.sum(x) * tg.sum(p) for p in self.rows) * self.named["scale"]

    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["rows.0", "rows.1", "named.scale"]
    net(np.ones(4, np.float32)).backward()
    assert np.asarray(net.rows[1].grad).tolist() == [4, 4, 4]
    net.rows.append(np.ones(1, np.float32))
    assert len(net.rows) == 3 and isinstance(net.rows[2], nn.Parameter) and "float32[2]" in repr(net)
    torch = pytest.importorskip("torch")
    theirs = torch.nn.ParameterList([torch.ones(2), torch.zeros(3)])
    assert list(theirs.state_dict()) == list(nn.ParameterList([np.ones(2), np.zeros(3)]).state_dict())
    with pytest.raises(tg.errors.ArgumentError, match="takes parameters"):
        net.rows.append(nn.ReLU())


def test_copies_and_pickles():
    net = nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.ReLU()])[0], nn.BatchNorm1d(2))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin[0].weight is not net[0].weight and np.array_equal(twin[0].weight.numpy(), net[0].weight.numpy())
        twin.load_state_dict(net.state_dict())
        assert twin(np.ones((2, 2), np.float32)).shape == (2, 2)
    tied = nn.Sequential(*parts(2))
    tied[1].weight = tied[0].weight
    twin = copy.deepcopy(tied)
    assert twin[1].weight is twin[0].weight and twin[0].weight is not tied[0].weight
