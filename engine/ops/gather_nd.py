"""Parts read and written at whole positions: GatherND and ScatterND of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import add, multiply
from engine.ops.compare import less, where
from engine.ops.create import iota, number
from engine.ops.dtype import astype
from engine.ops.gather import add_at, gather, in_range, index_set
from engine.ops.index import getitem
from engine.ops.scatter import combined, integers, values_for
from engine.ops.shape import broadcast_to, reshape
from engine.sizes import agree, product, same, same_shape, show_shape
from engine.spec import DType


def _index(x: Any, indices: Any, batch_dims: int, op: str) -> list[Any]:
    """The index arrays of the axes behind the batch, with those of the batch before them."""
    indices = integers(indices, op, x)
    if indices.ndim == 0:
        raise ShapeError("indices need a last axis that holds a position", op=op, operands=(x, indices))
    count = int(indices.shape[-1])
    if not 0 <= batch_dims < indices.ndim or batch_dims + count > x.ndim or not count:
        raise ArgumentError(
            f"{batch_dims} axes of a batch and positions of {count} numbers do not fit {x.ndim} axes",
            op=op,
            operands=(x, indices),
        )
    places = indices.shape[:-1]
    if not all(agree(n, m) for n, m in zip(x.shape[:batch_dims], places[:batch_dims], strict=True)):
        raise ShapeError("the batches differ", op=op, operands=(x, indices))
    batch = [apply(iota, shape=places, axis=a, dtype=dtypes.int64) for a in range(batch_dims)]
    return [*batch, *(getitem(indices, (..., k)) for k in range(count))]


def _positions(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(1, 3, (2, 3, 4)).astype(dtype)
    return [
        Sample((x, np.array([[1, 2], [0, -1], [1, 0]]))),
        Sample((x, np.array([[[1, 2, 0]], [[0, 0, 3]]]))),
        Sample((x, np.array([[2], [0]])), {"batch_dims": 1}),
    ]


def _wrong_positions(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, np.array([[2, 0]])), {}, IndexRangeError),
        Sample((x, np.array([[0, 0, 0]])), {}, ArgumentError),
        Sample((x, np.array([[0.5]])), {}, DTypeError),
    ]


@composite(samples=_positions, errors=_wrong_positions, onnx="GatherND", accepts=dtypes.EVERY)
def gather_nd(x: Any, indices: Any, /, *, batch_dims: int = 0) -> Any:
    """The parts of ``x`` at whole positions: y[i, ...] = x[tuple(indices[i])] (ONNX's GatherND, TensorFlow).

    indices: integers [..., k], the first k axes of x behind the batch; the first ``batch_dims`` axes of both run together.
    Raises IndexRangeError for a position outside x.
    """
    x = as_handle(x)
    return apply(gather, x, *_index(x, indices, batch_dims, "gather_nd"), axis=0)


def _updates(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, v = rng.uniform(1, 3, (2, 3, 4)).astype(dtype), rng.uniform(1, 3, (3, 4)).astype(dtype)
    index = np.array([[1, 2], [0, -1], [1, -1]])
    return [Sample((x, index, v), {"reduce": r}) for r in (None, "add", "mul", "max")]


def _wrong_updates(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, index = np.ones((2, 3), dtype), np.array([[0, 0]])
    return [
        Sample((x, index + 2, x[0, :1]), {}, IndexRangeError),
        Sample((x, index, x), {}, ShapeError),
        Sample((x, index, x[0, :1]), {"reduce": "mean"}, ArgumentError),
    ]


@composite(samples=_updates, errors=_wrong_updates, onnx="ScatterND", accepts=dtypes.NUMERIC)
def scatter_nd(x: Any, indices: Any, updates: Any, /, *, reduce: str | None = None) -> Any:
    """``x`` with ``updates`` put at whole positions: y[tuple(indices[i])] = updates[i] (ONNX's ScatterND).

    indices: integers [..., k], the first k axes of x; updates: broadcasts to [..., the other axes of x].
    ``reduce``: None (the last of several for one position counts), "add", "mul", "max" or "min".
    """
    x = as_handle(x)
    if reduce not in (None, "add", "mul", "max", "min"):
        raise ArgumentError(
            f"does not know the reduction {reduce!r}",
            op="scatter_nd",
            operands=(x,),
            fix="use None, 'add', 'mul', 'max' or 'min'",
        )
    index = _index(x, indices, 0, "scatter_nd")
    updates = values_for(x, updates, "scatter_nd")
    count = len(index)
    wanted = (*index[0].shape, *x.shape[count:])
    if not same_shape(updates.shape, wanted):
        fits = updates.ndim <= len(wanted) and all(
            same(n, 1) or agree(n, m) for n, m in zip(reversed(updates.shape), reversed(wanted), strict=False)
        )
        if not fits:
            raise ShapeError(
                f"the updates do not broadcast to {show_shape(wanted)}", op="scatter_nd", operands=(x, updates)
            )
        updates = broadcast_to(updates, wanted)
    if reduce in (None, "add"):
        return apply(index_set if reduce is None else add_at, x, updates, *index, axis=0)
    # Positions as rows of a matrix, so that each column is scattered along one axis.
    rows, inner = product(index[0].shape), product(x.shape[count:])
    matrix = reshape(x, (product(x.shape[:count]), inner))
    places = broadcast_to(reshape(_rows(x, index), (rows, 1)), (rows, inner))
    return reshape(combined(matrix, reshape(updates, (rows, inner)), places, 0, reduce, True), x.shape)


def _rows(x: Any, index: list[Any]) -> Any:
    """Flat positions of index tuples, each number checked."""
    row: Any = None
    for n, place in zip(x.shape, index, strict=False):
        place = astype(place, dtypes.int64)
        size = number(n, dtypes.int64)
        place = apply(in_range, where(less(place, 0), add(place, size), place), size=n)
        row = place if row is None else add(multiply(row, size), place)
    return row
