"""In eager mode a recurrent layer over a whole sequence is one step, which means the scan of its cell."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from eager import hooks
from engine.control import sequence
from engine.op import apply

KINDS = {
    "tanh": (1, 1, {}),
    "relu": (1, 1, {}),
    "lstm": (4, 2, {}),
    "lstm projected": (4, 2, {"projected": True}),
    "gru": (3, 1, {}),
}


def operands(kind, bounded, bias):
    gates, states, more = KINDS[kind]
    rng = np.random.default_rng(1)
    time, batch, hidden = 6, 3, 4
    out = 2 if more else hidden
    shapes = [(time, batch, gates * hidden), (batch, out), (batch, hidden)][: 1 + states]
    shapes += [(gates * hidden, out), *[(gates * hidden,)] * bias, *[(out, hidden)] * bool(more)]
    arrays = [rng.uniform(-1, 1, shape) for shape in shapes]
    how = {"cell": kind.split()[0], "bias": bias, "projected": bool(more), "bounded": bounded}
    return [np.array([6, 1, 4])] * bounded + arrays, how


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_step_and_its_gradients_are_those_of_the_scan(kind, bounded, reverse):
    arrays, how = operands(kind, bounded, bias=not reverse)
    how["reverse"] = reverse
    results = 2 + (how["cell"] == "lstm")

    def loss(function):
        def of(*given):
            found = function(*arrays[:bounded], *given)[:results]
            return sum(tg.sum(y * tg.cos(y + i)) for i, y in enumerate(found))

        return of

    floats = tuple(arrays[bounded:])
    every = tuple(range(len(floats)))
    one = tg.value_and_grad(loss(lambda *x: apply(sequence._FORWARD[bounded], *map(tg.asarray, x), **how)), every)(
        *floats
    )
    many = tg.value_and_grad(loss(lambda *x: sequence._in_ops(*map(tg.asarray, x), **how)), every)(*floats)
    np.testing.assert_allclose(one[0].numpy(), many[0].numpy(), rtol=1e-12)
    for a, b in zip(one[1], many[1], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)


def test_the_number_of_eager_ops_does_not_grow_with_the_sequence():
    layer = tg.nn.LSTM(2, 3)

    def ops(time):
        layer.zero_grad()
        seen = []
        with hooks(after=seen.append):
            layer(tg.ones((time, 2, 2)))[0].sum().backward()
        return len(seen)

    assert ops(50) == ops(2)


@pytest.mark.parametrize("hidden", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", [tg.nn.LSTM, tg.nn.GRU])
def test_gates_of_any_width_are_those_of_the_cell(layer, dtype, hidden):
    """The gates are columns of one array, and NumPy's loops differ by the distance of its rows."""
    tg.manual_seed(0)
    made = layer(3, hidden, dtype=dtype)
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(dtype)
    found = made(tg.asarray(x))[0].numpy()
    with tg.mode("static"):
        wanted = tg.function(lambda x: made(x)[0])(x).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5 if dtype == "float32" else 1e-12)
