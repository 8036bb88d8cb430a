"""Connectionist temporal classification: the probability of a label sequence summed over all its alignments.

Source: Graves et al., "Connectionist temporal classification", ICML 2006; in logarithms throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dispatch, dtypes
from engine.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError
from engine.handle import Handle
from engine.makers import composite
from engine.op import Sample, apply, as_handle
from engine.ops.arithmetic import maximum, subtract
from engine.ops.compare import equal, greater, isinf, less, not_equal, where
from engine.ops.create import full, iota
from engine.ops.ctc_paths import ctc_paths
from engine.ops.dtype import astype, stop_gradient
from engine.ops.gather import gather, in_range, pick
from engine.ops.index import take
from engine.ops.joins import concat
from engine.ops.losses import check_reduction, equal_shapes, reduced
from engine.ops.math import exp, log
from engine.ops.pad import pad
from engine.ops.running import cumulative_sum
from engine.ops.shape import expand_dims, permute_dims, reshape
from engine.ops.slices import part
from engine.sizes import Size
from engine.spec import DType

# ---------------------------------------------------------------------------------------- arguments


def _lengths(lengths: Any, rows: Size, most: Size, name: str) -> Any:
    """Lengths as int64 [rows], each checked to lie in [0, most]."""
    found = as_handle(lengths)
    if found.dtype.kind not in "iu":
        raise DTypeError(f"{name} must be integers, not {found.dtype.name}", op="ctc_loss", operands=(found,))
    if found.ndim == 0:
        found = reshape(found, (1,))
    if not equal_shapes(found.shape, (rows,)):
        raise ShapeError(
            f"{name} must hold one length for each sequence of the batch", op="ctc_loss", operands=(found,)
        )
    return apply(in_range, astype(found, dtypes.int64, copy=False), size=most + 1)


def _longest(lengths: Any, bound: Size) -> Size:
    """The largest length where it is known while the program is written down or run, else a bound."""
    if isinstance(lengths, Handle | np.ndarray) and dispatch.current().name != "eager":
        return bound
    if isinstance(lengths, Handle) and not hasattr(lengths, "_value"):  # one of a batch, inside vmap
        return bound
    return int(np.max(np.asarray(lengths), initial=0))


def _padded(targets: Any, lengths: Any, rows: Size) -> tuple[Any, Any]:
    """Labels [rows, longest] and lengths [rows] from padded or concatenated targets."""
    if targets.dtype.kind not in "iu":
        raise DTypeError(
            f"targets are classes, integers, not {targets.dtype.name}",
            op="ctc_loss",
            operands=(targets,),
            fix="cast them with targets.astype('int64')",
        )
    targets = astype(targets, dtypes.int64, copy=False)
    if targets.ndim == 2:
        if not equal_shapes(targets.shape[:1], (rows,)):
            raise ShapeError("padded targets must have one row for each sequence", op="ctc_loss", operands=(targets,))
        return targets, _lengths(lengths, rows, targets.shape[1], "target_lengths")
    if targets.ndim != 1:
        raise ShapeError(
            "targets must be [n, longest] or, one after the other, [total]", op="ctc_loss", operands=(targets,)
        )
    total = targets.shape[0]
    counts = _lengths(lengths, rows, total, "target_lengths")
    longest = _longest(lengths, total)
    starts = subtract(cumulative_sum(counts, axis=0), counts)
    column = apply(iota, shape=(1, longest), axis=1, dtype=dtypes.int64)
    inside = less(column, expand_dims(counts, axis=1))
    return take(targets, where(inside, expand_dims(starts, axis=1) + column, 0), axis=0), counts


# ---------------------------------------------------------------------------------------- the loss


def _samples(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x = np.log(rng.dirichlet(np.ones(4), (6, 3))).astype(dtype)
    padded = np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]])
    joined = np.array([1, 2, 2, 3, 1])
    return [
        Sample((x, padded, np.array([6, 5, 4]), np.array([3, 2, 1]))),
        Sample((x, padded % 3, [6, 4, 1], [2, 1, 0]), {"blank": 3, "reduction": "none"}),
        Sample((x, joined, np.array([6, 5, 3]), np.array([3, 2, 0])), {"reduction": "sum"}),
        Sample((x, joined, (6, 2, 3), (3, 0, 2)), {"zero_infinity": True}),
        Sample((x[:, 0], padded[0], 5, 3)),
    ]


def _errors(rng: np.random.Generator, dtype: DType) -> list[Sample]:
    x, y, t, s = np.zeros((5, 2, 4), dtype), np.ones((2, 3), np.int64), np.array([5, 5]), np.array([3, 2])
    return [
        Sample((x, y[:1], t, s), {}, ShapeError),
        Sample((x, y, t[:1], s), {}, ShapeError),
        Sample((x, y + 3, t, s), {}, IndexRangeError),
        Sample((x, y, t + 1, s), {}, IndexRangeError),
        Sample((x, y, t, s + 1), {}, IndexRangeError),
        Sample((x, y.astype(dtype), t, s), {}, DTypeError),
        Sample((x, y, t, s), {"blank": -1}, ArgumentError),
        Sample((x, y, t, s), {"blank": 4}, IndexRangeError),
        Sample((x, y, t, s), {"reduction": "avg"}, ArgumentError),
    ]


@composite(samples=_samples, errors=_errors)
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """The negative log-probability of label sequences, summed over all ways to align them with the input.

    log_probs: [times, n, classes] or [times, classes], after log_softmax. targets: classes [n, longest], padded with
    anything, or all sequences one after the other [total]; the blank does not occur in them. input_lengths,
    target_lengths: [n] integers. ``reduction``: "mean" divides each loss by its target length (at least 1) first. A
    target that does not fit into its input has loss inf and gradient 0; ``zero_infinity`` makes that loss 0. Unlike
    PyTorch's, the gradient is that with respect to log_probs themselves; through log_softmax both give the same.
    A compiled function that gets the lengths of concatenated targets as arrays reserves room for [n, total].
    Raises ShapeError, DTypeError, ArgumentError, and IndexRangeError for labels and lengths outside their range.
    """
    op = "ctc_loss"
    log_probs, targets = as_handle(log_probs), as_handle(targets)
    check_reduction(reduction, op)
    if log_probs.dtype.kind != "f" or log_probs.ndim not in (2, 3):
        raise ShapeError(
            "log_probs must be floats [times, n, classes] or [times, classes]", op=op, operands=(log_probs,)
        )
    if log_probs.ndim == 2:
        loss = ctc_loss(
            expand_dims(log_probs, axis=1), targets, input_lengths, target_lengths, blank, "none", zero_infinity
        )
        return reshape(_over_length(loss, target_lengths) if reduction == "mean" else loss, ())
    times, rows, _ = log_probs.shape
    if blank < 0:
        raise ArgumentError(f"blank must be a class, counted from 0, not {blank}", op=op)
    labels, counts = _padded(targets, target_lengths, rows)
    taken = _lengths(input_lengths, rows, times, "input_lengths")
    paths = _alignments(log_probs, labels, counts, blank)
    loss = -_ended(paths, taken, counts)
    if zero_infinity:
        loss = where(isinf(loss), 0.0, loss)
    return reduced(_over_length(loss, counts) if reduction == "mean" else loss, reduction, op)


def _over_length(loss: Any, lengths: Any) -> Any:
    return loss / astype(maximum(as_handle(lengths), 1), loss.dtype)


def _alignments(log_probs: Any, labels: Any, counts: Any, blank: int) -> Any:
    """Log-probabilities of the paths to each state at each time."""
    _, rows, classes = log_probs.shape
    longest = labels.shape[1]
    column = apply(iota, shape=(1, longest), axis=1, dtype=dtypes.int64)
    labels = apply(in_range, where(less(column, expand_dims(counts, axis=1)), labels, blank), size=classes)
    blanks = full((rows, longest, 1), blank, dtype=dtypes.int64)
    pairs = reshape(concat([blanks, expand_dims(labels, axis=2)], axis=2), (rows, longest * 2))
    states = concat([pairs, full((rows, 1), blank, dtype=dtypes.int64)], axis=1)
    before = part(pad(states, [(0, 0), (2, 0)], value=blank), 1, 0, states.shape[1])
    row = apply(iota, shape=states.shape, axis=0, dtype=dtypes.int64)
    emitted = apply(gather, permute_dims(log_probs, (1, 2, 0)), row, states, axis=0)
    return apply(ctc_paths, permute_dims(emitted, (2, 0, 1)), not_equal(states, before))


def _ended(paths: Any, taken: Any, counts: Any) -> Any:
    """Log-probability of the paths that end in the last label or in the blank after it; without input, of no labels."""
    row = apply(iota, shape=taken.shape, axis=0, dtype=dtypes.int64)
    last = apply(gather, paths, maximum(taken - 1, 0), row, axis=0)
    blank = apply(pick, last, counts * 2, axis=1)
    label = apply(pick, last, maximum(counts * 2 - 1, 0), axis=1)
    label = where(equal(counts, 0), -np.inf, label)
    top = stop_gradient(maximum(blank, label))
    reached = greater(top, -np.inf)
    level = where(reached, top, 0.0)
    total = exp(subtract(blank, level)) + exp(subtract(label, level))
    ended = where(reached, log(where(reached, total, 1.0)) + level, -np.inf)
    ended = where(equal(taken, 0), -np.inf, ended)
    return where(equal(maximum(taken, counts), 0), 0.0, ended)
