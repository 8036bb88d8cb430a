"""Datasets: samples by number or as a stream, and datasets made of other datasets. Names and meaning: torch.utils.data."""

from __future__ import annotations

import itertools
from abc import ABCMeta, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from engine.errors import ArgumentError, IndexRangeError, ShapeError
from tapegraph.data.fetch import gathered

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample], metaclass=ABCMeta):
    """Samples by number: ``__getitem__(i)`` gives one, ``__len__`` how many there are. Whatever has both is a Dataset.

    One that also has ``batch(indices)`` is asked for whole collated batches, one that has ``__getitems__(indices)`` for
    lists of samples. ``a + b`` is ``ConcatDataset([a, b])``.
    """

    @abstractmethod
    def __getitem__(self, index: Any) -> Sample:
        """One sample: an array, a number, or a tuple or dict of them."""

    def __add__(self, other: Any) -> Dataset[Any]:
        return ConcatDataset([self, other])

    @classmethod
    def __subclasshook__(cls, kind: type) -> Any:
        if cls is not Dataset:
            return NotImplemented
        return True if hasattr(kind, "__getitem__") and hasattr(kind, "__len__") else NotImplemented


class IterableDataset(Dataset[Sample]):
    """Samples as a stream: ``__iter__`` starts it anew. ``a + b`` is ``ChainDataset([a, b])``.

    With worker processes, a stream that asks ``get_worker_info()`` divides itself, as in PyTorch. One that does not is
    read whole by each of N workers, which keep every N-th batch: the batches are those of no workers, none comes twice.
    """

    @abstractmethod
    def __iter__(self) -> Iterator[Sample]:
        """The samples, from the first."""

    def __getitem__(self, index: Any) -> Any:
        raise TypeError(f"{type(self).__name__} is a stream; its samples have no numbers")

    def __add__(self, other: Any) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[Any]):
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


class Subset(Dataset[Any]):
    """The samples of another dataset that ``indices`` name, in that order. Raises ArgumentError for one outside it."""

    def __init__(self, dataset: Any, indices: Sequence[int] | np.ndarray[Any, Any]) -> None:
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


class ConcatDataset(Dataset[Any]):
    """The samples of several datasets one after another. Raises ArgumentError for none, or for a stream."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("needs at least one dataset", op="ConcatDataset")
        for d in self.datasets:
            if isinstance(d, IterableDataset):
                raise ArgumentError(
                    f"{type(d).__name__} is a stream", op="ConcatDataset", fix="put streams together with ChainDataset"
                )
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexRangeError(f"index {index} is outside {len(self)} samples", op="ConcatDataset")
        which = int(np.searchsorted(self.cumulative_sizes, place, side="right"))
        return self.datasets[which][place - (self.cumulative_sizes[which - 1] if which else 0)]


class StackDataset(Dataset[Any]):
    """Datasets of one length side by side: sample i is the tuple (given by position) or dict (by name) of their i-th.

    Raises ArgumentError for unequal lengths, for none, and for datasets given both ways.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("takes datasets either by position or by name, at least one", op="StackDataset")
        self.datasets: tuple[Any, ...] | dict[str, Any] = args or kwargs
        lengths = {len(d) for d in (args or kwargs.values())}
        if len(lengths) > 1:
            raise ArgumentError(f"the datasets differ in length: {sorted(lengths)}", op="StackDataset")
        self._length = lengths.pop()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def batch(self, indices: Any) -> Any:
        """The samples that a slice or an integer array names, with a batch axis."""
        if isinstance(self.datasets, dict):
            return {name: gathered(d, indices) for name, d in self.datasets.items()}
        return tuple(gathered(d, indices) for d in self.datasets)


class ChainDataset(IterableDataset[Any]):
    """Streams one after another. Raises ArgumentError for a dataset that is none."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise ArgumentError(f"takes streams (IterableDataset), not {type(d).__name__}", op="ChainDataset")

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        """The sum of the lengths, where the streams have one."""
        return sum(len(d) for d in self.datasets)
