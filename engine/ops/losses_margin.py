"""Losses that ask for a margin between scores (PyTorch's names and meaning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import clip, divide, square, subtract
from engine.ops.compare import equal, less, logical_and, logical_not, not_equal, where
from engine.ops.create import iota, number
from engine.ops.dtype import astype
from engine.ops.gather import pick
from engine.ops.index import take, take_along_axis
from engine.ops.losses import check_reduction, equal_shapes, matching, pair_errors, reduced
from engine.ops.losses_softmax import check_classes
from engine.ops.nn import relu
from engine.ops.reduce import any as any_
from engine.ops.reduce import sum
from engine.ops.running import cumulative_sum
from engine.ops.shape import expand_dims
from engine.sizes import agree
from engine.spec import DType


def signed_samples(*attrs: dict[str, Any], count: int = 1) -> Any:
    """Samples of ``count`` inputs, a target of 1 and -1, and the attributes given."""

    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        inputs = tuple(rng.uniform(-2, 2, (2, 3)).astype(dtype) for _ in range(count))
        target = np.array([[1, -1, 1], [-1, 1, -1]])
        return [Sample((*inputs, target), how) for how in attrs]

    return samples


@composite(samples=signed_samples({}, {"margin": 0.5, "reduction": "sum"}, {"reduction": "none"}), errors=pair_errors)
def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """The input where the target is 1, max(0, margin - input) where it is -1 (Hadsell et al. 2006).

    Raises ShapeError where shapes differ.
    """
    input, target = matching("hinge_embedding_loss", input, target)
    far = where(not_equal(target, 1), clip(subtract(margin, input), min=0.0), 0.0)
    near = where(not_equal(target, -1), input, 0.0)
    return reduced(far + near, reduction, "hinge_embedding_loss")


def _ranking_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((s.args[0], *s.args), s.attrs, s.error) for s in pair_errors(rng, dtype)]


@composite(samples=signed_samples({}, {"margin": 0.5, "reduction": "none"}, count=2), errors=_ranking_errors)
def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, margin - target * (input1 - input2)): input1 should be the larger where the target is 1, the smaller where -1.

    Raises ShapeError where shapes differ.
    """
    input1, input2, target = matching("margin_ranking_loss", input1, input2, target, what="inputs and target")
    loss = clip(subtract(margin, target * subtract(input1, input2)), min=0.0)
    return reduced(loss, reduction, "margin_ranking_loss")


# ---------------------------------------------------------------------------------------- between classes


def _rows(input: Any, op: str) -> Any:
    if input.ndim == 0:
        return expand_dims(input, axis=0)
    if input.ndim > 2:
        raise ShapeError("the input must have shape [n, classes] or [classes]", op=op, operands=(input,))
    return input


def _multi_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, target = rng.uniform(-2, 2, (4, 3)).astype(dtype), np.array([2, 0, 1, 1])
    return [
        Sample((x, target)),
        Sample((x, target), {"p": 2, "margin": 0.5, "weight": np.array([1, 2, 0.5], dtype), "reduction": "none"}),
        Sample((x[0], np.array(1)), {"reduction": "sum"}),
        Sample((x[0], np.array([1])), {"reduction": "none"}),
        Sample((x[0, 0], np.array(0))),
    ]


def _multi_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, target = np.ones((2, 3), dtype), np.array([0, 1])
    return [
        Sample((x, np.array([0, 3])), {}, IndexRangeError),
        Sample((x, np.array([0, 1, 2])), {}, ShapeError),
        Sample((x[None], target), {}, ShapeError),
        Sample((x, target.astype(dtype)), {}, DTypeError),
        Sample((x, target), {"p": 3}, ArgumentError),
        Sample((x, target), {"weight": np.ones(2, dtype)}, ShapeError),
        Sample((x, target), {"reduction": "avg"}, ArgumentError),
    ]


