"""The largest and smallest elements of a line, without sorting all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, IndexRangeError, Trap
from engine.lowering import Loop
from engine.makers import composite
from engine.op import Op, Sample, apply
from engine.ops.along import take_along
from engine.ops.shape import reshape
from engine.ops.slices import part
from engine.ops.sorting import apart, at_end, before, from_end, line, lines, order_kernel
from engine.sizes import Size
from engine.spec import DType, Spec


def _top_kernel(x: Any, k: int, largest: bool, face: str) -> Any:
    n = x.shape[-1]
    if k > n:
        raise Trap(2, f": the first {k} of {n} elements", f"k must not exceed {n}", face)
    if not k or 4 * k >= n or not x.size:
        return order_kernel(x, largest)[..., :k]
    bound = np.partition(x, n - k if largest else k - 1, axis=-1)[..., n - k if largest else k - 1, None]
    if largest:
        ahead, level = (x > bound) | ((x != x) & (bound == bound)), (x == bound) | ((x != x) & (bound != bound))
    else:
        ahead, level = (x < bound) | ((x == x) & (bound != bound)), (x == bound) | ((x != x) & (bound != bound))
    missing = k - ahead.sum(axis=-1, keepdims=True)
    chosen = ahead | (level & (level.cumsum(axis=-1) <= missing))  # of equal ones the first
    places = np.nonzero(chosen)[-1].reshape(*x.shape[:-1], k)
    order = order_kernel(np.take_along_axis(x, places, -1), largest)
    return np.take_along_axis(places, order, -1)


# A heap of the k best positions so far, the worst on top; then the heap is taken apart from the back.
_TOP = """def kernel(a0, o, rows, n, k):
    if k > n:
        return 2
    for i in range(rows):
        base = i * n
        top = i * k
        size = 0
        step = 0
        while step < n + k and k > 0:
            sink = 0
            moved = 0
            if step < n:
                if size < k:
                    place = size
                    size += 1
                    while place > 0:
                        above = (place - 1) // 2
                        p = o[top + above]
                        x = a0[base + p]
                        y = a0[base + step]
                        if {after}:
                            break
                        o[top + place] = p
                        place = above
                    o[top + place] = step
                else:
                    x = a0[base + step]
                    y = a0[base + o[top]]
                    if {before}:
                        sink = 1
                        moved = step
            else:
                size -= 1
                sink = 1
                moved = o[top + size]
                o[top + size] = o[top]
            if sink == 1 and size > 0:
                place = 0
                while 2 * place + 1 < size:
                    below = 2 * place + 1
                    if below + 1 < size:
                        p = o[top + below]
                        q = o[top + below + 1]
                        x = a0[base + p]
                        y = a0[base + q]
                        if {before} or (not {after} and p < q):
                            below += 1
                    p = o[top + below]
                    x = a0[base + moved]
                    y = a0[base + p]
                    if {before} or (not {after} and moved < p):
                        o[top + place] = p
                        place = below
                    else:
                        break
                o[top + place] = moved
            step += 1
    return 0
"""


def _top_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    largest = attrs["largest"]
    text = _TOP.format(before=before("x", "y", largest), after=before("y", "x", largest))
    return text, [*lines(specs[0].shape), attrs["k"]]


top_of = Op(
    "top",
    _top_kernel,
    lambda x, k, largest, face: Spec((*x.shape[:-1], k), dtypes.int64),
    lower=Loop(_top_text),
    batch="leading",
    accepts=dtypes.COMPUTED,
    keeps="",
    order=42,
    samples=lambda rng, dtype: [
        Sample((apart(rng, dtype, 2, 3),), {"k": 2, "largest": True, "face": "topk"}),
        Sample((rng.integers(0, 4, (3, 40)).astype(dtype),), {"k": 5, "largest": True, "face": "topk"}),
        Sample((rng.integers(0, 4, (3, 40)).astype(dtype),), {"k": 9, "largest": False, "face": "topk"}),
        Sample((apart(rng, dtype, 2, 3),), {"k": 0, "largest": False, "face": "topk"}),
    ],
    doc="The positions of the first k elements of the last axis in order.",
    hidden=True,
)


def _top_calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((apart(rng, dtype, 2, 5), 2)),
        Sample((apart(rng, dtype, 5, 3), 3), {"axis": 0, "largest": False}),
    ]


def _top_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, 4), {}, IndexRangeError),
        Sample((x, -1), {}, ArgumentError),
        Sample((x, 2.5), {}, ArgumentError),
    ]


@composite(samples=_top_calls, errors=_top_errors, onnx="TopK", accepts=dtypes.COMPUTED)
def topk(x: Any, k: int, /, *, axis: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Any, Any]:
    """The k largest (or smallest) elements along an axis and their positions (int64), best first (PyTorch, ONNX's TopK).

    Of equal elements the first ones count; NaN counts as the largest number. The result is in order whatever ``sorted``
    says. Raises IndexRangeError where the axis has fewer than k elements.
    """
    x, place = line(x, axis, "topk")
    positions = first(x, k, place, largest, "topk")
    lines_ = at_end(x, place)
    return from_end(apply(take_along, lines_, positions, axis=x.ndim - 1), place), from_end(positions, place)


def first(x: Any, k: Any, axis: int, largest: bool, op: str) -> Any:
    """The positions of the first k elements along an axis, that axis moved to the end."""
    if not hasattr(k, "__index__") or isinstance(k, bool) or (isinstance(k, int) and k < 0):
        raise ArgumentError(f"k must be a number of elements, not {k!r}", op=op, operands=(x,))
    n = x.shape[axis]
    if isinstance(k, int) and isinstance(n, int) and k > n:
        raise IndexRangeError(
            f"an index is out of range: the first {k} of {n} elements",
            op=op,
            operands=(x,),
            fix=f"k must not exceed {n}",
        )
    return apply(top_of, at_end(x, axis), k=k, largest=bool(largest), face=op)


@composite(
    samples=lambda rng, dtype: [
        Sample((apart(rng, dtype, 2, 5), 2)),
        Sample((apart(rng, dtype, 3, 2), 3), {"axis": 0, "keepdims": True}),
    ],
    errors=_top_errors,
    accepts=dtypes.COMPUTED,
)
def kthvalue(x: Any, k: int, /, *, axis: int = -1, keepdims: bool = False) -> tuple[Any, Any]:
    """The k-th smallest element along an axis, counted from 1, and its position (int64) (PyTorch).

    Of equal elements the first ones count; NaN counts as the largest number. Raises IndexRangeError where the axis has
    fewer than k elements.
    """
    x, place = line(x, axis, "kthvalue")
    if isinstance(k, int) and k == 0:
        raise IndexRangeError("counts from 1", op="kthvalue", operands=(x,), fix="the smallest element has k = 1")
    positions = first(x, k, place, False, "kthvalue")
    position = part(positions, x.ndim - 1, k - 1, 1)
    value = apply(take_along, at_end(x, place), position, axis=x.ndim - 1)
    if keepdims:
        return from_end(value, place), from_end(position, place)
    return reshape(value, value.shape[:-1]), reshape(position, value.shape[:-1])
