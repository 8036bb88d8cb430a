"""Datasets: what has a length and gives samples by number, and gives many at once where it can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from engine.errors import ArgumentError, ShapeError
from tapegraph.data.order import part_sizes, permutation


@runtime_checkable
class Dataset(Protocol):
    """Samples by number. One that also has ``batch(indices)`` is asked for whole batches instead."""

    def __len__(self) -> int:
        """The number of samples."""

    def __getitem__(self, index: int) -> Any:
        """One sample: an array, a number, or a tuple of them."""


class TensorDataset:
    """Arrays whose first axes belong together; sample i is the tuple of their i-th entries.

    Takes NumPy arrays, tensors or nested lists; they are not copied. Raises ShapeError for unequal first axes.
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise ArgumentError("needs at least one array", op="TensorDataset")
        self.arrays = tuple(np.asarray(a) for a in arrays)
        if any(a.ndim == 0 or len(a) != len(self.arrays[0]) for a in self.arrays):
            raise ShapeError("the first axes must be equally long", op="TensorDataset", operands=self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(a[index] for a in self.arrays)

    def batch(self, indices: Any) -> tuple[Any, ...]:
        """The samples that a slice or an integer array names, as arrays with a batch axis."""
        return self[indices]


class Subset:
    """The samples of another dataset that ``indices`` name, in that order."""

    def __init__(self, dataset: Dataset, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
        self.dataset = dataset
        self.indices = np.asarray(indices, np.int64)
        if self.indices.size and not -len(dataset) <= self.indices.min() <= self.indices.max() < len(dataset):
            raise ArgumentError(f"an index is outside a dataset of {len(dataset)} samples", op="Subset")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def batch(self, indices: Any) -> Any:
        """The samples that a slice or an integer array names, with a batch axis."""
        return gathered(self.dataset, self.indices[indices])


def random_split(dataset: Dataset, lengths: Iterable[float], seed: int = 0) -> list[Subset]:
    """Parts of a dataset with no sample in common, drawn at random but always the same for a seed.

    ``lengths``: ints that add up to the dataset's length, or fractions that add up to 1. Raises ArgumentError otherwise.
    """
    sizes = part_sizes(lengths, len(dataset), "random_split")
    order = permutation(len(dataset), seed)
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def gathered(dataset: Any, indices: Any) -> Any:
    """The samples that a slice or an integer array names: from ``dataset.batch`` if there is one, else one by one."""
    if hasattr(dataset, "batch"):
        return dataset.batch(indices)
    chosen = range(len(dataset))[indices] if isinstance(indices, slice) else indices
    return collate([dataset[int(i)] for i in chosen])


def collate(samples: Sequence[Any]) -> Any:
    """Samples as arrays with a batch axis: a tuple of them for tuples, a dict for dicts.

    Python floats become float32, ints int64. Raises ShapeError where the samples have different shapes.
    """
    first = samples[0]
    if isinstance(first, tuple | list):
        return tuple(collate(column) for column in zip(*samples, strict=True))
    if isinstance(first, dict):
        return {key: collate([sample[key] for sample in samples]) for key in first}
    arrays = [np.asarray(sample) for sample in samples]
    if any(a.shape != arrays[0].shape for a in arrays):
        odd = next(a for a in arrays if a.shape != arrays[0].shape)
        raise ShapeError(
            "the samples of a batch have different shapes",
            op="collate",
            operands=(arrays[0], odd),
            fix="pad them, or give DataLoader a collate function",
        )
    stacked = np.stack(arrays)
    return stacked.astype(np.float32) if isinstance(first, float) and not isinstance(first, np.generic) else stacked
