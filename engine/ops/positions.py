"""Where in a sequence a vector stands, told by sines: encodings to be added, and rotations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite, public
from engine.op import Sample, apply, as_handle
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.joins import concat
from engine.ops.math import cos, exp, sin
from engine.ops.pieces import stack
from engine.ops.shape import expand_dims, reshape
from engine.sizes import Size
from engine.spec import DType


def _frequencies(count: int, base: float) -> Any:
    """base^(-2i / (2 count)) for i = 0 .. count - 1, in float64."""
    return exp(apply(iota, shape=(count,), axis=0, dtype=dtypes.float64) * (-math.log(base) / max(count, 1)))


def _even(features: Any, op: str) -> int:
    number = int(features)
    if number % 2 or number < 0:
        raise ArgumentError(f"the number of features must be even, not {number}", op=op)
    return number


@public
def sinusoidal_encoding(length: Size, features: int, *, base: float = 10000.0, dtype: Any = None) -> Any:
    """[length, features]: sines in even columns, cosines in odd ones, of wavelengths from 2 pi to 2 pi ``base`` (Vaswani et al. 2017).

    ``length`` may be a size of another array. Raises ArgumentError for an odd number of features.
    """
    count = _even(features, "sinusoidal_encoding") // 2
    place = apply(iota, shape=(length, 1), axis=0, dtype=dtypes.float64)
    angle = place * _frequencies(count, base)
    pairs = stack([sin(angle), cos(angle)], axis=-1)
    return astype(reshape(pairs, (length, 2 * count)), dtypes.DEFAULT_FLOAT if dtype is None else dtype)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-2, 2, (2, 3, 4)).astype(dtype)
    return [Sample((x,)), Sample((x, np.array([2, 0, 5])), {"interleaved": True, "base": 100.0})]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.ones((2, 3), dtype),), {}, ArgumentError),
        Sample((np.ones((4,), dtype),), {}, ShapeError),
    ]


@composite(samples=_samples, errors=_errors, onnx="RotaryEmbedding")
def rotary_encoding(x: Any, positions: Any = None, *, base: float = 10000.0, interleaved: bool = False) -> Any:
    """Pairs of features turned by angles that grow with the position (Su et al. 2021). x: [..., length, features].

    ``positions``: [length] or [..., length], 0, 1, 2, ... unless given. A pair is (i, i + features/2), or (2i, 2i + 1)
    if ``interleaved``. Scalar products of two such vectors depend on the distance of their positions only. Raises
    ArgumentError for an odd number of features, ShapeError for fewer than two axes.
    """
    x = as_handle(x)
    if x.ndim < 2:
        raise ShapeError("needs at least two axes: length, features", op="rotary_encoding", operands=(x,))
    half = _even(x.shape[-1], "rotary_encoding") // 2
    if positions is None:
        positions = apply(iota, shape=(x.shape[-2],), axis=0, dtype=dtypes.float64)
    angle = expand_dims(astype(as_handle(positions), dtypes.float64), axis=-1) * _frequencies(half, base)
    c, s = astype(cos(angle), x.dtype), astype(sin(angle), x.dtype)
    if interleaved:
        pairs = reshape(x, (*x.shape[:-1], half, 2))
        a, b = pairs[..., 0], pairs[..., 1]
        return reshape(stack([a * c - b * s, a * s + b * c], axis=-1), x.shape)
    a, b = x[..., :half], x[..., half:]
    return concat([a * c - b * s, a * s + b * c], axis=-1)
