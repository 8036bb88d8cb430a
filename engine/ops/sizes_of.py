"""Sizes as arrays: ``shape`` and ``size`` of a value, numbers of the run even where a graph knows only their names."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.makers import composite
from engine.op import Sample, as_handle
from engine.ops.pieces import stack
from engine.ops.samples import array
from engine.sizes import product
from engine.spec import DType


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((array(rng, dtype, *shape),)) for shape in ((2, 3), (4, 0, 1), ())]


@composite(samples=_samples, accepts=dtypes.EVERY, smooth=False, onnx="Shape")
def shape(x: Any, /) -> Any:
    """The sizes of x's axes as an int64 array [ndim] (ONNX Shape). Use ``x.shape`` for a tuple."""
    found = [dispatch.current().asarray(n, dtypes.int64) for n in as_handle(x).shape]
    return stack(found) if found else dispatch.current().asarray(np.empty((0,), np.int64), dtypes.int64)


@composite(samples=_samples, accepts=dtypes.EVERY, smooth=False, onnx="Size")
def size(x: Any, /) -> Any:
    """The number of x's elements as an int64 array of shape () (ONNX Size). Use ``x.size`` for a Python number."""
    return dispatch.current().asarray(product(as_handle(x).shape), dtypes.int64)
