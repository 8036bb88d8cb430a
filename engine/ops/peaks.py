"""Running extremes: the largest and smallest so far along an axis, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import AxisError
from engine.lowering import Loop
from engine.makers import composite
from engine.op import Op, Sample, apply
from engine.ops.along import take_along
from engine.ops.sorting import apart, line
from engine.sizes import Size, product
from engine.spec import DType, Spec


def _kernel(x: Any, axis: int, largest: bool) -> Any:
    best = (np.maximum if largest else np.minimum).accumulate(x, axis=axis)
    # The last place so far that holds the extreme: a NaN holds it from the first one on.
    holds = (x == best) | (x != x)
    turn = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return np.maximum.accumulate(np.where(holds, turn, 0), axis=axis)


_TEXT = """def kernel(a0, o, outer, n, inner):
    for i in range(outer):
        for k in range(n):
            for j in range(inner):
                here = (i * n + k) * inner + j
                best = 0
                if k > 0:
                    best = o[here - inner]
                x = a0[here]
                y = a0[(i * n + best) * inner + j]
                if x {sign} y or x != x:
                    best = k
                o[here] = best
    return 0
"""


def _text(specs: Sequence[Spec], out: Spec, attrs: dict[str, Any]) -> tuple[str, list[Size]]:
    shape, axis = specs[0].shape, attrs["axis"]
    text = _TEXT.format(sign=">=" if attrs["largest"] else "<=")
    return text, [product(shape[:axis]), shape[axis], product(shape[axis + 1 :])]


peak_of = Op(
    "peak",
    _kernel,
    lambda x, axis, largest: Spec(x.shape, dtypes.int64),
    lower=Loop(_text),
    batch="shift",
    accepts=dtypes.COMPUTED,
    keeps="",
    order=42,
    samples=lambda rng, dtype: [
        Sample((rng.integers(0, 4, (2, 5, 3)).astype(dtype),), {"axis": 1, "largest": True}),
        Sample((rng.integers(0, 4, (2, 7)).astype(dtype),), {"axis": 1, "largest": False}),
        Sample((np.ones((0, 2), dtype),), {"axis": 0, "largest": False}),
    ],
    doc="The position of the largest (or smallest) element so far along an axis; of equal ones the last.",
    hidden=True,
)


def _calls(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((apart(rng, dtype, 2, 5),)), Sample((apart(rng, dtype, 4, 3),), {"axis": 0})]


def _no_line(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((2, 3), dtype),), {"axis": 2}, AxisError), Sample((np.ones((), dtype),), {}, AxisError)]


def _running(op: str, x: Any, axis: int, largest: bool) -> tuple[Any, Any]:
    x, place = line(x, axis, op)
    positions = apply(peak_of, x, axis=place, largest=largest)
    return apply(take_along, x, positions, axis=place), positions


@composite(samples=_calls, errors=_no_line, accepts=dtypes.COMPUTED)
def cummax(x: Any, /, *, axis: int = -1) -> tuple[Any, Any]:
    """The largest element so far along an axis and its position (int64); of equal ones the last (PyTorch).

    From the first NaN on, values are NaN.
    """
    return _running("cummax", x, axis, True)


@composite(samples=_calls, errors=_no_line, accepts=dtypes.COMPUTED)
def cummin(x: Any, /, *, axis: int = -1) -> tuple[Any, Any]:
    """The smallest element so far along an axis and its position (int64); of equal ones the last (PyTorch).

    From the first NaN on, values are NaN.
    """
    return _running("cummin", x, axis, False)
