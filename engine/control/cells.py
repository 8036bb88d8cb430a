"""One step of the recurrent layers, written in ops: what the input gives the gates, and the states, to the new states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.ops.arithmetic import add
from engine.ops.linalg import linear
from engine.ops.math import sigmoid, tanh
from engine.ops.nn import relu
from engine.ops.pieces import split

Cell = Callable[[Any, tuple[Any, ...]], tuple[Any, ...]]


def _parts(gates: Any, count: int) -> list[Any]:
    parts: list[Any] = split(gates, gates.shape[-1] // count, axis=-1)
    return parts


def _elman(function: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Cell]:
    return lambda w_hh, b_hh, _: lambda gx, states: (function(add(gx, linear(states[0], w_hh, b_hh))),)


def _lstm(w_hh: Any, b_hh: Any, w_hr: Any) -> Cell:
    def step(gx: Any, states: Any) -> tuple[Any, ...]:
        h, c = states
        i, f, g, o = _parts(add(gx, linear(h, w_hh, b_hh)), 4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return (h if w_hr is None else linear(h, w_hr)), c

    return step


def _gru(w_hh: Any, b_hh: Any, _: Any) -> Cell:
    def step(gx: Any, states: Any) -> tuple[Any, ...]:
        (h,) = states
        xr, xz, xn = _parts(gx, 3)
        hr, hz, hn = _parts(linear(h, w_hh, b_hh), 3)
        z = sigmoid(xz + hz)
        n = tanh(xn + sigmoid(xr + hr) * hn)
        return (n + z * (h - n),)

    return step


# name -> (weight_hh, bias_hh or None, weight_hr or None) -> the step
CELLS: dict[str, Callable[[Any, Any, Any], Cell]] = {
    "tanh": _elman(tanh), "relu": _elman(relu), "lstm": _lstm, "gru": _gru
}  # fmt: skip
