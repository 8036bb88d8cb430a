"""Elements moved between channels and places: pixel shuffles and channel shuffles."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, ShapeError
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.samples import array, calls
from engine.ops.shape import permute_dims, reshape
from engine.ops.windows import per_axis
from engine.sizes import divide_exactly, show_size
from engine.spec import DType


def _image(x: Any, op: str) -> Any:
    x = as_handle(x)
    if x.ndim < 3:
        raise ShapeError(f"takes [..., channels, height, width], not {x.ndim} axes", op=op, operands=(x,))
    return x


def _share(n: Any, parts: int, what: str, op: str, x: Any) -> Any:
    """``n / parts``, or ShapeError where it is not whole."""
    found = divide_exactly(n, parts)
    if found is None:
        count = int(n)
        if count % parts:
            raise ShapeError(f"{show_size(n)} {what} do not divide into {parts}", op=op, operands=(x,))
        found = count // parts
    return found


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = array(rng, dtype, 3, 3, 3)
    return [Sample((x, 2), {}, ShapeError), Sample((x, 0), {}, ArgumentError), Sample((x[0], 1), {}, ShapeError)]


@composite(accepts=dtypes.EVERY, samples=calls(((8, 2, 3), 2), ((2, 9, 1, 2), 3)), errors=_errors, onnx="DepthToSpace")
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """[..., c * r * r, h, w] to [..., c, h * r, w * r]: groups of channels become blocks of pixels (Shi et al. 2016).

    Raises ShapeError where the channels are no multiple of ``upscale_factor`` squared.
    """
    x = _image(input, "pixel_shuffle")
    (r,) = per_axis(upscale_factor, 1, "upscale_factor", "pixel_shuffle")
    *lead, channels, h, w = x.shape
    c = _share(channels, r * r, "channels", "pixel_shuffle", x)
    d = len(lead)
    blocks = permute_dims(reshape(x, (*lead, c, r, r, h, w)), (*range(d + 1), d + 3, d + 1, d + 4, d + 2))
    return reshape(blocks, (*lead, c, h * r, w * r))


@composite(accepts=dtypes.EVERY, samples=calls(((2, 4, 6), 2), ((2, 1, 3, 3), 3)), errors=_errors, onnx="SpaceToDepth")
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """[..., c, h * r, w * r] to [..., c * r * r, h, w], the inverse of ``pixel_shuffle``.

    Raises ShapeError where height or width is no multiple of ``downscale_factor``.
    """
    x = _image(input, "pixel_unshuffle")
    (r,) = per_axis(downscale_factor, 1, "downscale_factor", "pixel_unshuffle")
    *lead, c, height, width = x.shape
    h = _share(height, r, "rows", "pixel_unshuffle", x)
    w = _share(width, r, "columns", "pixel_unshuffle", x)
    d = len(lead)
    blocks = permute_dims(reshape(x, (*lead, c, h, r, w, r)), (*range(d + 1), d + 2, d + 4, d + 1, d + 3))
    return reshape(blocks, (*lead, c * r * r, h, w))


@composite(
    accepts=dtypes.EVERY,
    samples=calls(((1, 6, 2), 3), ((2, 4, 2, 1), 2)),
    errors=lambda rng, dtype: [Sample((array(rng, dtype, 1, 5, 2), 2), {}, ShapeError)],
)
def channel_shuffle(input: Any, groups: int) -> Any:
    """The channels of ``groups`` groups dealt out in turn (Zhang et al. 2018). input: [batch, channels, ...].

    Raises ShapeError where the channels do not divide into the groups.
    """
    x = as_handle(input)
    (g,) = per_axis(groups, 1, "groups", "channel_shuffle")
    if x.ndim < 3:
        raise ShapeError(f"takes [batch, channels, ...], not {x.ndim} axes", op="channel_shuffle", operands=(x,))
    n, channels, *rest = x.shape
    share = _share(channels, g, "channels", "channel_shuffle", x)
    dealt = permute_dims(reshape(x, (n, g, share, *rest)), (0, 2, 1, *range(3, x.ndim + 1)))
    return reshape(dealt, x.shape)
