"""Images read at places that an array names (PyTorch's grid_sample and affine_grid; Jaderberg et al. 2015)."""

from __future__ import annotations

from functools import reduce
from itertools import product as every
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import abs, clip, multiply
from engine.ops.compare import equal, greater_equal, less_equal, logical_and, where
from engine.ops.create import iota
from engine.ops.dtype import astype, stop_gradient
from engine.ops.index import take_along_axis
from engine.ops.joins import concat
from engine.ops.linalg import matmul
from engine.ops.resize import keys
from engine.ops.rounding import floor, round
from engine.ops.shape import broadcast_to, expand_dims, matrix_transpose, reshape
from engine.ops.slices import part
from engine.sizes import Size, agree, product, show_shape
from engine.spec import DType


def _place(grid: Any, n: Size, corners: bool) -> Any:
    """Places from -1 to 1 as positions along an axis of n elements."""
    return (grid + 1.0) * 0.5 * (n - 1) if corners else ((grid + 1.0) * n - 1.0) * 0.5


def _reflected(x: Any, n: Size, corners: bool) -> Any:
    """Positions outside thrown back at the first and last element, or at their outer edges."""
    start, span = (0.0, n - 1) if corners else (-0.5, n)
    if isinstance(span, int) and span == 0:
        return x * 0.0
    away = abs(x - start)
    turns = stop_gradient(floor(away / span))
    rest = away - turns * span
    odd = equal(turns - floor(turns * 0.5) * 2.0, 1.0)
    return where(odd, span - rest, rest) + start


def _held(x: Any, n: Size, padding: str, corners: bool) -> Any:
    """Positions brought into the image as the padding says; for zeros they stay outside."""
    if padding == "reflection":
        x = _reflected(x, n, corners)
    return x if padding == "zeros" else clip(x, 0, n - 1)


def _pick(flat: Any, at: list[Any], sizes: tuple[Size, ...], padding: str) -> Any:
    """The elements of every channel at whole positions (0 outside). flat: [batch, channels, places]; at: [batch, points]."""
    index: Any = None
    inside: Any = None
    for x, n in zip(at, sizes, strict=True):
        held = astype(clip(x, 0, n - 1), dtypes.int64)
        index = held if index is None else index * n + held
        here = logical_and(greater_equal(x, 0), less_equal(x, n - 1))
        inside = here if inside is None else logical_and(inside, here)
    found = take_along_axis(flat, expand_dims(index, axis=1), axis=2)
    return where(expand_dims(inside, axis=1), found, 0.0) if padding == "zeros" else found


_MODES = ("bilinear", "nearest", "bicubic")
_STEEP = -0.75


