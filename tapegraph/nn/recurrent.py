"""Recurrent layers and cells: RNN, LSTM and GRU (PyTorch's names, shapes and parameters)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from engine import dispatch
from engine.control import recurrent
from engine.errors import ArgumentError, ShapeError
from engine.op import as_handle
from engine.ops.create import zeros
from engine.ops.joins import concat
from engine.ops.pieces import stack
from engine.ops.shape import expand_dims, permute_dims, squeeze
from engine.sizes import agree, show_shape
from engine.state import Parameter
from tapegraph.data.packing import PackedSequence, pack_padded_sequence, pad_packed_sequence
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.layers import floating, whole
from tapegraph.nn.module import Module


class RNNBase(Module):
    """What RNN, LSTM and GRU have in common: layers over layers, in one direction or two.

    Parameters as in PyTorch: ``weight_ih_l0`` [gates * hidden, features], ``weight_hh_l0``, ``bias_ih_l0``,
    ``bias_hh_l0``, with ``_reverse`` behind for the other direction, all uniform in ±1/sqrt(hidden_size).
    """

    gates: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = whole(input_size, "input_size", name, least=1)
        self.hidden_size = whole(hidden_size, "hidden_size", name, least=1)
        self.num_layers = whole(num_layers, "num_layers", name, least=1)
        self.proj_size = whole(proj_size, "proj_size", name, least=0)
        if self.proj_size >= self.hidden_size:
            raise ArgumentError("proj_size must be below hidden_size", op=name)
        if not 0 <= dropout <= 1:
            raise ArgumentError(f"dropout is a probability, not {dropout}", op=name)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        directions = 2 if bidirectional else 1
        target = floating(dtype, name)
        given = self.proj_size or self.hidden_size
        for layer in range(self.num_layers):
            features = self.input_size if layer == 0 else given * directions
            for suffix in self._suffixes(layer):
                shapes = {
                    "weight_ih": (self.gates * hidden_size, features),
                    "weight_hh": (self.gates * hidden_size, given),
                }
                if bias:
                    shapes |= {"bias_ih": (self.gates * hidden_size,), "bias_hh": (self.gates * hidden_size,)}
                if self.proj_size:
                    shapes["weight_hr"] = (self.proj_size, hidden_size)
                for part, shape in shapes.items():
                    setattr(self, f"{part}_{suffix}", Parameter(np.empty(shape, target)))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"] if self.bidirectional else [f"l{layer}"]

    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: parameters need not lie side by side here."""

    def _weights(self, suffix: str) -> list[Any]:
        names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        return [getattr(self, f"{n}_{suffix}", None) for n in names]

    def forward(self, input: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        """``(outputs, last states)``.

        input: [time, batch, features] ([batch, time, features] with ``batch_first``), [time, features] for one
        sequence, or a PackedSequence (eager). hx: states [layers * directions, batch, hidden] (LSTM: a pair of them),
        zeros unless given. ``lengths``: integers [batch], for padded sequences of unequal length in either mode: steps
        beyond a length change nothing and give zeros.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        x = as_handle(input)
        single = x.ndim == 2
        if x.ndim not in (2, 3) or not agree(x.shape[-1], self.input_size):
            raise ShapeError(f"the layer takes [time, batch, {self.input_size}]", op=type(self).__name__, operands=(x,))
        if single:
            x = expand_dims(x, axis=1)
        elif self.batch_first:
            x = permute_dims(x, (1, 0, 2))
        states = self._states(x, hx, single)
        y, last = self._layers(x, states, lengths)
        if single:
            y, last = squeeze(y, axis=1), [squeeze(s, axis=1) for s in last]
        elif self.batch_first:
            y = permute_dims(y, (1, 0, 2))
        return y, last[0] if len(last) == 1 else tuple(last)

    def _states(self, x: Any, hx: Any, single: bool) -> list[Any]:
        """The first states, each [layers * directions, batch, size]."""
        sizes = self._state_sizes()
        count = self.num_layers * (2 if self.bidirectional else 1)
        if hx is None:
            return [zeros((count, x.shape[1], n), dtype=x.dtype) for n in sizes]
        given = [as_handle(h) for h in (hx if len(sizes) > 1 else (hx,))]
        found = [expand_dims(h, axis=1) if single else h for h in given]
        for h, n in zip(found, sizes, strict=True):
            wanted = (count, x.shape[1], n)
            if h.ndim != 3 or not all(agree(a, b) for a, b in zip(h.shape, wanted, strict=True)):
                raise ShapeError(f"a state must be {show_shape(wanted)}", op=type(self).__name__, operands=(h,))
        return found

    def _state_sizes(self) -> list[int]:
        return [self.hidden_size]

    def _layers(self, x: Any, states: list[Any], lengths: Any) -> tuple[Any, list[Any]]:
        ends: list[list[Any]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, training=self.training)
            sides = []
            for side, suffix in enumerate(self._suffixes(layer)):
                number = layer * len(self._suffixes(layer)) + side
                y, last = self._direction(x, [s[number] for s in states], suffix, side == 1, lengths)
                sides.append(y)
                ends.append(last)
            x = sides[0] if len(sides) == 1 else concat(sides, axis=-1)
        return x, [stack(column) for column in zip(*ends, strict=True)]

    def _direction(self, x: Any, hx: list[Any], suffix: str, reverse: bool, lengths: Any) -> tuple[Any, list[Any]]:
        raise NotImplementedError

    def _packed(self, packed: PackedSequence, hx: Any) -> tuple[Any, Any]:
        padded, lengths = pad_packed_sequence(packed, batch_first=self.batch_first)
        y, last = self.forward(padded, hx, lengths=dispatch.current().asarray(lengths, None))
        again = pack_padded_sequence(y, lengths, self.batch_first, enforce_sorted=packed.sorted_indices is None)
        return again, last

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False)):
            value = getattr(self, name)
            if value != usual:
                parts.append(f"{name}={value}")
        parts += [f"dropout={self.dropout}"] * bool(self.dropout)
        parts += ["bidirectional=True"] * self.bidirectional
        return ", ".join(parts)


class RNN(RNNBase):
    """Elman layers: h = tanh(W_ih x + b_ih + W_hh h + b_hh). Arguments, shapes and parameters as in PyTorch.

    ``nonlinearity``: "tanh" or "relu".
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype)
        self.nonlinearity = nonlinearity

    def _direction(self, x: Any, hx: list[Any], suffix: str, reverse: bool, lengths: Any) -> tuple[Any, list[Any]]:
        y, h = recurrent.rnn(
            x, hx[0], *self._weights(suffix), nonlinearity=self.nonlinearity, reverse=reverse, lengths=lengths
        )
        return y, [h]


