"""Convolution, padding and upsampling layers: PyTorch's parameters, state dicts, initial values and results."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, ShapeError
from tapegraph import nn
from tapegraph.testing import assert_modes_agree

LAYERS = [
    ("Conv1d", (4, 6, 3), {"padding": 1, "groups": 2}, (2, 4, 9)),
    ("Conv1d", (4, 6, 4), {"padding": "same", "dilation": 2, "padding_mode": "circular"}, (2, 4, 9)),
    ("Conv2d", (3, 5, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "bias": False}, (2, 3, 7, 8)),
    ("Conv2d", (3, 5, 3), {"padding": (1, 2), "padding_mode": "reflect"}, (3, 7, 8)),
    ("Conv2d", (3, 5, 3), {"padding": 1, "padding_mode": "replicate"}, (2, 3, 7, 8)),
    ("Conv3d", (2, 3, 2), {"stride": 2, "padding": 1}, (2, 2, 4, 5, 6)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1, "groups": 2}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2}, (2, 4, 5, 6)),
    ("ConvTranspose3d", (2, 3, 2), {"bias": False}, (2, 2, 3, 4, 5)),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, (2, 3, 9)),
    ("MaxPool2d", (2,), {"ceil_mode": True}, (2, 3, 7, 8)),
    ("MaxPool3d", (2,), {"dilation": 2}, (2, 3, 6, 7, 5)),
    ("AvgPool1d", (3, 2, 1), {"count_include_pad": False}, (2, 3, 9)),
    ("AvgPool2d", (2,), {"divisor_override": 3}, (2, 3, 7, 8)),
    ("AvgPool3d", (2,), {"ceil_mode": True}, (2, 3, 5, 6, 7)),
    ("LPPool1d", (2, 3), {}, (2, 3, 9)),
    ("LPPool2d", (3, 2), {"stride": 1}, (2, 3, 7, 8)),
    ("LPPool3d", (2, 2), {}, (2, 3, 4, 5, 6)),
    ("AdaptiveAvgPool1d", (4,), {}, (2, 3, 9)),
    ("AdaptiveAvgPool2d", ((3, None),), {}, (2, 3, 7, 8)),
    ("AdaptiveAvgPool3d", (2,), {}, (2, 3, 4, 5, 6)),
    ("AdaptiveMaxPool1d", (4,), {}, (2, 3, 9)),
    ("AdaptiveMaxPool2d", ((3, None),), {}, (2, 3, 7, 8)),
    ("AdaptiveMaxPool3d", (2,), {}, (2, 3, 4, 5, 6)),
    ("Unfold", (2,), {"padding": 1}, (2, 3, 4, 5)),
    ("Fold", ((4, 5), 2), {"stride": 1}, (2, 8, 12)),
    ("Upsample", (), {"scale_factor": 2, "mode": "bilinear"}, (2, 3, 4, 5)),
    ("UpsamplingNearest2d", ((5, 7),), {}, (2, 3, 4, 5)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 3}, (2, 3, 4, 5)),
    ("PixelShuffle", (2,), {}, (2, 8, 4, 5)),
    ("PixelUnshuffle", (2,), {}, (2, 3, 4, 6)),
    ("ChannelShuffle", (2,), {}, (2, 4, 3, 3)),
    ("ZeroPad1d", (1,), {}, (2, 3, 4)),
    ("ZeroPad2d", ((1, 2, 0, -1),), {}, (2, 3, 4, 5)),
    ("ZeroPad3d", (1,), {}, (2, 3, 2, 3, 4)),
    ("ConstantPad1d", ((1, 0), 2.5), {}, (2, 3, 4)),
    ("ConstantPad2d", (1, 2.5), {}, (2, 3, 4, 5)),
    ("ConstantPad3d", (1, 2.5), {}, (2, 3, 2, 3, 4)),
    ("ReflectionPad1d", ((2, 1),), {}, (2, 3, 4)),
    ("ReflectionPad2d", ((1, 2, 0, 1),), {}, (2, 3, 4, 5)),
    ("ReflectionPad3d", (1,), {}, (2, 3, 2, 3, 4)),
    ("ReplicationPad1d", (2,), {}, (2, 3, 4)),
    ("ReplicationPad2d", ((1, 2, 0, 1),), {}, (3, 4, 5)),
    ("ReplicationPad3d", (1,), {}, (2, 3, 2, 3, 4)),
    ("CircularPad1d", (2,), {}, (2, 3, 4)),
    ("CircularPad2d", ((1, 2, 0, 1),), {}, (2, 3, 4, 5)),
    ("CircularPad3d", (1,), {}, (2, 3, 2, 3, 4)),
]


@pytest.mark.parametrize("name, args, more, shape", LAYERS)
def test_against_torch(name, args, more, shape):
    torch = pytest.importorskip("torch")
    theirs, ours = getattr(torch.nn, name)(*args, **more), getattr(nn, name)(*args, **more)
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in state.items()}
    ours.load_state_dict(state)
    x = np.random.default_rng(0).uniform(0.1, 1, shape).astype("float32")
    wanted = theirs(torch.tensor(x)).detach().numpy()
    found = np.asarray(ours(tg.asarray(x)))
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d"])
def test_initial_values_spread_as_in_torch(name):
    tg.manual_seed(0)
    layer = getattr(nn, name)(64, 32, 3, groups=2)
    bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
    for parameter in (layer.weight, layer.bias):
        values = np.asarray(parameter)
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
    assert abs(float(np.asarray(layer.weight).mean())) < bound / 20


def test_output_size_of_a_transposed_layer():
    torch = pytest.importorskip("torch")
    theirs, ours = (
        torch.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1),
        nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1),
    )
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).uniform(-1, 1, (2, 2, 4, 5)).astype("float32")
    wanted = theirs(torch.tensor(x), output_size=(8, 9)).detach().numpy()
    np.testing.assert_allclose(np.asarray(ours(tg.asarray(x), (8, 9))), wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="outside 7 to 8"):
        ours(tg.asarray(x), (10, 9))


def test_a_small_network_trains_alike_in_both_modes():
    tg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 1, 12, 11)).astype("float32")
    y = np.array([0, 1, 2, 0, 1])

    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    assert_modes_agree(step, x, y, states=[model, optimizer], calls=3)


def test_mistakes_are_named():
    with pytest.raises(ArgumentError, match="in_channels 3 does not divide into 2 groups"):
        nn.Conv2d(3, 4, 3, groups=2)
    with pytest.raises(ArgumentError, match="padding_mode"):
        nn.Conv2d(3, 4, 3, padding_mode="mirror")
    with pytest.raises(ArgumentError, match="'same' needs stride 1"):
        nn.Conv1d(3, 4, 3, padding="same", stride=2)
    with pytest.raises(ArgumentError, match="kernel_size must be an int or 2 ints"):
        nn.Conv2d(3, 4, (3, 3, 3))
    with pytest.raises(ShapeError, match="takes 3 channels, the input has 4"):
        nn.Conv2d(3, 4, 3)(tg.ones((1, 4, 8, 8)))
    with pytest.raises(ArgumentError, match="padding must be an int or 4 ints"):
        nn.ZeroPad2d((1, 2))
