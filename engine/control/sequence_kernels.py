"""Recurrent layers over whole sequences in NumPy: forward with all gates kept, and backward with one product for each weight.

Time runs along axis 0 in the order of the steps. ``mask`` [time, batch, 1] is False where a step changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def _sigmoid(x: Any) -> None:
    # Not np.negative: NumPy 2.4.6 negates wrong elements of a view into itself where a row is 16 or 64 bytes and the view a column.
    np.multiply(x, -1, out=x)
    np.exp(x, out=x)  # infinite where the result is 0
    x += 1
    np.reciprocal(x, out=x)


def _stay(new: Any, old: Any, mask: Any) -> None:
    if mask is not None:
        np.copyto(new, old, where=~mask)


def _before(first: Any, after: Any) -> Any:
    """What each step began with."""
    return np.concatenate([first[None], after[:-1]])


def _product(slopes: Any, values: Any) -> Any:
    """The gradient of a weight that all steps multiply ``values`` by."""
    return slopes.reshape(-1, slopes.shape[-1]).T @ values.reshape(-1, values.shape[-1])


class Elman:
    """h = f(x + W h), f being tanh or relu. Keeps the states."""

    def __init__(self, relu: bool) -> None:
        self.relu = relu

    def forward(self, gx: Any, states: Sequence[Any], w: Any, b: Any, _: Any, mask: Any) -> tuple[list[Any], list[Any]]:
        hs = gx.copy() if b is None else gx + b
        (h,), turned = states, w.T
        for t, new in enumerate(hs):
            new += h @ turned
            np.maximum(new, 0, out=new) if self.relu else np.tanh(new, out=new)
            _stay(new, h, None if mask is None else mask[t])
            h = new
        return [h], [hs]

    def backward(
        self, gy: Any, ends: Sequence[Any], kept: Sequence[Any], states: Sequence[Any], w: Any, _: Any, mask: Any
    ) -> tuple[Any, Any, list[Any], Any, None]:
        (hs,), (dh,) = kept, ends
        slopes = (hs > 0).astype(hs.dtype) if self.relu else 1 - hs * hs
        if mask is not None:
            slopes *= mask
        for t in range(len(hs) - 1, -1, -1):
            dh = dh + gy[t]
            slopes[t] *= dh
            back = slopes[t] @ w
            dh = back if mask is None else back + dh * ~mask[t]
        return slopes, slopes, [dh], _product(slopes, _before(states[0], hs)), None


class Long:
    """LSTM: gates in the order input, forget, cell, output. Keeps gates, cells and states."""

    def forward(
        self, gx: Any, states: Sequence[Any], w: Any, b: Any, w_hr: Any, mask: Any
    ) -> tuple[list[Any], list[Any]]:
        gates = gx.copy() if b is None else gx + b
        (h, c), n, turned = states, states[1].shape[-1], w.T
        cs, hs = np.empty((len(gx), *c.shape), gx.dtype), np.empty((len(gx), *h.shape), gx.dtype)
        for t, g in enumerate(gates):
            g += h @ turned
            _sigmoid(g[:, : 2 * n])
            np.tanh(g[:, 2 * n : 3 * n], out=g[:, 2 * n : 3 * n])
            _sigmoid(g[:, 3 * n :])
            new_c, new_h = cs[t], hs[t]
            np.multiply(g[:, n : 2 * n], c, out=new_c)
            new_c += g[:, :n] * g[:, 2 * n : 3 * n]
            made = np.tanh(new_c)
            made *= g[:, 3 * n :]
            new_h[...] = made if w_hr is None else made @ w_hr.T
            if mask is not None:
                _stay(new_c, c, mask[t])
                _stay(new_h, h, mask[t])
            h, c = new_h, new_c
        return [h, c], [gates, cs, hs]

    def backward(
        self, gy: Any, ends: Sequence[Any], kept: Sequence[Any], states: Sequence[Any], w: Any, w_hr: Any, mask: Any
    ) -> tuple[Any, Any, list[Any], Any, Any]:
        (gates, cs, hs), (dh, dc), n = kept, ends, states[1].shape[-1]
        i, f, g, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
        bent = np.tanh(cs)
        of_cell = o * (1 - bent * bent)
        slopes = np.empty_like(gates)
        slopes[..., :n] = g * i * (1 - i)
        slopes[..., n : 2 * n] = _before(states[1], cs) * f * (1 - f)
        slopes[..., 2 * n : 3 * n] = i * (1 - g * g)
        slopes[..., 3 * n :] = bent * o * (1 - o)
        if mask is not None:
            slopes *= mask
            of_cell *= mask
            f = np.where(mask, f, 1)
        projected = None if w_hr is None else np.empty_like(hs)
        for t in range(len(gates) - 1, -1, -1):
            dh = dh + gy[t]
            dm = dh
            if projected is not None:
                projected[t] = dh if mask is None else dh * mask[t]
                dm = dh @ w_hr
            dc = dc + dm * of_cell[t]
            s = slopes[t]
            s[:, :n] *= dc
            s[:, n : 2 * n] *= dc
            s[:, 2 * n : 3 * n] *= dc
            s[:, 3 * n :] *= dm
            dc *= f[t]
            back = s @ w
            dh = back if mask is None else back + dh * ~mask[t]
        of_projection = None if projected is None else _product(projected, o * bent)
        return slopes, slopes, [dh, dc], _product(slopes, _before(states[0], hs)), of_projection


class Gated:
    """GRU: gates in the order reset, update, new. Keeps gates, what the state gave the new value, and states."""

    def forward(self, gx: Any, states: Sequence[Any], w: Any, b: Any, _: Any, mask: Any) -> tuple[list[Any], list[Any]]:
        gates = gx.copy()
        (h,), n, turned = states, states[0].shape[-1], w.T
        given, hs = np.empty((len(gx), *h.shape), gx.dtype), np.empty((len(gx), *h.shape), gx.dtype)
        for t, g in enumerate(gates):
            gh = h @ turned
            if b is not None:
                gh += b
            g[:, : 2 * n] += gh[:, : 2 * n]
            _sigmoid(g[:, : 2 * n])
            given[t] = gh[:, 2 * n :]
            new = g[:, 2 * n :]
            new += g[:, :n] * given[t]
            np.tanh(new, out=new)
            np.subtract(h, new, out=hs[t])
            hs[t] *= g[:, n : 2 * n]
            hs[t] += new
            _stay(hs[t], h, None if mask is None else mask[t])
            h = hs[t]
        return [h], [gates, given, hs]

    def backward(
        self, gy: Any, ends: Sequence[Any], kept: Sequence[Any], states: Sequence[Any], w: Any, _: Any, mask: Any
    ) -> tuple[Any, Any, list[Any], Any, None]:
        (gates, given, hs), (dh,), n = kept, ends, states[0].shape[-1]
        r, z, new = (gates[..., k * n : (k + 1) * n] for k in range(3))
        earlier = _before(states[0], hs)
        slopes = np.empty((*gates.shape[:2], 4 * n), gates.dtype)  # of reset, update, r * new, new
        slopes[..., 3 * n :] = (1 - z) * (1 - new * new)
        slopes[..., :n] = slopes[..., 3 * n :] * given * r * (1 - r)
        slopes[..., n : 2 * n] = (earlier - new) * z * (1 - z)
        slopes[..., 2 * n : 3 * n] = slopes[..., 3 * n :] * r
        if mask is not None:
            slopes *= mask
            z = np.where(mask, z, 1)
        for t in range(len(gates) - 1, -1, -1):
            dh = dh + gy[t]
            s = slopes[t]
            s.reshape(-1, 4, n)[...] *= dh[:, None]
            dh = dh * z[t]
            dh += s[:, : 3 * n] @ w
        of_state = slopes[..., : 3 * n]
        of_input = np.concatenate([slopes[..., : 2 * n], slopes[..., 3 * n :]], axis=-1)
        return of_input, of_state, [dh], _product(of_state, earlier), None


LAYERS: dict[str, Any] = {"tanh": Elman(False), "relu": Elman(True), "lstm": Long(), "gru": Gated()}
