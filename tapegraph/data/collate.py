"""Collating: a list of samples becomes one batch, with the structure of a sample and arrays with a batch axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import dtypes, tree
from engine.errors import ArgumentError, DTypeError, ShapeError

Collate = Callable[[Sequence[Any]], Any]


def default_collate(samples: Sequence[Any]) -> Any:
    """Samples as NumPy arrays with a batch axis in front, in the structure of one sample.

    Arrays, tensors and numbers are stacked; Python floats become float32, ints int64. Tuples, named tuples, lists and
    dicts are collated part by part; strings and bytes become a list. ``DataLoader`` makes tensors of the arrays.
    Raises ShapeError where samples differ in shape or length, ArgumentError where they differ in keys or are none at
    all, DTypeError for what is no number; the message says where in the sample.
    """
    samples = list(samples)
    if not samples:
        raise ArgumentError("there are no samples to make a batch of", op="default_collate")
    return _collate(samples, "sample")


def default_convert(sample: Any) -> Any:
    """A sample with its arrays and NumPy numbers as tensors, and all else as it is."""
    return tree.map_tree(_tensor, sample)


def _tensor(leaf: Any) -> Any:
    """Arrays that the engine can hold as tensors, anything else as it is."""
    if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype in dtypes.EVERY:
        return Tensor(np.asarray(leaf))
    return leaf


def _collate(samples: Sequence[Any], place: str) -> Any:
    first = samples[0]
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        for sample in samples:
            if sample.keys() != first.keys():
                raise ArgumentError(
                    f"{place} has the keys {list(first)} in one sample and {list(sample)} in another",
                    op="default_collate",
                )
        parts = {key: _collate([sample[key] for sample in samples], f"{place}[{key!r}]") for key in first}
        return parts if type(first) is dict else _like(first, parts)
    if isinstance(first, tuple | list):
        for sample in samples:
            if len(sample) != len(first):
                raise ShapeError(
                    f"{place} is a {type(first).__name__} of {len(first)} in one sample and of {len(sample)} in another",
                    op="default_collate",
                    fix="make arrays of them and pad: collate_fn=data.pad_collate",
                )
        columns = [_collate(column, f"{place}[{i}]") for i, column in enumerate(zip(*samples, strict=True))]
        if hasattr(first, "_fields"):
            return type(first)(*columns)
        return columns if isinstance(first, list) else tuple(columns)
    return _stacked(samples, place)


def _like(mapping: Mapping[Any, Any], parts: dict[Any, Any]) -> Any:
    """``parts`` as a mapping of the same type, where it can be made from a dict."""
    try:
        return type(mapping)(parts)  # type: ignore[call-arg]
    except TypeError:
        return parts


def _stacked(samples: Sequence[Any], place: str) -> np.ndarray[Any, Any]:
    arrays = [np.asarray(sample) for sample in samples]
    for sample, array in zip(samples, arrays, strict=True):
        if array.dtype not in dtypes.EVERY:
            raise DTypeError(
                f"{place} is {type(sample).__name__} {str(sample)[:40]!r}, of which no batch can be made",
                op="default_collate",
                fix="give numbers, arrays, strings, tuples or dicts of them, or a collate_fn of your own",
            )
        if array.shape != arrays[0].shape:
            raise ShapeError(
                f"{place} has different shapes in the samples of a batch",
                op="default_collate",
                operands=(arrays[0], array),
                fix="pad them, collate_fn=data.pad_collate, or give DataLoader another collate_fn",
            )
    stacked = np.stack(arrays)
    bare = stacked.dtype == np.float64 and all(
        isinstance(s, float | int) and not isinstance(s, np.generic) for s in samples
    )
    return stacked.astype(np.float32) if bare else stacked


collate = default_collate
