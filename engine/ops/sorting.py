"""Sorting along an axis: the order of the elements, and the elements in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.arguments import normal_axis
from engine.errors import AxisError
from engine.lowering import Loop
from engine.makers import composite
from engine.op import Op, Sample, apply, as_handle
from engine.ops.along import add_along, take_along
from engine.ops.create import zeros
from engine.ops.shape import permute_dims
from engine.sizes import Size, product
from engine.spec import DType, Spec

# The order is that of numbers with NaN above all, as in NumPy and PyTorch; equal elements keep their order, also where
# it descends. Ops here work on the last axis: lines of n elements.


def order_kernel(x: Any, descending: bool) -> Any:
    """The positions that sort the last axis."""
    n = x.shape[-1]
    if x.dtype.itemsize == 4 and n < 2**31:
        # Number and position in one word: words differ, so that NumPy's fast sort, which is not stable, will do (10x).
        words = (_ranked(x, descending) << 32) | np.arange(n)
        words.sort(axis=-1)
        return words & 0xFFFFFFFF
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    return n - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


def _ranked(x: Any, descending: bool) -> Any:
    """Integers (int64, of 32 bits with a sign) in the order of numbers of 32 bits; equal numbers have equal ones."""
    if x.dtype.kind == "f":
        bits = (x + np.float32(0)).view(np.int32)  # 0.0 for -0.0
        bits = np.where(np.isnan(x), np.int32(2**31 - 1), bits ^ ((bits >> 31) & np.int32(2**31 - 1)))
        wide = bits.astype(np.int64)
    else:
        wide = x.astype(np.int64) - (2**31 if x.dtype.kind == "u" else 0)
    return ~wide if descending else wide


def before(x: str, y: str, descending: bool) -> str:
    """An expression: whether x stands strictly before y."""
    if descending:
        return f"({x} > {y} or ({x} != {x} and {y} == {y}))"
    return f"({x} < {y} or ({x} == {x} and {y} != {y}))"


# Runs of eight are sorted by insertion, then merged. Indices are kept in the low half of each word of the result; a
# merge writes into the high halves, so that it needs no other memory. A line may have 2**31 - 1 elements.
_ORDER = """def kernel(a0, o, rows, n):
    if n > 2147483647:
        return 2
    for i in range(rows):
        base = i * n
        for k in range(n):
            x = a0[base + k]
            first = k - k % 8
            place = k
            while place > first:
                y = a0[base + o[base + place - 1]]
                if {insert}:
                    o[base + place] = o[base + place - 1]
                    place -= 1
                else:
                    break
            o[base + place] = k
        width = 8
        while width < n:
            start = 0
            while start < n:
                middle = where(start + width < n, start + width, n)
                stop = where(middle + width < n, middle + width, n)
                left = start
                right = middle
                for k in range(start, stop):
                    second = left >= middle
                    if left < middle and right < stop:
                        x = a0[base + (o[base + right] & 4294967295)]
                        y = a0[base + (o[base + left] & 4294967295)]
                        second = {insert}
                    if second:
                        taken = o[base + right] & 4294967295
                        right += 1
                    else:
                        taken = o[base + left] & 4294967295
                        left += 1
                    o[base + k] = (o[base + k] & 4294967295) | (taken << 32)
                start = stop
            for k in range(n):
                o[base + k] = o[base + k] >> 32
            width = width * 2
    return 0
