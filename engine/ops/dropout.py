"""Dropout and its kin: elements or whole channels left out at random while training (PyTorch's names and meaning)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.compare import where
from engine.ops.random import Generator, bernoulli
from engine.sizes import Shape
from engine.spec import DType

_DROPS = ((0.5, False), (0.0, True), (1.0, True), (0.4, True))


def _samples(*shapes: tuple[int, ...]) -> Any:
    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        drawn = [rng.uniform(0.1, 3, shape).astype(dtype) for shape in shapes]
        return [Sample((x, p, training)) for x in drawn for p, training in _DROPS]

    return samples


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype), 1.5, True), {}, ArgumentError)]


def _rank_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((3,), dtype),), {}, ShapeError)]


def check_probability(p: float, op: str) -> None:
    """Raise ArgumentError for a number outside [0, 1]."""
    if not 0 <= p <= 1:
        raise ArgumentError(f"p must lie in [0, 1], not {p}", op=op)


def _dropped(x: Any, p: float, training: bool, shape: Shape, op: str, generator: Generator | None) -> Any:
    """``x`` with zeros where draws of ``shape``, which broadcasts to that of x, say so."""
    check_probability(p, op)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    return where(bernoulli(1 - p, shape, generator=generator), x * (1 / (1 - p)), 0.0)


@composite(samples=_samples((2, 3)), errors=_errors)
def dropout(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Any:
    """Each element zeroed with probability ``p`` and the rest scaled by 1/(1-p), while ``training`` (Srivastava et al. 2014).

    Values are immutable, so ``inplace`` makes no difference. Raises ArgumentError for p outside [0, 1].
    """
    x = as_handle(x)
    return _dropped(x, p, training, x.shape, "dropout", generator)


def _of_channels(x: Any, p: float, training: bool, ranks: tuple[int, int], op: str, generator: Any) -> Any:
    x = as_handle(x)
    if x.ndim not in ranks:
        raise ShapeError(
            f"takes {ranks[0]} or {ranks[1]} axes, not {x.ndim}",
            op=op,
            operands=(x,),
            fix="use dropout for single values",
        )
    lead = 1 if x.ndim == ranks[0] else 2
    return _dropped(x, p, training, (*x.shape[:lead], *[1] * (x.ndim - lead)), op, generator)


@composite(samples=_samples((3, 4)), errors=_rank_errors)
def dropout1d(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Any:
    """Whole channels zeroed with probability ``p``, the rest scaled by 1/(1-p) (Tompson et al. 2015). x: [n, channels, l] or [channels, l].

    Raises ShapeError for another number of axes, ArgumentError for p outside [0, 1].
    """
    return _of_channels(x, p, training, (2, 3), "dropout1d", generator)


@composite(samples=_samples((2, 3, 2, 2)), errors=_rank_errors)
def dropout2d(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Any:
    """Whole channels zeroed with probability ``p``, the rest scaled by 1/(1-p) (Tompson et al. 2015). x: [n, channels, h, w].

    Three axes are read as [n, channels, l], as in PyTorch. Raises ShapeError for another number of axes,
    ArgumentError for p outside [0, 1].
    """
    x = as_handle(x)
    return _of_channels(x, p, training, (2, 3) if x.ndim == 3 else (3, 4), "dropout2d", generator)


@composite(samples=_samples((2, 3, 1, 2, 2)), errors=_rank_errors)
def dropout3d(
    x: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None
) -> Any:
    """Whole channels zeroed with probability ``p``, the rest scaled by 1/(1-p) (Tompson et al. 2015).

    x: [n, channels, d, h, w] or [channels, d, h, w]. Raises ShapeError for another number of axes, ArgumentError for
    p outside [0, 1].
    """
    return _of_channels(x, p, training, (4, 5), "dropout3d", generator)


# What selu (Klambauer et al. 2017) tends to for large negative x: -scale * alpha.
_SATURATION = -1.0507009873554805 * 1.6732632423543772


def _to_saturation(x: Any, p: float, training: bool, shape: Shape, op: str, generator: Generator | None) -> Any:
    """Dropped elements become the saturation of selu; a scale and a shift restore mean 0 and variance 1."""
    check_probability(p, op)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    scale = 1 / math.sqrt((1 - p) * (1 + p * _SATURATION**2))
    shift = -scale * _SATURATION * p
    kept = bernoulli(1 - p, shape, generator=generator)
    return where(kept, x * scale + shift, _SATURATION * scale + shift)


@composite(samples=_samples((2, 3)), errors=_errors)
def alpha_dropout(
    x: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Generator | None = None
) -> Any:
    """Dropout that keeps mean 0 and variance 1 of what selu gives (Klambauer et al. 2017).

    Raises ArgumentError for p outside [0, 1].
    """
    x = as_handle(x)
    return _to_saturation(x, p, training, x.shape, "alpha_dropout", generator)


@composite(
    samples=_samples((2, 3, 2)),
    errors=lambda rng, dtype: [Sample((np.ones((3,), dtype), 0.5, True), {}, ShapeError)],
)
def feature_alpha_dropout(
    x: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Generator | None = None
) -> Any:
    """alpha_dropout of whole channels. x: [n, channels, ...].

    Raises ShapeError for fewer axes where it drops anything, ArgumentError for another p.
    """
    x = as_handle(x)
    if training and p and x.ndim < 2:
        raise ShapeError("needs at least two axes: batch, channels", op="feature_alpha_dropout", operands=(x,))
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    return _to_saturation(x, p, training, shape, "feature_alpha_dropout", generator)
