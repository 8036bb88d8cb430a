"""Recurrent layers as scans: rnn, lstm and gru over one direction of one layer, and their cells (PyTorch's formulas)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.control.scan import scan
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.arithmetic import add
from engine.ops.compare import less
from engine.ops.linalg import linear
from engine.ops.math import sigmoid, tanh
from engine.ops.nn import relu
from engine.ops.pieces import split
from engine.ops.ranges import arange
from engine.ops.shape import expand_dims
from engine.sizes import agree, show_shape
from engine.spec import DType

Cell = Callable[[Any, Any], Any]  # (what the input gives, the carry) -> the new carry
_NONLINEAR = {"tanh": tanh, "relu": relu}


def _check(x: Any, hx: tuple[Any, ...], weights: tuple[Any, Any], gates: int, op: str, rank: int) -> None:
    """Raise ShapeError where input, states and weights do not belong together."""
    w_ih, w_hh = weights
    if x.ndim != rank:
        wanted = "[time, batch, features]" if rank == 3 else "[batch, features]"
        raise ShapeError(f"the input must be {wanted}", op=op, operands=(x,))
    if not agree(x.shape[-1], w_ih.shape[1]):
        raise ShapeError(f"the layer takes {w_ih.shape[1]} features", op=op, operands=(x, w_ih))
    hidden = w_hh.shape[0] // gates
    if not agree(hx[0].shape[-1], w_hh.shape[1]) or not agree(hx[-1].shape[-1], hidden):
        raise ShapeError(
            f"the states must have {show_shape((*x.shape[rank - 2 : rank - 1], w_hh.shape[1]))} elements",
            op=op,
            operands=hx,
        )
    for h in hx:
        if h.ndim != 2 or not agree(h.shape[0], x.shape[-2]):
            raise ShapeError("there is one state for each sequence of the batch", op=op, operands=(x, h))


def _quarters(gates: Any, count: int) -> list[Any]:
    quarters: list[Any] = split(gates, gates.shape[-1] // count, axis=-1)
    return quarters


def _rnn(w_hh: Any, b_hh: Any, nonlinearity: str) -> Cell:
    function = _NONLINEAR[nonlinearity]
    return lambda gx, h: function(add(gx, linear(h, w_hh, b_hh)))


def _lstm(w_hh: Any, b_hh: Any, w_hr: Any) -> Cell:
    def step(gx: Any, carry: Any) -> Any:
        h, c = carry
        i, f, g, o = _quarters(add(gx, linear(h, w_hh, b_hh)), 4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return (h if w_hr is None else linear(h, w_hr)), c

    return step


def _gru(w_hh: Any, b_hh: Any) -> Cell:
    def step(gx: Any, h: Any) -> Any:
        xr, xz, xn = _quarters(gx, 3)
        hr, hz, hn = _quarters(linear(h, w_hh, b_hh), 3)
        z = sigmoid(xz + hz)
        n = tanh(xn + sigmoid(xr + hr) * hn)
        return n + z * (h - n)

    return step


def _run(cell: Cell, gx: Any, carry: Any, out: Callable[[Any], Any], lengths: Any, reverse: bool) -> tuple[Any, Any]:
    """Outputs [time, batch, hidden] and the last carry; steps beyond a sequence's length leave it as it is."""
    mask = None
    if lengths is not None:
        steps = arange(gx.shape[0], dtype=dtypes.int64)
        mask = less(expand_dims(steps, axis=1), expand_dims(as_handle(lengths), axis=0))

    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        new = cell(x, carry)
        return new, out(new)

    last, ys = scan(step, carry, gx, reverse=reverse, mask=mask)
    return ys, last


def _samples(gates: int, states: int, cell: bool) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        def make(*shape: int) -> Any:
            return rng.uniform(-1, 1, shape).astype(dtype)

        batch, hidden, features = 3, 4, 5
        x = make(batch, features) if cell else make(6, batch, features)
        hx = tuple(make(batch, hidden) for _ in range(states))
        weights = make(gates * hidden, features), make(gates * hidden, hidden)
        biases = make(gates * hidden), make(gates * hidden)
        given = hx if states > 1 else hx[0]
        found = [Sample((x, given, *weights, *biases)), Sample((x, given, *weights))]
        if not cell:
            lengths = np.array([6, 2, 4])
            found.append(Sample((x, given, *weights, *biases), {"reverse": True, "lengths": lengths}))
        return found

    return samples


def _errors(gates: int, states: int, cell: bool) -> Any:
    def errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        def make(*shape: int) -> Any:
            return np.ones(shape, dtype)

        h = make(3, 4)
        hx = (h, h) if states > 1 else h
        x = make(3, 7) if cell else make(6, 3, 7)
        weights = make(gates * 4, 5), make(gates * 4, 4)
        return [Sample((x, hx, *weights), {}, ShapeError)]

    return errors


