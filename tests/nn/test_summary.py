"""nn.summary tells shapes, parameters and multiply-adds."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.5))
        self.head = nn.Linear(16, 3, bias=False)
        self.spare = nn.Linear(2, 2)
        self.body.requires_grad_(False)

    def forward(self, x):
        return self.head(self.body(x))


def test_what_it_tells():
    net = Net()
    before = net.state_dict()
    counter = tg.default_generator.counter.item()
    found = nn.summary(net, (5, 8))
    rows = {layer.path: layer for layer in found.layers}
    assert list(rows) == [path for path, _ in net.named_modules()]
    assert rows["body.0"].shape == (5, 16) and rows["body.0"].parameters == 8 * 16 + 16
    assert rows["body.0"].multiply_adds == 5 * 8 * 16 and rows["head"].multiply_adds == 5 * 16 * 3
    assert rows[""].shape == (5, 3) and rows["spare"].calls == 0
    assert found.parameters == sum(p.size for p in net.parameters()) and found.trainable == 16 * 3 + 6
    assert found.bytes == 4 * (found.parameters + 32) + 8
    assert found.multiply_adds == 5 * 8 * 16 + 5 * 16 * 3
    assert net.training and not any(m._hooks for m in net.modules()), "it leaves no trace"
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), net.state_dict().values(), strict=True))
    assert tg.default_generator.counter.item() == counter


def test_how_it_looks():
    text = str(nn.summary(Net(), (5, 8)))
    lines = text.splitlines()
    assert lines[0].split() == ["layer", "result", "parameters", "multiply-adds"]
    assert any(line.split() == ["0:", "Linear", "[5,", "16]", "144", "640"] for line in lines)
    assert "not called" in text and lines[-1].split()[0] == "total" and "\x1b" not in text


def test_several_inputs_and_other_arguments():
    both = nn.summary(nn.Bilinear(3, 4, 2), [(5, 3), (5, 4)])
    assert both.layers[0].shape == (5, 2) and both.layers[0].multiply_adds == 5 * 3 * 2 * 4
    table = nn.summary(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2)), args=[np.array([[1, 2, 3]])])
    assert table.layers[0].shape == (1, 3, 2)
    attention = nn.summary(nn.MultiheadAttention(4, 2), [(3, 2, 4)] * 3)
    assert attention.layers[0].shape == [(3, 2, 4), (2, 3, 3)]
    with pytest.raises(tg.errors.ArgumentError, match="input_shape or args"):
        nn.summary(nn.ReLU())


def test_modes_are_restored_after_a_mistake():
    net = nn.Sequential(nn.Linear(3, 2), nn.Dropout()).train()
    net[1].eval()
    with pytest.raises(tg.errors.ShapeError):
        nn.summary(net, (2, 4))
    assert net[0].training and not net[1].training and not net[0]._hooks


def test_convolutions_are_counted():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Parameter(np.ones((6, 2, 3, 3), np.float32))
            self.up = nn.Parameter(np.ones((6, 5, 2, 2), np.float32))

        def forward(self, x):
            return tg.conv_transpose(tg.conv(x, self.down, groups=2), self.up)

    found = nn.summary(Both(), (2, 4, 8, 8))
    assert found.multiply_adds == 2 * 6 * 36 * (2 * 9) + 2 * 6 * 36 * (5 * 4)
