"""Recurrent layers: rnn, lstm and gru over one direction of one layer, and their cells (PyTorch's formulas)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.control import sequence
from engine.control.cells import CELLS
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.linalg import linear
from engine.sizes import agree, show_shape
from engine.spec import DType


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
    gx = linear(x, weight_ih, bias_ih)
    ys, last = sequence.run(nonlinearity, gx, (h,), weight_hh, bias_hh, None, lengths, reverse)
    return ys, last[0]


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
    gx = linear(x, weight_ih, bias_ih)
    ys, last = sequence.run("lstm", gx, (h, c), weight_hh, bias_hh, weight_hr, lengths, reverse)
    return ys, tuple(last)


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
    gx = linear(x, weight_ih, bias_ih)
    ys, last = sequence.run("gru", gx, (h,), weight_hh, bias_hh, None, lengths, reverse)
    return ys, last[0]


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
    return CELLS[nonlinearity](weight_hh, bias_hh, None)(linear(x, weight_ih, bias_ih), (h,))[0]


@composite(samples=_samples(4, 2, True), errors=_errors(4, 2, True))
def lstm_cell(
    input: Any, hx: tuple[Any, Any], weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None
) -> tuple[Any, Any]:
    """One step of ``lstm``: ``(h, c)``. input: [batch, features]; hx: (h, c), each [batch, hidden]."""
    x, h, c = as_handle(input), as_handle(hx[0]), as_handle(hx[1])
    _check(x, (h, c), (as_handle(weight_ih), as_handle(weight_hh)), 4, "lstm_cell", 2)
    h, c = CELLS["lstm"](weight_hh, bias_hh, None)(linear(x, weight_ih, bias_ih), (h, c))
    return h, c


@composite(samples=_samples(3, 1, True), errors=_errors(3, 1, True))
def gru_cell(input: Any, hx: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None) -> Any:
    """One step of ``gru``. input: [batch, features]; hx and result: [batch, hidden]."""
    x, h = as_handle(input), as_handle(hx)
    _check(x, (h,), (as_handle(weight_ih), as_handle(weight_hh)), 3, "gru_cell", 2)
    return CELLS["gru"](weight_hh, bias_hh, None)(linear(x, weight_ih, bias_ih), (h,))[0]


def _nonlinearity(name: str, op: str) -> None:
    if name not in ("tanh", "relu"):
        raise ArgumentError(f"nonlinearity must be 'tanh' or 'relu', not {name!r}", op=op)
