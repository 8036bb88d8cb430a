"""Where numbers stand in a sorted line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.batching import every
from engine.errors import ArgumentError, ShapeError
from engine.lowering import Loop
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.along import take_along
from engine.ops.scatter import integers
from engine.ops.shape import reshape
from engine.sizes import Size, agree, product
from engine.spec import DType, Spec


def _kernel(line: Any, x: Any, side: str) -> Any:
    if line.ndim == 1:
        return np.searchsorted(line, x, side=side)  # type: ignore[call-overload]
    out = np.empty(x.shape, np.int64)
    lines, xs = line.reshape(-1, line.shape[-1]), x.reshape(-1, x.shape[-1])
    for i, found in enumerate(out.reshape(-1, x.shape[-1])):
        found[...] = np.searchsorted(lines[i], xs[i], side=side)  # type: ignore[call-overload]
    return out


_TEXT = """def kernel(a0, a1, o, rows, n, m):
    for i in range(rows):
        for k in range(m):
            x = a1[i * m + k]
            low = 0
            high = n
            while low < high:
                middle = (low + high) // 2
                y = a0[i * n + middle]
                if {before}:
                    low = middle + 1
                else:
                    high = middle
            o[i * m + k] = low
    return 0
"""
_BEFORE = {"left": "y < x or (y == y and x != x)", "right": "y <= x or x != x"}


def _text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    line, x = (s.shape for s in specs)
    text = _TEXT.format(before=_BEFORE[attrs["side"]])
    return text, [product(line[:-1]), line[-1], x[-1] if len(line) > 1 else product(x)]


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    # Some tests fill the arrays anew from their own elements: only a line of equal ones stays sorted.
    line, x = np.full((2, 7), 4, dtype), rng.integers(3, 6, (2, 5)).astype(dtype)
    return [Sample((line[0], x), {"side": side}) for side in ("left", "right")] + [Sample((line, x), {"side": "left"})]


def _batched(op: Op, size: Size, args: list[Any], flags: Sequence[bool], attrs: dict[str, Any]) -> Any:
    """Entries of one line are searched together; entries with lines of their own are rows."""
    line, x = args
    if not flags[0] and line.ndim == 1:
        return apply(op, line, x, **attrs)
    line, x = every(args, flags, size)
    rows = reshape(x, (size, product(x.shape[1:]))) if line.ndim == 2 else x
    return reshape(apply(op, line, rows, **attrs), x.shape)


place_in = Op(
    "place_in",
    _kernel,
    lambda line, x, side: Spec(x.shape, dtypes.int64),
    lower=Loop(_text),
    batch=_batched,
    accepts=dtypes.NUMERIC,
    keeps="",
    order=42,
    samples=_samples,
    doc="Where elements belong in sorted lines: one for all of them, or one for each row.",
    hidden=True,
)


def _calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    (_, right, rows) = _samples(rng, dtype)
    return [right, rows, Sample((*right.args[:1], np.asarray(4, dtype)), {"sorter": np.arange(7)})]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x[0], x), {"side": "middle"}, ArgumentError),
        Sample((x, x[0]), {}, ShapeError),
        Sample((x[0, 0], x[0]), {}, ShapeError),
    ]


@composite(samples=_calls, errors=_errors, accepts=dtypes.NUMERIC, smooth=False)
def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Where in the sorted ``x1`` the elements of ``x2`` belong, so that it stays sorted (Array API): int64, shape of x2.

    ``side``: before ("left") or behind ("right") equal elements. ``sorter``: positions that sort x1, where it is not.
    x1 has one axis, or as many as x2: then each row is searched by itself (PyTorch). NaN counts as the largest number.
    """
    x1, x2 = as_handle(x1), as_handle(x2)
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be 'left' or 'right', not {side!r}", op="searchsorted")
    rows = x1.ndim == x2.ndim and x1.ndim > 1
    fits = rows and all(agree(n, m) for n, m in zip(x1.shape[:-1], x2.shape[:-1], strict=True))
    if not (fits or x1.ndim == 1):
        raise ShapeError("x1 must have one axis, or the leading axes of x2", op="searchsorted", operands=(x1, x2))
    if sorter is not None:
        sorter = integers(sorter, "searchsorted", x1)
        if sorter.ndim != x1.ndim:
            raise ShapeError("the sorter must have the shape of x1", op="searchsorted", operands=(x1, sorter))
        x1 = apply(take_along, x1, sorter, axis=x1.ndim - 1)
    return apply(place_in, x1, x2, side=side)


@composite(
    samples=lambda rng, dtype: [
        Sample((rng.integers(3, 6, (2, 3)).astype(dtype), np.full(5, 4, dtype)), {"right": right})
        for right in (False, True)
    ],
    accepts=dtypes.NUMERIC,
    smooth=False,
)
def bucketize(x: Any, boundaries: Any, /, *, right: bool = False) -> Any:
    """The bucket (int64) of each element: i where boundaries[i-1] < x <= boundaries[i], or <= x < if ``right`` (PyTorch).

    boundaries: one axis, ascending.
    """
    x, boundaries = as_handle(x), as_handle(boundaries)
    if boundaries.ndim != 1:
        raise ShapeError("the boundaries must have one axis", op="bucketize", operands=(x, boundaries))
    return apply(place_in, boundaries, x, side="right" if right else "left")
