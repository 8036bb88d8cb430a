"""Initialisers by PyTorch's names; each fills a state in place, drawing from the engine's counter-based generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError
from engine.ops.create import eye, full
from engine.ops.random import Generator, normal, uniform
from engine.state import State

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_GAINS |= {f"conv{rest}": 1.0 for d in (1, 2, 3) for rest in (f"{d}d", f"_transpose{d}d")}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity; ``param`` is the slope of "leaky_relu" (0.01)."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        names = ", ".join(["leaky_relu", *_GAINS])
        raise ArgumentError(f"nonlinearity must be one of {names}, not {nonlinearity!r}", op="calculate_gain")
    return _GAINS[nonlinearity]


def _fill(tensor: State, value: Any) -> State:
    interpreter = dispatch.current()
    with dispatch.interpret(interpreter.with_grad(False)):
        tensor.assign(value)
    return tensor


def _fans(tensor: State, op: str) -> tuple[int, int]:
    """Inputs and outputs of each unit of a weight [out, in, *window]."""
    if tensor.ndim < 2:
        raise ArgumentError("needs a weight of at least two axes, [out, in, ...]", op=op, fix="use uniform_ or normal_")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _chosen_fan(tensor: State, mode: str, op: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}", op=op)
    return max(_fans(tensor, op)[mode == "fan_out"], 1)  # an empty weight has no fan and draws nothing


def constant_(tensor: State, val: float) -> State:
    """Fill with one number."""
    return _fill(tensor, full(tensor.shape, val, dtype=tensor.dtype))


def zeros_(tensor: State) -> State:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: State) -> State:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: State) -> State:
    """Fill a matrix with ones on the diagonal and zeros elsewhere."""
    if tensor.ndim != 2:
        raise ArgumentError("needs a matrix", op="eye_")
    return _fill(tensor, eye(*tensor.shape, dtype=tensor.dtype))


def uniform_(tensor: State, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> State:
    """Fill with draws from [a, b), each value equally likely."""
    return _fill(tensor, uniform(tensor.shape, a, b, dtype=tensor.dtype, generator=generator))


def normal_(tensor: State, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> State:
    """Fill with normally distributed draws."""
    return _fill(tensor, normal(tensor.shape, mean, std, dtype=tensor.dtype, generator=generator))


def trunc_normal_(
    tensor: State,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> State:
    """Fill with normally distributed draws, those outside [a, b] drawn anew. Runs in eager mode only.

    Done by the inverse of the distribution function, of draws from what lies between a and b.
    """
    from scipy.special import ndtr, ndtri  # slow to import, and rarely needed

    if not a < b:
        raise ArgumentError(f"a must be below b, not {a} and {b}", op="trunc_normal_")
    low, high = ndtr((a - mean) / std), ndtr((b - mean) / std)
    chance = np.asarray(uniform(tensor.shape, float(low), float(high), dtype="float64", generator=generator))
    drawn = np.clip(mean + std * ndtri(chance), a, b)
    return _fill(tensor, np.asarray(drawn, tensor.dtype))


def dirac_(tensor: State, groups: int = 1) -> State:
    """Fill the weight of a convolution [out, in, *window] so that it hands on as many channels as it can.

    Each of ``groups`` runs of outputs hands on the first inputs. Raises ArgumentError for a weight that is none, and
    where the groups do not divide its outputs.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError("needs the weight of a convolution, [out, in, *window]", op="dirac_")
    if groups < 1 or tensor.shape[0] % groups:
        raise ArgumentError(f"{groups} groups do not divide {tensor.shape[0]} outputs", op="dirac_")
    filled = np.zeros(tensor.shape, tensor.dtype)
    size = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for channel in range(min(size, tensor.shape[1])):
        for group in range(groups):
            filled[(group * size + channel, channel, *middle)] = 1
    return _fill(tensor, filled)


def sparse_(tensor: State, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> State:
    """Fill a matrix with normal draws, but the given part of each column with zeros (Martens 2010). Runs in eager mode only."""
    if tensor.ndim != 2:
        raise ArgumentError("needs a matrix", op="sparse_")
    rows = tensor.shape[0]
    drawn = np.array(normal(tensor.shape, 0.0, std, dtype=tensor.dtype, generator=generator))
    order = np.argsort(np.asarray(uniform(tensor.shape, dtype="float64", generator=generator)), axis=0)
    np.put_along_axis(drawn, order[: min(math.ceil(sparsity * rows), rows)], 0, axis=0)
    return _fill(tensor, drawn)


def xavier_uniform_(tensor: State, gain: float = 1.0, generator: Generator | None = None) -> State:
    """Uniform with variance gain² · 2/(fan_in + fan_out) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / max(sum(_fans(tensor, "xavier_uniform_")), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: State, gain: float = 1.0, generator: Generator | None = None) -> State:
    """Normal with variance gain² · 2/(fan_in + fan_out) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(sum(_fans(tensor, "xavier_normal_")), 1)), generator)


def kaiming_uniform_(
    tensor: State,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> State:
    """Uniform with variance gain²/fan (He et al. 2015); ``a`` is the slope of "leaky_relu"."""
    fan = _chosen_fan(tensor, mode, "kaiming_uniform_")
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / fan)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: State,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> State:
    """Normal with variance gain²/fan (He et al. 2015); ``a`` is the slope of "leaky_relu"."""
    fan = _chosen_fan(tensor, mode, "kaiming_normal_")
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def orthogonal_(tensor: State, gain: float = 1.0, generator: Generator | None = None) -> State:
    """Orthonormal rows or columns, whichever are fewer, times ``gain`` (Saxe et al. 2014). Runs in eager mode only."""
    _fans(tensor, "orthogonal_")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = np.asarray(normal((max(rows, columns), min(rows, columns)), dtype=tensor.dtype, generator=generator))
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diagonal(r))  # makes the distribution uniform (Mezzadri 2007)
    basis = q if rows >= columns else q.T
    return _fill(tensor, np.asarray(gain * basis, tensor.dtype).reshape(tensor.shape))
