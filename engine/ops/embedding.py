"""Rows of a table chosen by integers, one by one or in bags (PyTorch's names and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.lowering import Scalar
from engine.makers import composite
from engine.op import Op, Sample, Trait, apply, as_handle
from engine.ops.along import max_along
from engine.ops.arithmetic import divide, maximum, minimum
from engine.ops.compare import not_equal, where
from engine.ops.create import full, ones, zeros
from engine.ops.dtype import astype
from engine.ops.gather import add_at, gather, in_range, index_set
from engine.ops.index import take
from engine.ops.reduce import max as max_
from engine.ops.reduce import sum
from engine.ops.running import cumulative_sum
from engine.ops.shape import broadcast_to, expand_dims
from engine.ops.statistics import vector_norm
from engine.sizes import Size, agree, same
from engine.spec import DType, Spec
from engine.state import State

scale_gradient = Op(
    "scale_gradient",
    lambda x, scale: x,
    lambda x, scale: Spec(x.shape, x.dtype),
    lower=Scalar("{0}"),
    accepts=dtypes.FLOATS,
    keeps="x",
    order=3,
    traits=[Trait.ELEMENTWISE],
    vjp=(lambda g, y, x, scale: g * scale, None),
    samples=lambda rng, dtype: [Sample((rng.uniform(-3, 3, (2, 3)).astype(dtype), np.ones((2, 1), dtype)))],
    doc="x itself, whose gradient is multiplied by ``scale`` (which broadcasts to x) on its way back.",
    hidden=True,
)


# ---------------------------------------------------------------------------------------- one row for each integer


def _embedding_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    table = rng.uniform(-1, 1, (4, 3)).astype(dtype)
    return [Sample((np.array([[0, 3], [2, 0]]), table)), Sample((np.array(1, np.int32), table))]


def _embedding_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [
        Sample((np.array([0.0]), np.ones((4, 3), dtype)), {}, DTypeError),
        Sample((np.array([0]), np.ones((4,), dtype)), {}, ShapeError),
        Sample((np.array([0]), np.ones((4, 3), dtype), 4), {}, ArgumentError),
    ]


@composite(samples=_embedding_samples, errors=_embedding_errors, onnx="Gather")
def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Any:
    """Rows of ``weight`` [n, d] chosen by integers ``input`` [...]: [..., d].

    Row ``padding_idx`` gets no gradient. ``max_norm``: rows looked up whose ``norm_type``-norm is larger are first
    scaled down to it, in ``weight`` itself, which must then be a state. ``scale_grad_by_freq``: the gradient of a row
    is divided by the number of times it was looked up. Raises IndexRangeError outside [-n, n), DTypeError for floats,
    ShapeError where weight is no matrix.
    """
    input = as_handle(input)
    padding = _table(input, weight, padding_idx, "embedding")
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type, "embedding")
    rows = take(weight, input, axis=0)
    return _graded(rows, input, weight.shape[0], padding, scale_grad_by_freq)


def _table(input: Any, weight: Any, padding_idx: int | None, op: str) -> int | None:
    """Check the table; the padding row counted from 0."""
    weight = as_handle(weight)
    if weight.ndim != 2:
        raise ShapeError("the table must have two axes: rows, features", op=op, operands=(input, weight))
    if input.dtype not in dtypes.INTEGERS:
        raise DTypeError(
            f"rows are chosen by integers, not {input.dtype.name}",
            op=op,
            operands=(input, weight),
            fix="cast with astype('int64')",
        )
    if padding_idx is None:
        return None
    n = weight.shape[0]
    if not -n <= padding_idx < n:
        raise ArgumentError(f"padding_idx {padding_idx} is outside a table of {n} rows", op=op, operands=(weight,))
    return padding_idx if padding_idx >= 0 else int(n + padding_idx)


def _shorten(weight: Any, input: Any, max_norm: float, norm_type: float, op: str) -> None:
    if not isinstance(weight, State):
        raise ArgumentError("max_norm changes the table, which must be a Parameter or a State", op=op)
    with dispatch.interpret(dispatch.current().with_grad(False)):
        rows = take(weight.value, input, axis=0)
        norms = vector_norm(rows, axis=-1, keepdims=True, ord=norm_type)
        shorter = rows * minimum(max_norm / (norms + 1e-7), 1.0)
        weight.assign(apply(index_set, weight.value, where(norms > max_norm, shorter, rows), input, axis=0))


def _graded(rows: Any, input: Any, size: Size, padding: int | None, by_frequency: bool) -> Any:
    """The rows; their gradients without that of the padding, and divided by how often each was looked up."""
    if padding is None and not by_frequency:
        return rows
    scale = ones((), dtype=rows.dtype) if padding is None else astype(not_equal(input, padding), rows.dtype)
    if by_frequency:
        once = ones(input.shape, dtype=rows.dtype)
        times = apply(add_at, zeros((size,), dtype=rows.dtype), once, input, axis=0)
        scale = scale / apply(gather, times, input, axis=0)
    return apply(scale_gradient, rows, expand_dims(scale, axis=-1))


# ---------------------------------------------------------------------------------------- bags of rows


def _bag_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    table = rng.uniform(-1, 1, (5, 3)).astype(dtype)
    rows, line = np.array([[0, 3, 3], [4, 1, 2]]), np.array([4, 0, 3, 1, 1])
    starts, weights = np.array([0, 2, 2]), rng.uniform(0.5, 2, (5,)).astype(dtype)
    return [
        Sample((rows, table)),
        Sample((rows, table), {"mode": "max", "padding_idx": 1}),
        Sample((line, table, starts), {"mode": "mean", "padding_idx": 4}),
        Sample((line, table, starts), {"mode": "max"}),
        Sample((line, table, starts), {"mode": "sum", "per_sample_weights": weights}),
    ]


def _bag_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    line, table = np.array([1, 0]), np.ones((3, 2), dtype)
    return [
        Sample((line, table), {}, ArgumentError),
        Sample((line[None], table, line), {}, ArgumentError),
        Sample((line[None], table), {"mode": "min"}, ArgumentError),
        Sample((line[None], table), {"per_sample_weights": np.ones((1, 2), dtype)}, ArgumentError),
        Sample((line[None, None], table), {}, ShapeError),
        Sample((line, table, np.array([1])), {}, IndexRangeError),
    ]


@composite(samples=_bag_samples, errors=_bag_errors)
def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sums, means or largest elements of bags of rows of ``weight`` [n, d]: [bags, d].

    ``input``: integers, [bags, length], or [total] with ``offsets`` [bags], the places where bags begin (the first at
    0; with ``include_last_offset`` one more, the end of the last). ``mode``: "sum", "mean" or "max". An empty bag
    gives zeros, and rows ``padding_idx`` do not count. ``per_sample_weights``, of the shape of input, multiply the
    rows of a sum. ``max_norm``, ``norm_type``, ``scale_grad_by_freq``: as for embedding. Gradients are never
    ``sparse``. Raises ArgumentError for arguments that exclude each other, ShapeError for other shapes,
    IndexRangeError for rows outside the table and for a first bag that does not begin at 0.
    """
    input = as_handle(input)
    padding = _table(input, weight, padding_idx, "embedding_bag")
    _check_bags(input, offsets, mode, per_sample_weights, scale_grad_by_freq)
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type, "embedding_bag")
    rows = _graded(take(weight, input, axis=0), input, weight.shape[0], padding, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = rows * expand_dims(per_sample_weights, axis=-1)
    counted = full(input.shape, True) if padding is None else not_equal(input, padding)
    add, largest = _in_rows() if offsets is None else _in_line(input, as_handle(offsets), include_last_offset)
    if mode == "max":
        return where(add(counted) > 0, largest(where(expand_dims(counted, axis=-1), rows, -float("inf"))), 0.0)
    total = add(rows if padding is None else where(expand_dims(counted, axis=-1), rows, 0.0))
    if mode == "sum":
        return total
    return divide(total, maximum(astype(add(counted), total.dtype), 1.0))


def _check_bags(input: Any, offsets: Any, mode: str, weights: Any, by_frequency: bool) -> None:
    def refuse(problem: str, fix: str = "") -> None:
        raise ArgumentError(problem, op="embedding_bag", operands=(input,), fix=fix)

    if input.ndim not in (1, 2):
        raise ShapeError(f"takes one or two axes, not {input.ndim}", op="embedding_bag", operands=(input,))
    if mode not in ("sum", "mean", "max"):
        refuse(f"mode must be 'sum', 'mean' or 'max', not {mode!r}")
    if (offsets is None) == (input.ndim == 1):
        refuse(
            "bags of one axis need offsets" if offsets is None else "bags that are rows need no offsets",
            "pass the places where bags begin as offsets" if offsets is None else "leave offsets out",
        )
    if weights is not None and mode != "sum":
        refuse(f"per_sample_weights belong to mode='sum', not {mode!r}")
    if by_frequency and mode == "max":
        refuse("scale_grad_by_freq has no meaning for mode='max'")
    if weights is not None and not (
        len(weights.shape) == input.ndim and all(agree(n, m) for n, m in zip(weights.shape, input.shape, strict=True))
    ):
        raise ShapeError(
            "per_sample_weights must have the shape of input", op="embedding_bag", operands=(input, weights)
        )


def _in_rows() -> tuple[Any, Any]:
    """How values [bags, length, ...] are added up, and their largest found, where each bag is a row."""

    def add(values: Any) -> Any:
        return sum(values if values.ndim > 2 else expand_dims(astype(values, dtypes.int64), axis=-1), axis=1)

    return add, lambda values: sum(values, axis=1) if same(values.shape[1], 0) else max_(values, axis=1)


def _in_line(input: Any, offsets: Any, with_end: bool) -> tuple[Any, Any]:
    """The same for values [total, ...] of bags that begin at ``offsets``."""
    if offsets.ndim != 1 or offsets.dtype not in dtypes.INTEGERS:
        raise ShapeError("offsets must be integers of one axis", op="embedding_bag", operands=(input, offsets))
    if with_end:
        offsets = offsets[:-1]
    count, total = offsets.shape[0], input.shape[0]
    begins = apply(add_at, zeros((total + 1,), dtype=dtypes.int64), ones((count,), dtype=dtypes.int64), offsets, axis=0)
    bag = apply(in_range, cumulative_sum(begins)[:total] - 1, size=count)

    def add(values: Any) -> Any:
        values = values if values.ndim > 1 else expand_dims(astype(values, dtypes.int64), axis=-1)
        return apply(add_at, zeros((count, values.shape[1]), dtype=values.dtype), values, bag, axis=0)

    def largest(values: Any) -> Any:
        lowest = full((count, values.shape[1]), -float("inf"), dtype=values.dtype)
        return apply(max_along, lowest, values, broadcast_to(expand_dims(bag, axis=1), values.shape), axis=0)

    return add, largest
