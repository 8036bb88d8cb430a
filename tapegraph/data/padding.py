"""Padding: sequences of unequal length as one array, and back. Names and meaning: torch.nn.utils.rnn.

NumPy arrays in, NumPy arrays out; given tensors, the result is a tensor through which gradients flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import ArgumentError, DTypeError, ShapeError
from engine.handle import Handle
from engine.ops.pad import pad
from engine.ops.pieces import stack
from engine.sizes import agree, agree_shape
from tapegraph.data.buckets import rising
from tapegraph.data.collate import default_collate


def pad_sequence(
    sequences: Sequence[Any],
    batch_first: bool = False,
    padding_value: float = 0,
    padding_side: str = "right",
    *,
    length: int | None = None,
) -> Any:
    """Sequences [t_i, ...] as one array [longest, n, ...], or [n, longest, ...] if ``batch_first``.

    ``padding_value`` fills the end of the shorter ones, or the start if ``padding_side`` is "left". ``length``: pad to this
    many steps rather than to the longest. Raises ShapeError where the sequences differ in more than length or one is
    longer than ``length``, ArgumentError where there is none or the side is unknown, DTypeError where the dtype cannot hold
    the padding value.
    """
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"padding_side must be 'left' or 'right', not {padding_side!r}", op="pad_sequence")
    if not len(sequences):
        raise ArgumentError("needs at least one sequence", op="pad_sequence")
    items = [s if isinstance(s, Handle) else np.asarray(s) for s in sequences]
    for item in items:
        if item.ndim == 0 or not agree_shape(item.shape[1:], items[0].shape[1:]):
            raise ShapeError(
                "sequences may differ in their first axis only", op="pad_sequence", operands=(items[0], item)
            )
    longest = max(len(item) for item in items)
    steps = longest if length is None else length
    if steps < longest:
        raise ShapeError(f"a sequence of {longest} steps does not fit in {length}", op="pad_sequence")
    dtype = np.result_type(*(item.dtype for item in items))
    if not _holds(dtype, padding_value):
        raise DTypeError(f"{dtype.name} cannot hold the padding value {padding_value}", op="pad_sequence")
    if any(isinstance(item, Handle) for item in items):
        return _padded_tensors(items, steps, batch_first, padding_value, padding_side)
    padded = np.full((len(items), steps, *items[0].shape[1:]), padding_value, dtype)
    for row, item in zip(padded, items, strict=True):
        row[_span(len(item), steps, padding_side)] = item
    return padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1))


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    try:
        return dtype.kind not in "iub" or bool(dtype.type(value) == value)
    except (OverflowError, ValueError):
        return False


def _span(length: int, steps: int, side: str) -> slice:
    """Where the steps of a sequence stand among all."""
    return slice(0, length) if side == "right" else slice(steps - length, steps)


def _padded_tensors(items: list[Any], steps: int, batch_first: bool, value: float, side: str) -> Any:
    rows = []
    for item in items:
        missing = steps - len(item)
        ends = (0, missing) if side == "right" else (missing, 0)
        rows.append(pad(item, (ends, *((0, 0) for _ in item.shape[1:])), value=value))
    return stack(rows, axis=0 if batch_first else 1)


def unpad_sequence(padded: Any, lengths: Any, batch_first: bool = False, *, padding_side: str = "right") -> list[Any]:
    """The sequences that ``pad_sequence`` put together; ``lengths``: the steps of each, ints [n].

    Raises ShapeError where there is not one length for each sequence, ArgumentError for one that does not fit.
    """
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"padding_side must be 'left' or 'right', not {padding_side!r}", op="unpad_sequence")
    array = padded if isinstance(padded, Handle) else np.asarray(padded)
    known = [int(n) for n in np.asarray(lengths)]
    if array.ndim < 2 or not agree(array.shape[0 if batch_first else 1], len(known)):
        raise ShapeError(
            f"needs one length for each sequence, got {len(known)}", op="unpad_sequence", operands=(array,)
        )
    steps = int(array.shape[1 if batch_first else 0])
    if any(not 0 <= n <= steps for n in known):
        raise ArgumentError(f"lengths must lie between 0 and {steps}, got {known}", op="unpad_sequence")
    spans = [_span(n, steps, padding_side) for n in known]
    return [array[i, span] if batch_first else array[span, i] for i, span in enumerate(spans)]


def sequence_mask(lengths: Any, steps: int | None = None, *, padding_side: str = "right") -> np.ndarray[Any, Any]:
    """Where a batch of padded sequences holds data: bool [n, steps], by default as many steps as the longest has."""
    known = np.asarray(lengths, np.int64)
    total = int(known.max(initial=0)) if steps is None else steps
    place = np.arange(total) if padding_side == "right" else np.arange(total)[::-1]
    return place < known[:, None]


def pad_collate(
    samples: Sequence[Any],
    *,
    batch_first: bool = True,
    padding_value: Any = 0,
    padding_side: str = "right",
    length: int | None = None,
) -> tuple[Any, ...]:
    """A collate function for sequences: ``(padded, lengths, mask)``, and what else a sample holds after them.

    A sample is an array [t, ...], or a tuple that begins with one. padded: [n, longest, ...] (time first if not
    ``batch_first``), lengths: int64 [n], mask: bool [n, longest], True where there is data. The other parts of a tuple are
    padded too where they have an axis (labels of each step), and collated as always where they have none.
    ``padding_value``: one number, or one for each part of a tuple. Set options with functools.partial, which worker
    processes can be sent. Raises what ``pad_sequence`` and ``default_collate`` raise; ArgumentError for dicts.
    """
    if not samples:
        raise ArgumentError("there are no samples to make a batch of", op="pad_collate")
    columns = list(zip(*samples, strict=True)) if isinstance(samples[0], tuple) else [samples]
    values = list(padding_value) if isinstance(padding_value, Sequence) else [padding_value] * len(columns)
    if len(values) != len(columns):
        raise ArgumentError(f"{len(values)} padding values for {len(columns)} parts of a sample", op="pad_collate")
    if isinstance(samples[0], dict | str | bytes) or not columns or np.ndim(columns[0][0]) == 0:
        raise ArgumentError(
            f"takes arrays, or tuples that begin with one, not {type(samples[0]).__name__}",
            op="pad_collate",
            fix="write a collate_fn that calls data.pad_sequence on the parts to pad",
        )
    lengths = np.array([len(item) for item in columns[0]], np.int64)
    parts = []
    for column, value in zip(columns, values, strict=True):
        if isinstance(column[0], str | bytes | dict) or np.ndim(column[0]) == 0:
            parts.append(default_collate(column))
        else:
            arrays = [np.asarray(item) for item in column]
            parts.append(pad_sequence(arrays, batch_first, value, padding_side, length=length))
    mask = sequence_mask(lengths, parts[0].shape[1 if batch_first else 0], padding_side=padding_side)
    return parts[0], lengths, mask if batch_first else np.ascontiguousarray(mask.T), *parts[1:]


def bucket_collate(samples: Sequence[Any], *, boundaries: Sequence[int], **options: Any) -> tuple[Any, ...]:
    """``pad_collate`` to the smallest of ``boundaries`` that the longest sequence fits in, beyond the last to its own length.

    Batches then come in few shapes, whatever the data: with ``BucketSampler(boundaries=...)``, one for each bucket.
    ``options``: those of ``pad_collate`` without ``length``.
    """
    edges = rising(boundaries, "bucket_collate")
    longest = max((len(s[0]) if isinstance(s, tuple) else len(s) for s in samples), default=0)
    place = int(np.searchsorted(edges, longest))
    return pad_collate(samples, length=int(edges[place]) if place < len(edges) else None, **options)