@composite(samples=_samples(1, 1, False), errors=_errors(1, 1, False), onnx="RNN")
def rnn(
    input: Any,
    hx: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    nonlinearity: str = "tanh",
    reverse: bool = False,
    lengths: Any = None,
) -> tuple[Any, Any]:
    """h = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh) at each step; ``(all h, the last h)`` (Elman 1990).

    input: [time, batch, features]; hx: [batch, hidden]; weight_ih: [hidden, features]; weight_hh: [hidden, hidden];
    biases: [hidden]. ``lengths``: integers [batch], steps beyond them change nothing and give zeros. ``reverse``: from
    the last step to the first. ``nonlinearity``: "tanh" or "relu". Raises ShapeError where the shapes do not fit.
    """
    _nonlinearity(nonlinearity, "rnn")
    x, h = as_handle(input), as_handle(hx)
    _check(x, (h,), (as_handle(weight_ih), as_handle(weight_hh)), 1, "rnn", 3)
    cell = _rnn(weight_hh, bias_hh, nonlinearity)
    return _run(cell, linear(x, weight_ih, bias_ih), h, lambda h: h, lengths, reverse)


@composite(samples=_samples(4, 2, False), errors=_errors(4, 2, False), onnx="LSTM")
def lstm(
    input: Any,
    hx: tuple[Any, Any],
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    weight_hr: Any = None,
    *,
    reverse: bool = False,
    lengths: Any = None,
) -> tuple[Any, tuple[Any, Any]]:
    """Long short-term memory over a sequence: ``(all h, (last h, last c))`` (Hochreiter & Schmidhuber 1997, with forget gates).

    input: [time, batch, features]; hx: (h [batch, hidden or projected], c [batch, hidden]); weight_ih: [4 hidden,
    features] and weight_hh: [4 hidden, hidden or projected], gates in the order input, forget, cell, output; biases:
    [4 hidden]; weight_hr: [projected, hidden]. ``lengths``, ``reverse`` and errors as for ``rnn``.
    """
    x, h, c = as_handle(input), as_handle(hx[0]), as_handle(hx[1])
    _check(x, (h, c), (as_handle(weight_ih), as_handle(weight_hh)), 4, "lstm", 3)
    cell = _lstm(weight_hh, bias_hh, weight_hr)
    return _run(cell, linear(x, weight_ih, bias_ih), (h, c), lambda carry: carry[0], lengths, reverse)


@composite(samples=_samples(3, 1, False), errors=_errors(3, 1, False), onnx="GRU")
def gru(
    input: Any,
    hx: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    *,
    reverse: bool = False,
    lengths: Any = None,
) -> tuple[Any, Any]:
    """Gated recurrent unit over a sequence: ``(all h, the last h)`` (Cho et al. 2014, reset gate after the product).

    input: [time, batch, features]; hx: [batch, hidden]; weight_ih: [3 hidden, features] and weight_hh: [3 hidden,
    hidden], gates in the order reset, update, new; biases: [3 hidden]. ``lengths``, ``reverse`` and errors as for ``rnn``.
    """
    x, h = as_handle(input), as_handle(hx)
    _check(x, (h,), (as_handle(weight_ih), as_handle(weight_hh)), 3, "gru", 3)
    cell = _gru(weight_hh, bias_hh)
    return _run(cell, linear(x, weight_ih, bias_ih), h, lambda h: h, lengths, reverse)


@composite(samples=_samples(1, 1, True), errors=_errors(1, 1, True))
def rnn_cell(
    input: Any,
    hx: Any,
    weight_ih: Any,
    weight_hh: Any,
    bias_ih: Any = None,
    bias_hh: Any = None,
    nonlinearity: str = "tanh",
) -> Any:
    """One step of ``rnn``. input: [batch, features]; hx and result: [batch, hidden]."""
    _nonlinearity(nonlinearity, "rnn_cell")
    x, h = as_handle(input), as_handle(hx)
    _check(x, (h,), (as_handle(weight_ih), as_handle(weight_hh)), 1, "rnn_cell", 2)
    return _rnn(weight_hh, bias_hh, nonlinearity)(linear(x, weight_ih, bias_ih), h)


@composite(samples=_samples(4, 2, True), errors=_errors(4, 2, True))
def lstm_cell(
    input: Any, hx: tuple[Any, Any], weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None
) -> tuple[Any, Any]:
    """One step of ``lstm``: ``(h, c)``. input: [batch, features]; hx: (h, c), each [batch, hidden]."""
    x, h, c = as_handle(input), as_handle(hx[0]), as_handle(hx[1])
    _check(x, (h, c), (as_handle(weight_ih), as_handle(weight_hh)), 4, "lstm_cell", 2)
    new: tuple[Any, Any] = _lstm(weight_hh, bias_hh, None)(linear(x, weight_ih, bias_ih), (h, c))
    return new


@composite(samples=_samples(3, 1, True), errors=_errors(3, 1, True))
def gru_cell(input: Any, hx: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None) -> Any:
    """One step of ``gru``. input: [batch, features]; hx and result: [batch, hidden]."""
    x, h = as_handle(input), as_handle(hx)
    _check(x, (h,), (as_handle(weight_ih), as_handle(weight_hh)), 3, "gru_cell", 2)
    return _gru(weight_hh, bias_hh)(linear(x, weight_ih, bias_ih), h)


def _nonlinearity(name: str, op: str) -> None:
    if name not in _NONLINEAR:
        raise ArgumentError(f"nonlinearity must be 'tanh' or 'relu', not {name!r}", op=op)
