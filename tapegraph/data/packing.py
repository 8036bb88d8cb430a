"""Packing: the steps of sequences of unequal length without padding, step by step. Names and meaning: torch.nn.utils.rnn.

NumPy arrays in, NumPy arrays out; given tensors, the result holds a tensor through which gradients flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.errors import ArgumentError, ShapeError
from engine.handle import Handle
from engine.ops.compare import where
from engine.ops.index import take
from engine.ops.shape import reshape
from engine.sizes import agree
from tapegraph.data.order import Array
from tapegraph.data.padding import pad_sequence, sequence_mask, unpad_sequence


class PackedSequence(NamedTuple):
    """data [steps of all, ...]: first step 0 of every sequence, the longest first, then step 1 of those that have one, ...

    batch_sizes: how many sequences have step t, int64 [longest]. sorted_indices: the sequences from long to short, and
    unsorted_indices the way back, int64 [n]; both None where they came sorted and ``enforce_sorted`` said so.
    """

    data: Any
    batch_sizes: Array
    sorted_indices: Array | None = None
    unsorted_indices: Array | None = None


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences [longest, n, ...] ([n, longest, ...] if ``batch_first``), of ``lengths`` ints [n], packed.

    Raises ArgumentError for a length below 1 or beyond the input, and where ``enforce_sorted`` finds them not to fall.
    """
    array = input if isinstance(input, Handle) else np.asarray(input)
    known = np.asarray(lengths, np.int64)
    if array.ndim < 2 or known.ndim != 1 or not agree(array.shape[0 if batch_first else 1], len(known)):
        raise ShapeError("needs one length for each sequence", op="pack_padded_sequence", operands=(array, known))
    n, steps = len(known), int(array.shape[1 if batch_first else 0])
    if n == 0 or known.min() < 1 or known.max() > steps:
        raise ArgumentError(f"lengths must lie between 1 and {steps}, got {known.tolist()}", op="pack_padded_sequence")
    order = np.argsort(-known, kind="stable")
    if enforce_sorted and np.any(np.diff(known) > 0):
        raise ArgumentError(
            "lengths must fall", op="pack_padded_sequence", fix="sort the batch, or give enforce_sorted=False"
        )
    time, rank = np.nonzero(sequence_mask(known[order]).T)
    rows = order[rank] * steps + time if batch_first else time * n + order[rank]
    sizes = np.bincount(time)
    data = _rows(array, rows)
    return PackedSequence(data, sizes) if enforce_sorted else PackedSequence(data, sizes, order, np.argsort(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Array]:
    """The padded sequences that a packed one stands for, and their lengths int64 [n], in the order they were given.

    ``total_length``: pad to this many steps rather than to the longest. Raises ArgumentError where it is smaller.
    """
    sizes = np.asarray(sequence.batch_sizes, np.int64)
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise ArgumentError(f"total_length {steps} is below the longest, {len(sizes)}", op="pad_packed_sequence")
    n = int(sizes[0])
    back = np.arange(n) if sequence.unsorted_indices is None else np.asarray(sequence.unsorted_indices)
    lengths = (sizes > np.arange(n)[:, None]).sum(1)[back]
    present = sequence_mask(lengths, steps)
    starts = np.cumsum(sizes) - sizes
    rows = np.zeros((n, steps), np.int64)
    rows[:, : len(sizes)] = starts + back[:, None]
    rows[~present] = 0
    if not batch_first:
        rows, present = rows.T, present.T
    data = sequence.data if isinstance(sequence.data, Handle) else np.asarray(sequence.data)
    present = present.reshape(*present.shape, *(1 for _ in data.shape[1:]))
    if not isinstance(data, Handle):
        return np.where(present, data[rows], np.asarray(padding_value, data.dtype)), lengths
    gathered = reshape(take(data, rows.reshape(-1), axis=0), (*rows.shape, *data.shape[1:]))
    return where(present, gathered, np.asarray(padding_value, data.dtype)), lengths


def pack_sequence(sequences: Sequence[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences [t_i, ...] packed; ``enforce_sorted`` False takes them in any order."""
    lengths = [len(s) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed: PackedSequence) -> list[Any]:
    """The sequences that ``pack_sequence`` packed, in the order they were given."""
    padded, lengths = pad_packed_sequence(packed, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def _rows(array: Any, rows: Array) -> Any:
    """Rows of an array whose first two axes are taken as one."""
    if isinstance(array, Handle):
        return take(reshape(array, (-1, *array.shape[2:])), rows, axis=0)
    return array.reshape(-1, *array.shape[2:])[rows]