@composite(samples=_multi_samples, errors=_multi_errors)
def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Any:
    """The mean over classes of max(0, margin - input[target] + input[other])**p, the target itself left out.

    input: [n, classes], or [classes] as one row, or 0-d as its one class; target: integers [n] or 0-d; ``weight``: [classes],
    that of the target class counts (Crammer and Singer 2001). Raises ShapeError, DTypeError for classes that are not integers, IndexRangeError,
    ArgumentError unless p is 1 or 2.
    """
    op = "multi_margin_loss"
    input, target = _rows(as_handle(input), op), as_handle(target)
    if input.ndim == 1 and target.ndim == 1:
        input = expand_dims(input, axis=0)
    axis = input.ndim - 1
    check_classes(input, target, axis, op)
    if p not in (1, 2):
        raise ArgumentError(f"p must be 1 or 2, not {p}", op=op)
    here = expand_dims(apply(pick, input, target, axis=axis), axis=axis)
    short = relu(subtract(input, here) + margin)
    short = square(short) if p == 2 else short
    if weight is not None:
        weight = as_handle(weight)
        if weight.ndim != 1 or not agree(weight.shape[0], input.shape[axis]):
            raise ShapeError("weight must hold one number for each class", op=op, operands=(input, weight))
        short = short * expand_dims(take(weight, target, axis=0), axis=axis)
    line = (1,) * axis + (input.shape[axis],)
    places = apply(iota, shape=line, axis=axis, dtype=target.dtype)
    others = where(equal(places, expand_dims(target, axis=axis)), 0.0, short)
    loss = divide(sum(others, axis=axis), number(input.shape[axis], input.dtype))
    return reduced(loss, reduction, op)


def _labels_samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = rng.uniform(-2, 2, (2, 4)).astype(dtype)
    labels = np.array([[3, 0, -1, 1], [2, -1, -1, -1]])
    rows = [Sample((x, labels)), Sample((x, labels), {"reduction": "none"}), Sample((x[0], labels[0]))]
    return [*rows, Sample((x[0, 0], np.array(0)))]


def _labels_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, np.array([[0, 3, -1], [1, -1, -1]])), {}, IndexRangeError),
        Sample((x, np.array([[0, -1], [1, -1]])), {}, ShapeError),
        Sample((x, x), {}, DTypeError),
        Sample((x, np.array([[0, 1, -1], [1, -1, -1]])), {"reduction": "avg"}, ArgumentError),
    ]


@composite(samples=_labels_samples, errors=_labels_errors)
def multilabel_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """The sum over target classes and other classes of max(0, 1 - input[target] + input[other]), over the classes.

    input: [n, classes], [classes] or 0-d; target: integers of that shape, the classes of each row up to the first negative
    number. Raises ShapeError where shapes differ, DTypeError for classes that are not integers, IndexRangeError.
    """
    op = "multilabel_margin_loss"
    input, target = as_handle(input), as_handle(target)
    if not equal_shapes(input.shape, target.shape):
        raise ShapeError("input and target must have the same shape", op=op, operands=(input, target))
    input, target = _rows(input, op), _rows(target, op)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"classes are integers, not {target.dtype.name}", op=op, operands=(input, target))
    check_reduction(reduction, op)
    axis = input.ndim - 1
    listed = equal(cumulative_sum(astype(less(target, 0), dtypes.int64), axis=axis), 0)
    label = where(listed, target, 0)
    line = (1,) * input.ndim + (input.shape[axis],)
    places = apply(iota, shape=line, axis=axis + 1, dtype=label.dtype)
    hits = logical_and(equal(expand_dims(label, axis=axis + 1), places), expand_dims(listed, axis=axis + 1))
    other = logical_not(any_(hits, axis=axis))
    here = take_along_axis(input, label, axis=axis)
    short = relu(subtract(expand_dims(input, axis=axis), expand_dims(here, axis=axis + 1)) + 1.0)
    counted = logical_and(expand_dims(listed, axis=axis + 1), expand_dims(other, axis=axis))
    total = sum(where(counted, short, 0.0), axis=(axis, axis + 1))
    return reduced(divide(total, number(input.shape[axis], input.dtype)), reduction, op)
