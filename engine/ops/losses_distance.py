"""Distances and similarities of vectors, and the losses built on them (PyTorch's names and meaning)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.arguments import normal_axis
from engine.errors import ArgumentError, AxisError, ShapeError
from engine.makers import composite, public
from engine.op import Sample, as_handle
from engine.ops.arithmetic import clip, divide, minimum, square, subtract
from engine.ops.compare import equal, where
from engine.ops.losses import check_reduction, equal_shapes, matching, reduced
from engine.ops.math import sqrt
from engine.ops.reduce import sum
from engine.ops.shape import broadcast_to
from engine.ops.statistics import vector_norm
from engine.spec import DType, Incompatible, broadcast


def _vectors(*attrs: dict[str, Any], count: int = 2, labels: bool = False) -> Any:
    """Samples of ``count`` arrays of vectors (and a target of 1 and -1) with the attributes given."""

    def samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
        arrays = tuple(rng.uniform(-2, 2, (4, 3)).astype(dtype) for _ in range(count))
        target = (np.array([1, -1, -1, 1]),) if labels else ()
        return [Sample((*arrays, *target), how) for how in attrs]

    return samples


def _apart(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    return [Sample((np.ones((4, 3), dtype), np.ones((4, 2), dtype)), {}, ShapeError)]


@composite(samples=_vectors({}, {"p": 1.0}, {"p": 3.0, "keepdims": True}, {"p": float("inf")}), errors=_apart)
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps over the last axis; the two broadcast."""
    difference = subtract(as_handle(x1), x2) + eps
    return vector_norm(difference, axis=-1, ord=p, keepdims=keepdims)


def _similar_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((4, 3), dtype)
    return [*_apart(rng, dtype), Sample((x, x), {"axis": 2}, AxisError)]


@composite(samples=_vectors({}, {"axis": 0}), errors=_similar_errors)
def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along ``axis``; the two broadcast. Norms below ``eps`` count as ``eps``."""
    x1, x2 = as_handle(x1), as_handle(x2)
    try:
        shape = broadcast(x1.shape, x2.shape)
    except Incompatible as mistake:
        raise ShapeError(f"the two do not broadcast: {mistake}", op="cosine_similarity", operands=(x1, x2)) from None
    x1, x2 = broadcast_to(x1, shape), broadcast_to(x2, shape)
    place = normal_axis(axis, x1.ndim, "cosine_similarity", x1)
    units = [divide(x, clip(vector_norm(x, axis=place, keepdims=True), min=eps)) for x in (x1, x2)]
    return sum(units[0] * units[1], axis=place)


# ---------------------------------------------------------------------------------------- losses


def _cosine_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, target = np.ones((2, 3), dtype), np.array([1, -1])
    return [
        Sample((x, x[:, :2], target), {}, ShapeError),
        Sample((x, x, np.array([1, -1, 1])), {}, ShapeError),
        Sample((x[None], x[None], target[None]), {}, ShapeError),
        Sample((x, x, target), {"reduction": "avg"}, ArgumentError),
    ]


@composite(samples=_vectors({}, {"margin": -0.5, "reduction": "none"}, labels=True), errors=_cosine_errors)
def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1; cos is that of the angle between the inputs.

    inputs: [n, d] or [d]; target: [n] or 0-d. Raises ShapeError for other shapes.
    """
    op = "cosine_embedding_loss"
    input1, input2 = matching(op, input1, input2, what="the two inputs")
    target = as_handle(target)
    if input1.ndim not in (1, 2) or not equal_shapes(target.shape, input1.shape[:-1]):
        raise ShapeError(
            "the inputs must be [n, d] with a target of [n], or [d] with one of []", op=op, operands=(input1, target)
        )
    lengths = (sum(square(input1), axis=-1) + 1e-12) * (sum(square(input2), axis=-1) + 1e-12)
    cosine = divide(sum(input1 * input2, axis=-1), sqrt(lengths))
    far = where(equal(target, -1), clip(cosine - margin, min=0.0), 0.0)
    return reduced(where(equal(target, 1), 1.0 - cosine, far), reduction, op)


def _triplet_errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.ones((2, 3), dtype)
    return [
        Sample((x, x, x[:, :2]), {}, ShapeError),
        Sample((x, x[0], x), {}, ShapeError),
        Sample((x, x, x), {"margin": 0.0}, ArgumentError),
        Sample((x, x, x), {"reduction": "avg"}, ArgumentError),
    ]


@composite(
    samples=_vectors({}, {"p": 1.0, "swap": True, "reduction": "none"}, {"margin": 5.0, "reduction": "sum"}, count=3),
    errors=_triplet_errors,
)
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, |anchor - positive| - |anchor - negative| + margin) of vectors [..., d] in the p-norm (Balntas et al. 2016).

    ``swap``: the negative's distance to the positive counts where it is the shorter. Raises ShapeError where the
    shapes differ in rank or do not broadcast, ArgumentError unless the margin is positive.
    """
    return _triplet(
        "triplet_margin_loss",
        (anchor, positive, negative),
        lambda a, b: pairwise_distance(a, b, p, eps),
        margin,
        swap,
        reduction,
    )


@public
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """``triplet_margin_loss`` with a distance of one's own, a function of two arrays written in ops.

    Raises ShapeError where the shapes differ in rank or do not broadcast, ArgumentError unless the margin is positive.
    """
    distance = pairwise_distance if distance_function is None else distance_function
    operands = (anchor, positive, negative)
    return _triplet("triplet_margin_with_distance_loss", operands, distance, margin, swap, reduction)


def _triplet(
    op: str,
    operands: tuple[Any, Any, Any],
    distance: Callable[[Any, Any], Any],
    margin: float,
    swap: bool,
    reduction: str,
) -> Any:
    anchor, positive, negative = map(as_handle, operands)
    check_reduction(reduction, op)
    if not margin > 0:
        raise ArgumentError(f"margin must be positive, but is {margin}", op=op)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            "anchor, positive and negative must have the same number of dimensions",
            op=op,
            operands=(anchor, positive, negative),
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clip(near - far + margin, min=0.0), reduction, op)