def _taps(x: Any, mode: str) -> list[tuple[Any, Any]]:
    """The whole positions beside x along one axis, each with its weight."""
    if mode == "nearest":
        return [(round(x), None)]
    low = stop_gradient(floor(x))
    past = x - low
    if mode == "bilinear":
        return [(low, 1.0 - past), (low + 1.0, past)]
    return [
        (low - 1.0, keys(past + 1.0, False, _STEEP)),
        (low, keys(past, True, _STEEP)),
        (low + 1.0, keys(1.0 - past, True, _STEEP)),
        (low + 2.0, keys(2.0 - past, False, _STEEP)),
    ]


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-2, 2, (2, 2, 3, 4)).astype(dtype)
    # Away from whole positions, where the slope jumps.
    places = ((rng.integers(-1, 4, (2, 2, 3, 2)) + rng.uniform(0.1, 0.4, (2, 2, 3, 2))) / 2 - 0.75).astype(dtype)
    return [
        Sample((x, places)),
        Sample((x, places), {"padding_mode": "border", "align_corners": True}),
        Sample((x, places), {"padding_mode": "reflection"}),
        Sample((x, places), {"mode": "bicubic", "padding_mode": "reflection"}),
        Sample((x, places), {"mode": "bicubic", "align_corners": True}),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((1, 1, 3, 4), dtype)
    return [
        Sample((x, np.ones((1, 2, 2, 3), dtype)), {}, ShapeError),
        Sample((x, np.ones((1, 2, 2, 2), dtype)), {"mode": "cubic"}, ArgumentError),
        Sample((x, np.ones((1, 2, 2, 2), dtype)), {"padding_mode": "wrap"}, ArgumentError),
        Sample((x[None], np.ones((1, 1, 2, 2, 3), dtype)), {"mode": "bicubic"}, ShapeError),
    ]


@composite(samples=_samples, errors=_errors, onnx="GridSample")
def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool = False
) -> Any:
    """The input read at the places of ``grid``: its last axis holds (x, y) or (x, y, z), from -1 to 1 over the image.

    input: [batch, channels, height, width] (or with depth); grid: [batch, *results, 2 (or 3)]; result: [batch,
    channels, *results]. ``mode``: "bilinear" (between the nearest 4, or 8), "nearest", or for images "bicubic" (between
    the nearest 16; Keys 1981). ``padding_mode``: outside are "zeros", the "border" elements, or a "reflection".
    ``align_corners``: -1 and 1 are the middles of the first and last elements, instead of their outer edges. Raises
    ShapeError for other shapes, ArgumentError for other options.
    """
    x, grid = as_handle(input), as_handle(grid)
    rank = x.ndim - 2
    if mode not in _MODES or padding_mode not in ("zeros", "border", "reflection"):
        wrong = f"mode {mode!r}" if mode not in _MODES else f"padding_mode {padding_mode!r}"
        raise ArgumentError(f"{wrong} is not one it knows", op="grid_sample", operands=(x, grid))
    fits = rank in (2, 3) and grid.ndim == x.ndim and agree(grid.shape[-1], rank) and agree(grid.shape[0], x.shape[0])
    if not fits:
        raise ShapeError(
            f"the grid for an input of {show_shape(x.shape)} is [batch, *results, {rank}]",
            op="grid_sample",
            operands=(x, grid),
        )
    if mode == "bicubic" and rank != 2:
        raise ShapeError(
            "mode 'bicubic' is for images: [batch, channels, height, width]", op="grid_sample", operands=(x,)
        )
    sizes, results = x.shape[2:], grid.shape[1:-1]
    flat = reshape(x, (*x.shape[:2], product(sizes)))
    points = reshape(grid, (grid.shape[0], product(results), rank))
    places = [
        _place(reshape(part(points, 2, rank - 1 - i, 1), points.shape[:2]), n, align_corners)
        for i, n in enumerate(sizes)
    ]
    if mode != "bicubic":  # which reads elements from where its places are, and brings those into the image
        places = [_held(p, n, padding_mode, align_corners) for p, n in zip(places, sizes, strict=True)]
    found: Any = None
    for taps in every(*[_taps(p, mode) for p in places]):
        at = [tap for tap, _ in taps]
        if mode == "bicubic":
            at = [_held(tap, n, padding_mode, align_corners) for tap, n in zip(at, sizes, strict=True)]
        term = _pick(flat, at, sizes, padding_mode)
        if mode != "nearest":
            weight = reduce(multiply, [share for _, share in taps])
            term = term * expand_dims(weight, axis=1)
        found = term if found is None else found + term
    return reshape(found, (*x.shape[:2], *results))


def _affine_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((rng.uniform(-1, 1, (2, 2, 3)).astype(dtype), (2, 1, 3, 4))),
        Sample((rng.uniform(-1, 1, (2, 3, 4)).astype(dtype), (2, 1, 2, 3, 2)), {"align_corners": True}),
    ]


@composite(
    samples=_affine_samples,
    errors=lambda rng, dtype: [Sample((np.ones((2, 2, 2), dtype), (2, 1, 3, 4)), {}, ShapeError)],
    onnx="AffineGrid",
)
def affine_grid(theta: Any, size: Any, align_corners: bool = False) -> Any:
    """The places an affine map takes those of an image to, for ``grid_sample``.

    theta: [batch, 2, 3] (or [batch, 3, 4]); ``size``: (batch, channels, *results); result: [batch, *results, 2 (or 3)].
    Raises ShapeError where they do not fit.
    """
    theta = as_handle(theta)
    sizes = tuple(size)[2:]
    rank = len(sizes)
    if rank not in (2, 3) or theta.ndim != 3 or not (agree(theta.shape[1], rank) and agree(theta.shape[2], rank + 1)):
        raise ShapeError(
            f"theta for a size of {tuple(size)} is [batch, {rank}, {rank + 1}]", op="affine_grid", operands=(theta,)
        )
    lines = []
    for i in reversed(range(rank)):  # x, y, z: the last axis first
        n = sizes[i]
        place = apply(iota, shape=tuple(n if j == i else 1 for j in range(rank)), axis=i, dtype=theta.dtype)
        if align_corners:
            line = place * (2.0 / (n - 1)) - 1.0 if n > 1 else place * 0.0
        else:
            line = (place * 2.0 + 1.0) * (1.0 / n) - 1.0
        lines.append(reshape(broadcast_to(line, sizes), (product(sizes), 1)))
    base = concat([*lines, lines[0] * 0.0 + 1.0], axis=1)
    return reshape(matmul(base, matrix_transpose(theta)), (theta.shape[0], *sizes, rank))