"""


# Numbers of 32 bits are put into words, each with its position in the lower half, and the words are sorted in place by
# quicksort. It needs no stack: the right part of each division is left with its largest word in front, so that
# its end is found again where a larger word stands. Words differ, so the middle one of three is never the least.
_WORDS = """def kernel(a0, o, rows, n):
    if n > 2147483647:
        return 2
    for i in range(rows):
        base = i * n
        best = base
        for k in range(n):
            x = a0[base + k]
            rank = {rank}
            o[base + k] = (int64({flip}rank) << 32) | k
            if o[base + k] > o[best]:
                best = base + k
        low = base
        end = base + n
        if n > 0:
            word = o[low]
            o[low] = o[best]
            o[best] = word
        while low < end:
            top = o[low]
            high = low + 1
            while high < end and o[high] <= top:
                high += 1
            while high - low > 16:
                span = high - low
                step = (low * 31 + span * 7) % (span // 4)
                x1 = o[low + step]
                x2 = o[low + span // 2 + step]
                x3 = o[high - 1 - step]
                pivot = maximum(minimum(x1, x2), minimum(maximum(x1, x2), x3))
                left = low
                for k in range(low, high):
                    word = o[k]
                    o[k] = o[left]
                    o[left] = word
                    left += where(word < pivot, 1, 0)
                best = left
                for k in range(left, high):
                    if o[k] > o[best]:
                        best = k
                word = o[left]
                o[left] = o[best]
                o[best] = word
                high = left
            for k in range(low + 1, high):
                word = o[k]
                place = k
                while place > low and o[place - 1] > word:
                    o[place] = o[place - 1]
                    place -= 1
                o[place] = word
            low = high
        for k in range(base, end):
            o[k] = o[k] & 4294967295
    return 0
"""
_RANKS = {
    "f": "where(x == x, where(x == float32(0), int64(0), {bits} ^ (({bits} >> 31) & 2147483647)), int64(2147483647))",
    "i": "int64(x)",
    "u": "int64(x) - 2147483648",
}


def lines(shape: Any) -> list[Size]:
    """How many lines along the last axis, and their length."""
    return [product(shape[:-1]), shape[-1]]


def _order_text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    (x,), descending = specs, attrs["descending"]
    if x.dtype.itemsize == 4:
        rank = _RANKS[x.dtype.kind].format(bits="int64(float32_bits(x))")
        return _WORDS.format(rank=rank, flip="~" if descending else ""), lines(x.shape)
    return _ORDER.format(insert=before("x", "y", descending)), lines(x.shape)


def apart(rng: np.random.Generator, dtype: DType, *shape: int) -> Any:
    """Numbers that differ from each other by more than a finite difference moves them, as far as the dtype allows."""
    return (rng.permutation(int(np.prod(shape))).reshape(shape) * 0.5 - (dtype.kind not in "ub")).astype(dtype)


def _order_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    ties = rng.integers(0, 4, (2, 40)).astype(dtype)
    return [
        Sample((apart(rng, dtype, 2, 3),), {"descending": False}),
        Sample((ties,), {"descending": False}),
        Sample((ties,), {"descending": True}),
        Sample((ties[:, :0],), {"descending": True}),
    ]


order_of = Op(
    "order",
    order_kernel,
    lambda x, descending: Spec(x.shape, dtypes.int64),
    lower=Loop(_order_text),
    batch="leading",
    accepts=dtypes.COMPUTED,
    keeps="",
    order=42,
    samples=_order_samples,
    doc="The positions that sort the last axis.",
    hidden=True,
)


def _sorted_kernel(x: Any, descending: bool) -> Any:
    y = np.sort(x, axis=-1)[..., ::-1] if descending else np.sort(x, axis=-1)
    if x.dtype.kind == "f":
        zero = y == 0
        if np.signbit(y[zero]).any():  # NumPy's fast sort does not keep the order of 0.0 and -0.0
            y[zero] = x[x == 0]
    return y


sorted_ = Op(
    "sorted",
    _sorted_kernel,
    lambda x, descending: Spec(x.shape, x.dtype),
    expand=lambda x, descending: apply(take_along, x, apply(order_of, x, descending=descending), axis=x.ndim - 1),
    accepts=dtypes.COMPUTED,
    batch="leading",
    keeps="x",
    order=47,
    vjp=(
        lambda g, y, x, descending: apply(
            add_along, zeros(x.shape, dtype=g.dtype), g, apply(order_of, x, descending=descending), axis=x.ndim - 1
        ),
    ),
    samples=lambda rng, dtype: [
        Sample((apart(rng, dtype, 2, 3),), {"descending": False}),
        Sample((apart(rng, dtype, 3, 11),), {"descending": True}),
    ],
    doc="The elements of the last axis in order.",
    hidden=True,
)

# ---------------------------------------------------------------------------------------- along any axis


def at_end(x: Any, axis: int) -> Any:
    """``x`` with an axis moved to the end."""
    return permute_dims(x, (*(i for i in range(x.ndim) if i != axis), axis))


def from_end(y: Any, axis: int) -> Any:
    """The last axis moved back to where it was."""
    last = y.ndim - 1
    return permute_dims(y, (*range(axis), last, *range(axis, last)))


def line(x: Any, axis: Any, op: str) -> tuple[Any, int]:
    """``x`` as a handle of at least one axis, and the axis counted from 0."""
    x = as_handle(x)
    if x.ndim == 0 and axis in (0, -1):
        raise AxisError("a 0-d array has no order", op=op, operands=(x,), fix="give it an axis first: reshape(x, (1,))")
    return x, normal_axis(axis, x.ndim, op, x)


def _calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((apart(rng, dtype, 2, 5),)),
        Sample((apart(rng, dtype, 4, 2, 3),), {"axis": 0, "descending": True}),
        Sample((apart(rng, dtype, 2, 4, 3).swapaxes(0, 2),), {"axis": 1}),
    ]


def _no_line(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype),), {"axis": 2}, AxisError), Sample((np.ones((), dtype),), {}, AxisError)]


@composite(samples=_calls, errors=_no_line, onnx="TopK", accepts=dtypes.COMPUTED, smooth=False)
def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The positions (int64) that sort ``x`` along an axis (Array API). NaN counts as the largest number.

    Equal elements keep their order, whatever ``stable`` says. Raises AxisError.
    """
    x, place = line(x, axis, "argsort")
    return from_end(apply(order_of, at_end(x, place), descending=bool(descending)), place)


@composite(samples=_calls, errors=_no_line, onnx="TopK", accepts=dtypes.COMPUTED)
def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements of ``x`` in order along an axis (Array API). NaN counts as the largest number.

    Equal elements (0.0 and -0.0) keep their order, whatever ``stable`` says. Gradients go to where each element came
    from. Raises AxisError.
    """
    x, place = line(x, axis, "sort")
    return from_end(apply(sorted_, at_end(x, place), descending=bool(descending)), place)
