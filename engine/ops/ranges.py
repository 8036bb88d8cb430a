"""Evenly spaced numbers, and the coordinates they span."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import check_device, normal_shape
from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.makers import public
from engine.op import apply, as_handle
from engine.ops.arithmetic import add, multiply
from engine.ops.compare import equal, where
from engine.ops.create import iota
from engine.ops.dtype import astype
from engine.ops.shape import broadcast_to, reshape
from engine.sizes import Dim, Size
from engine.spec import DType


@public
def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Any:
    """Evenly spaced numbers from ``start`` (0 if only one bound is given) up to but not including ``stop`` (Array API).

    ``dtype`` defaults to int64 for integers, float32 where a bound or the step is a float.

    >>> tg.arange(0.0, 1.0, 0.25)
    tensor([0.  , 0.25, 0.5 , 0.75])
    """
    check_device(device, "arange")
    if stop is None:
        start, stop = 0, start
    start, stop, step = (_number(v) for v in (start, stop, step))
    if not isinstance(step, Dim) and step == 0:
        raise ArgumentError("the step must not be 0", op="arange")
    floating = any(isinstance(v, float) for v in (start, stop, step))
    if dtype is None:
        dtype = dtypes.DEFAULT_FLOAT if floating else dtypes.DEFAULT_INT
    target = dtypes.as_dtype(dtype)
    size: Size
    if any(isinstance(v, Dim) for v in (start, stop, step)):
        size = -((start - stop) // step)
    elif floating:
        size = max(0, math.ceil((stop - start) / step))
    else:
        size = max(0, -((start - stop) // step))
    # Floats are rounded once, at the end; integers wrap around, so that the last bits are right in any width.
    work = dtypes.float64 if floating or target.kind == "f" else dtypes.uint64 if target.kind == "u" else dtypes.int64
    line = apply(iota, shape=(size,), axis=0, dtype=work)
    if not (isinstance(step, int) and step == 1):
        line = multiply(line, _wrapped(step, work))
    if isinstance(start, Dim) or start != 0:
        line = add(line, _wrapped(start, work))
    return astype(line, target, copy=False)


def _number(value: Any) -> Any:
    if isinstance(value, np.generic) or (hasattr(value, "item") and not isinstance(value, Dim)):
        value = value.item()
    if not isinstance(value, bool | int | float | Dim):
        raise DTypeError(f"takes real numbers, not {value!r}", op="arange")
    return value


def _wrapped(value: Any, dtype: DType) -> Any:
    return value % 2**64 if dtype == dtypes.uint64 and isinstance(value, int) else value


@public
def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, the end included unless told otherwise (Array API).

    >>> tg.linspace(0.0, 1.0, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    check_device(device, "linspace")
    target = dtypes.DEFAULT_FLOAT if dtype is None else dtypes.as_dtype(dtype)
    (count,) = normal_shape(num, "linspace")
    if not isinstance(count, Dim) and count < 0:
        raise ArgumentError(f"num must not be negative, got {num}", op="linspace")
    first, last = float(start), float(stop)
    gaps = count - 1 if endpoint else count
    line = apply(iota, shape=(count,), axis=0, dtype=dtypes.float64)
    if isinstance(gaps, Dim) or gaps > 0:
        if math.isinf(last - first):  # the way is longer than the largest number
            line = (1 - line / gaps) * first + line / gaps * last
        else:
            line = line * ((last - first) / gaps) + first
        if endpoint:
            final = equal(apply(iota, shape=(count,), axis=0, dtype=dtypes.int64), count - 1)
            line = where(final, last, line)
    else:
        line = line + first
    return astype(line, target, copy=False)


@public
def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of a grid: each vector broadcast along the axes of the others (Array API).

    arrays: n vectors (or numbers) of sizes s0, s1, ...; results: n arrays, each with the dtype of its vector, of shape
    [s0, s1, ...] for ``indexing="ij"``, and with the first two axes exchanged for "xy".

    >>> tg.meshgrid(tg.tensor([1, 2]), tg.tensor([3, 4, 5]))
    (tensor([[1, 2],
            [1, 2],
            [1, 2]]), tensor([[3, 3],
            [4, 4],
            [5, 5]]))
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"indexing must be 'xy' or 'ij', not {indexing!r}", op="meshgrid")
    handles = [as_handle(a) for a in arrays]
    for h in handles:
        if h.ndim > 1:
            raise ShapeError("takes vectors", op="meshgrid", operands=(h,), fix="flatten it first, x.reshape(-1)")
    handles = [h if h.ndim else reshape(h, (1,)) for h in handles]
    axes = list(range(len(handles)))
    if indexing == "xy" and len(axes) > 1:
        axes[:2] = 1, 0
    shape = [1] * len(axes)
    for h, axis in zip(handles, axes, strict=True):
        shape[axis] = h.shape[0]
    lines = [reshape(h, tuple(h.shape[0] if i == a else 1 for i in range(len(axes)))) for h, a in zip(handles, axes)]
    return tuple(broadcast_to(line, tuple(shape)) for line in lines)
