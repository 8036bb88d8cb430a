"""Images made larger or smaller by interpolation (PyTorch's interpolate; ONNX Resize)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import abs, clip, maximum, minimum
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.joins import concat
from engine.ops.pooling import adaptive_avg_pool
from engine.ops.resample import resample
from engine.ops.rounding import floor
from engine.sizes import Size, same
from engine.spec import DType

_AXES = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
_MODES = ("nearest", "nearest-exact", *_AXES, "area")


def _goals(x: Any, size: Any, scale: Any, rank: int) -> tuple[list[Size], list[float | None]]:
    """The wanted sizes, and the scales where those were given."""
    if (size is None) == (scale is None):
        raise ArgumentError("give either size or scale_factor", op="interpolate", operands=(x,))
    given = size if scale is None else scale
    listed = list(given) if isinstance(given, tuple | list) else [given] * rank
    if len(listed) != rank:
        raise ArgumentError(f"{len(listed)} sizes for {rank} axes", op="interpolate", operands=(x,))
    if scale is None:
        if any(isinstance(n, float) or (isinstance(n, int) and n < 1) for n in listed):
            raise ArgumentError(f"size must be ints of at least 1, not {size!r}", op="interpolate", operands=(x,))
        return listed, [None] * rank
    if any(not s > 0 for s in listed):
        raise ArgumentError(f"scale_factor must be positive, not {scale!r}", op="interpolate", operands=(x,))
    return [_scaled(n, s) for n, s in zip(x.shape[2:], listed, strict=True)], [float(s) for s in listed]


def _scaled(n: Size, scale: float) -> Size:
    """floor(n * scale); a named size stays a name where the scale or its inverse is whole."""
    if float(scale).is_integer():
        return n * int(scale)
    if (1 / scale).is_integer():
        return n // int(1 / scale)
    return math.floor(int(n) * scale)


def _places(m: Size, dtype: DType) -> Any:
    return apply(iota, shape=(m, 1), axis=0, dtype=dtype)


def _ratio(n: Size, m: Size, scale: float | None, like: Any) -> Any:
    """Elements to a result, as an array of one."""
    return like * 0.0 + 1.0 / scale if scale else (like * 0.0 + n) / m


def _whole(x: Any, n: Size) -> Any:
    """Positions as integers within the axis."""
    return minimum(maximum(astype(x, dtypes.int64), 0), n - 1)


def _nearest(n: Size, m: Size, scale: float | None, dtype: DType, exact: bool) -> tuple[Any, Any]:
    # PyTorch computes these positions in float32 whatever the dtype, and a position here is all or nothing.
    i = _places(m, dtypes.float32)
    index = _whole(floor((i + 0.5 if exact else i) * _ratio(n, m, scale, i)), n)
    return index, astype(i, dtype) * 0.0 + 1.0


def _source(n: Size, m: Size, scale: float | None, dtype: DType, corners: bool) -> Any:
    """The place among the elements that each result looks at."""
    i = _places(m, dtype)
    if corners:
        return i * 0.0 if same(m, 1) else i * ((i * 0.0 + (n - 1)) / (m - 1))
    return (i + 0.5) * _ratio(n, m, scale, i) - 0.5


def _linear(n: Size, m: Size, scale: float | None, dtype: DType, corners: bool) -> tuple[Any, Any]:
    # As many results as elements are the elements, whatever the scale (PyTorch).
    place = _places(m, dtype) if same(n, m) else clip(_source(n, m, scale, dtype, corners), 0.0, None)
    low = floor(place)
    far = place - low
    first = _whole(low, n)
    return concat([first, minimum(first + 1, n - 1)], axis=1), concat([1.0 - far, far], axis=1)


def _cubic(n: Size, m: Size, scale: float | None, dtype: DType, corners: bool) -> tuple[Any, Any]:
    place = _source(n, m, scale, dtype, corners)
    low = floor(place)
    far = place - low
    indices = [_whole(low + float(k), n) for k in (-1, 0, 1, 2)]
    return concat(indices, axis=1), concat(
        [keys(abs(far - float(k)), k in (0, 1), -0.75) for k in (-1, 0, 1, 2)], axis=1
    )


def keys(x: Any, near: bool, a: float) -> Any:
    """The cubic convolution kernel (Keys 1981) for distances in [0, 1] if ``near``, else in [1, 2]."""
    if near:
        return ((a + 2) * x - (a + 3)) * x * x + 1.0
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _smooth(n: int, m: int, scale: float | None, dtype: DType, corners: bool, cubic: bool) -> tuple[Any, Any]:
    """Tables of a filter as wide as a result, so that nothing is skipped in making an image smaller (as Pillow's)."""
    ratio = ((n - 1) / (m - 1) if m > 1 else 0.0) if corners else 1 / scale if scale else n / m
    wide = max(ratio, 1.0)
    support = (2 if cubic else 1) * wide
    centre = ratio * (np.arange(m)[:, None] + 0.5)
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + support + 0.5).astype(np.int64), n)
    index = first + np.arange(int(np.max(stop - first)))
    x = np.abs((index - centre + 0.5) / wide)
    height = (
        np.where(x < 1, keys(x, True, -0.5), np.where(x < 2, keys(x, False, -0.5), 0))
        if cubic
        else np.maximum(1 - x, 0)
    )
    height = np.where(index < stop, height, 0)
    return np.minimum(index, n - 1), (height / height.sum(1, keepdims=True)).astype(dtype)


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-2, 2, (2, 1, 3, 4)).astype(dtype)
    return [
        Sample((x,), {"scale_factor": 2}),
        Sample((x,), {"size": (5, 3), "mode": "bilinear"}),
        Sample((x[0],), {"size": 7, "mode": "linear", "align_corners": True}),
        Sample((x,), {"scale_factor": 1.5, "mode": "bicubic"}),
        Sample((x,), {"size": 2, "mode": "bilinear", "antialias": True}),
        Sample((x,), {"size": 2, "mode": "area"}),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((1, 1, 3, 4), dtype)
    return [
        Sample((x,), {}, ArgumentError),
        Sample((x,), {"size": 2, "mode": "cubic"}, ArgumentError),
        Sample((x,), {"size": 2, "mode": "linear"}, ShapeError),
        Sample((x,), {"size": 2, "align_corners": True}, ArgumentError),
    ]


@composite(samples=_samples, errors=_errors, onnx="Resize")
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """The axes behind batch and channels resampled to ``size``, or by ``scale_factor`` (PyTorch).

    input: [batch, channels, *sizes] with one to three sizes. ``mode``: "nearest", "nearest-exact", "linear" (one axis),
    "bilinear" (two), "trilinear" (three), "bicubic" (two; Keys 1981), "area" (means of windows). ``align_corners``: the
    first and last elements keep their places, instead of the edges of the image. ``recompute_scale_factor``: the scale
    follows from the rounded sizes. ``antialias``: with "bilinear" and "bicubic", a filter as wide as a result.
    Raises ArgumentError for other options, ShapeError for an input of another number of axes.
    """
    x = as_handle(input)
    rank = x.ndim - 2
    if mode not in _MODES:
        raise ArgumentError(f"mode must be one of {', '.join(_MODES)}, not {mode!r}", op="interpolate", operands=(x,))
    if not 1 <= rank <= 3 or _AXES.get(mode, rank) != rank:
        wanted = f"{_AXES[mode] + 2} axes" if mode in _AXES else "3 to 5 axes"
        raise ShapeError(f"mode {mode!r} takes an input of {wanted}, not {x.ndim}", op="interpolate", operands=(x,))
    if align_corners is not None and mode not in _AXES:
        raise ArgumentError(f"align_corners has no meaning for mode {mode!r}", op="interpolate", operands=(x,))
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError("antialias is for modes 'bilinear' and 'bicubic'", op="interpolate", operands=(x,))
    goals, scales = _goals(x, size, scale_factor, rank)
    if recompute_scale_factor:
        scales = [None] * rank
    if mode == "area":
        return adaptive_avg_pool("interpolate", rank, x, goals)
    for axis in reversed(range(rank)):
        n, m, scale = x.shape[axis + 2], goals[axis], scales[axis]
        if antialias:
            table = _smooth(int(n), int(m), scale, x.dtype, bool(align_corners), mode == "bicubic")
        elif mode.startswith("nearest"):
            table = _nearest(n, m, scale, x.dtype, mode == "nearest-exact")
        else:
            table = (_cubic if mode == "bicubic" else _linear)(n, m, scale, x.dtype, bool(align_corners))
        x = apply(resample, x, *map(as_handle, table), axis=axis + 2)
    return x
