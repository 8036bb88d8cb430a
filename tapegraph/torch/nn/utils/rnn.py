"""torch.nn.utils.rnn: padding and packing of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapegraph.data import PackedSequence as _Packed
from tapegraph.data import pack_padded_sequence as _pack_padded
from tapegraph.data import pack_sequence as _pack
from tapegraph.data import pad_packed_sequence as _unpack
from tapegraph.data import pad_sequence as _pad
from tapegraph.data import unpack_sequence as _parts
from tapegraph.torch.cell import of, wrap

PackedSequence = _Packed


def _tensors(packed: Any) -> Any:
    return PackedSequence(*map(wrap, packed))


def _values(packed: Any) -> Any:
    parts: Any = (None if part is None else np.asarray(of(part)) for part in packed[1:])
    return _Packed(of(packed.data), *parts)


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Tensors of different lengths as one, filled up. Result: [longest, number, ...], or batch first."""
    return wrap(_pad([of(s) for s in sequences], batch_first, padding_value, padding_side))


def pack_padded_sequence(input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> Any:
    """A padded tensor without its padding, step after step."""
    return _tensors(_pack_padded(of(input), np.asarray(of(lengths)), batch_first, enforce_sorted))


def pad_packed_sequence(
    sequence: Any, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> Any:
    """The padded tensor and the lengths that a packed sequence came from."""
    return wrap(tuple(_unpack(_values(sequence), batch_first, padding_value, total_length)))


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> Any:
    """Tensors of different lengths, step after step."""
    return _tensors(_pack([of(s) for s in sequences], enforce_sorted))


def unpack_sequence(packed_sequences: Any) -> Any:
    """The tensors that a packed sequence came from."""
    return wrap(list(_parts(_values(packed_sequences))))


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The tensors that a padded one came from."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [rows[i, : int(n)] for i, n in enumerate(lengths)]