class LSTM(RNNBase):
    """Long short-term memory layers (Hochreiter & Schmidhuber 1997). States are pairs (h, c); shapes as in PyTorch.

    ``proj_size``: h is projected to so many features (Sak et al. 2014).
    """

    gates: ClassVar[int] = 4

    def _state_sizes(self) -> list[int]:
        return [self.proj_size or self.hidden_size, self.hidden_size]

    def _direction(self, x: Any, hx: list[Any], suffix: str, reverse: bool, lengths: Any) -> tuple[Any, list[Any]]:
        project = getattr(self, f"weight_hr_{suffix}", None)
        y, last = recurrent.lstm(x, (hx[0], hx[1]), *self._weights(suffix), project, reverse=reverse, lengths=lengths)
        return y, list(last)


class GRU(RNNBase):
    """Gated recurrent layers (Cho et al. 2014). Arguments, shapes and parameters as in PyTorch."""

    gates: ClassVar[int] = 3

    def _direction(self, x: Any, hx: list[Any], suffix: str, reverse: bool, lengths: Any) -> tuple[Any, list[Any]]:
        y, h = recurrent.gru(x, hx[0], *self._weights(suffix), reverse=reverse, lengths=lengths)
        return y, [h]


class RNNCellBase(Module):
    """What the cells have in common: ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh``, uniform in ±1/sqrt(hidden_size)."""

    gates: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: Any = None) -> None:
        super().__init__()
        name = type(self).__name__
        self.input_size = whole(input_size, "input_size", name, least=1)
        self.hidden_size = whole(hidden_size, "hidden_size", name, least=1)
        target = floating(dtype, name)
        rows = self.gates * self.hidden_size
        self.weight_ih = Parameter(np.empty((rows, self.input_size), target))
        self.weight_hh = Parameter(np.empty((rows, self.hidden_size), target))
        self.bias_ih = Parameter(np.empty((rows,), target)) if bias else None
        self.bias_hh = Parameter(np.empty((rows,), target)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _prepared(self, input: Any, hx: Any, states: int) -> tuple[Any, list[Any], bool]:
        x = as_handle(input)
        single = x.ndim == 1
        if single:
            x = expand_dims(x, axis=0)
        if hx is None:
            return x, [zeros((x.shape[0], self.hidden_size), dtype=x.dtype)] * states, single
        given = [as_handle(h) for h in (hx if states > 1 else (hx,))]
        return x, [expand_dims(h, axis=0) if h.ndim == 1 else h for h in given], single

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")


class RNNCell(RNNCellBase):
    """One step of an RNN. input: [batch, input_size]; hx and result: [batch, hidden_size]."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, (h,), single = self._prepared(input, hx, 1)
        h = recurrent.rnn_cell(x, h, *self._weights(), self.nonlinearity)
        return squeeze(h, axis=0) if single else h


class LSTMCell(RNNCellBase):
    """One step of an LSTM. input: [batch, input_size]; hx and result: (h, c), each [batch, hidden_size]."""

    gates: ClassVar[int] = 4

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        x, (h, c), single = self._prepared(input, hx, 2)
        h, c = recurrent.lstm_cell(x, (h, c), *self._weights())
        return (squeeze(h, axis=0), squeeze(c, axis=0)) if single else (h, c)


class GRUCell(RNNCellBase):
    """One step of a GRU. input: [batch, input_size]; hx and result: [batch, hidden_size]."""

    gates: ClassVar[int] = 3

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, (h,), single = self._prepared(input, hx, 1)
        h = recurrent.gru_cell(x, h, *self._weights())
        return squeeze(h, axis=0) if single else h
