"""Recurrent layers against PyTorch with the same weights, in both modes."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tapegraph.data.packing import pack_padded_sequence, pad_packed_sequence

torch = pytest.importorskip("torch")

LAYERS = {
    "rnn": ("RNN", {}),
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "no bias": ("GRU", {"bias": False}),
    "two layers": ("LSTM", {"num_layers": 2}),
    "both ways": ("GRU", {"bidirectional": True}),
    "both ways, two layers, batch first": ("LSTM", {"bidirectional": True, "num_layers": 2, "batch_first": True}),
    "projected": ("LSTM", {"proj_size": 3, "num_layers": 2}),
}


def pair(kind, how, dtype="float64"):
    theirs = getattr(torch.nn, kind)(5, 6, **how).to(getattr(torch, dtype))
    ours = getattr(nn, kind)(5, 6, **how, dtype=dtype)
    ours.load_state_dict({n: p.detach().numpy() for n, p in theirs.named_parameters()})
    return ours, theirs


def close(found, wanted, tolerance):
    found = found if isinstance(found, tuple) else (found,)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(a), b.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_match_torch_in_both_modes(name, dtype):
    kind, how = LAYERS[name]
    ours, theirs = pair(kind, how, dtype)
    x = np.random.default_rng(0).normal(size=(7, 3, 5)).astype(dtype)
    tolerance = 1e-9 if dtype == "float64" else 2e-5
    t = torch.tensor(x, requires_grad=True)
    y, last = theirs(t)
    total = (y * y).sum() + sum((s**2).sum() for s in (last if isinstance(last, tuple) else (last,)))
    total.backward()

    def loss(x):
        ours.zero_grad()
        y, last = ours(x)
        states = last if isinstance(last, tuple) else (last,)
        total = tg.sum(y * y)
        for s in states:
            total = total + tg.sum(s**2)
        total.backward()
        return y, last, {n: p.grad for n, p in ours.named_parameters()}

    for mode in ("eager", "static"):
        with tg.mode(mode):
            found, states, grads = tg.function(loss)(x)
        close(found, y, tolerance)
        close(states, last, tolerance)
        for n, p in theirs.named_parameters():
            np.testing.assert_allclose(np.asarray(grads[n]), p.grad.numpy(), rtol=50 * tolerance, atol=50 * tolerance)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_sequences_of_unequal_length_match_torch_packed(kind):
    ours, theirs = pair(kind, {"bidirectional": True, "num_layers": 2})
    x = np.random.default_rng(0).normal(size=(7, 3, 5))
    lengths = np.array([4, 7, 2])
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), torch.tensor(lengths), enforce_sorted=False)
    y, last = theirs(packed)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(y)
    for mode in ("eager", "static"):
        with tg.mode(mode):
            found, states = tg.function(lambda x, n: ours(x, lengths=n))(x, lengths)
        close(found, padded, 1e-9)
        close(states, last, 1e-9)
    again, states = ours(pack_padded_sequence(x, lengths, enforce_sorted=False))
    close(pad_packed_sequence(again)[0], padded, 1e-9)
    close(states, last, 1e-9)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_given_states_and_one_sequence(kind):
    ours, theirs = pair(kind, {})
    rng = np.random.default_rng(0)
    x, states = rng.normal(size=(7, 5)), [rng.normal(size=(1, 6)) for _ in range(1 + (kind == "LSTM"))]
    give = tuple if kind == "LSTM" else lambda s: s[0]
    y, last = theirs(torch.tensor(x), give([torch.tensor(s) for s in states]))
    found, ends = ours(x, give(states))
    close(found, y, 1e-9)
    close(ends, last, 1e-9)


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_match_torch(kind):
    ours, theirs = pair(kind, {})
    x = np.random.default_rng(0).normal(size=(3, 5))
    close(ours(x), theirs(torch.tensor(x)), 1e-9)
    close(ours(x[0]), theirs(torch.tensor(x[0])), 1e-9)
    close(tg.compile(ours)(x), theirs(torch.tensor(x)), 1e-9)


def test_one_compile_serves_every_batch_and_length():
    layer = nn.LSTM(5, 6, dtype="float64")
    run = tg.compile(lambda x: layer(x)[0])
    for shape in ((7, 3, 5), (2, 4, 5), (19, 2, 5)):
        x = np.random.default_rng(0).normal(size=shape)
        np.testing.assert_allclose(np.asarray(run(x)), np.asarray(layer(x)[0]), rtol=1e-10, atol=1e-12)
    assert sum(map(len, run.versions.values())) == 1


def test_dropout_between_layers_is_the_same_in_both_modes():
    layer = nn.GRU(5, 6, num_layers=2, dropout=0.5, dtype="float64")
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    found = []
    for mode in ("eager", "static"):
        tg.manual_seed(7)
        with tg.mode(mode):
            found.append(np.asarray(tg.function(lambda x: layer(x)[0])(x)))
    np.testing.assert_allclose(*found, rtol=1e-10, atol=1e-12)
    assert np.abs(found[0] - np.asarray(layer.eval()(x)[0])).max() > 1e-3


def test_wrong_shapes_are_told():
    layer = nn.LSTM(5, 6)
    with pytest.raises(tg.errors.ShapeError, match=r"\[time, batch, 5\]"):
        layer(np.zeros((2, 3, 4), "float32"))
    with pytest.raises(tg.errors.ShapeError, match=r"\(1, 3, 6\)"):
        layer(np.zeros((2, 3, 5), "float32"), (np.zeros((1, 2, 6), "float32"),) * 2)
