"""torch.utils.data: tapegraph's datasets, samplers and loaders, with tensors in the batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from eager.tensor import Tensor as _Computed
from tapegraph import data as _ours
from tapegraph.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    get_worker_info,
)
from tapegraph.torch.cell import of as _of
from tapegraph.torch.cell import wrap as _wrap
from tapegraph.torch.random import default_generator as _default_generator


def _tensors(batch: Any) -> Any:
    """A batch with the arrays and values of the engine in it as tensors."""
    if isinstance(batch, _Computed | np.ndarray):
        return _wrap(batch)
    if isinstance(batch, Mapping):
        return {key: _tensors(part) for key, part in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(_tensors, batch))
    if type(batch) in (list, tuple):
        return [_tensors(part) for part in batch]
    return batch


class TensorDataset(_ours.TensorDataset):
    """Tensors whose first axes belong together; sample i is the tuple of their i-th entries."""

    def __init__(self, *tensors: Any) -> None:
        super().__init__(*(np.asarray(_of(t)) for t in tensors))
        self.tensors = tensors

    def __getitem__(self, index: Any) -> Any:
        return tuple(t[index] for t in self.tensors)

    def batch(self, indices: Any) -> Any:
        """The samples that a slice or an integer array names, as arrays with a batch axis."""
        return super().__getitem__(indices)


class DataLoader(_ours.DataLoader):
    """Batches of a dataset, as lists of tensors; see tapegraph.data.DataLoader.

    Without a ``generator`` the order of each epoch is drawn from the default one, which ``torch.manual_seed`` seeds.
    """

    def __init__(self, dataset: Any, *args: Any, **kwargs: Any) -> None:
        shuffled = kwargs.get("shuffle") or (len(args) > 1 and args[1])
        if shuffled and kwargs.get("generator") is None and len(args) < 13:
            kwargs["generator"] = _default_generator
        for name in ("pin_memory_device", "in_order"):
            kwargs.pop(name, None)
        super().__init__(dataset, *args, **kwargs)

    def __iter__(self) -> Iterator[Any]:
        return map(_tensors, super().__iter__())


def random_split(dataset: Any, lengths: Any, generator: Any = None) -> list[Any]:
    """Parts of a dataset with no sample in common; lengths are numbers of samples, or fractions of 1."""
    return _ours.random_split(dataset, lengths, _default_generator if generator is None else generator)


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch of tensors."""
    return _tensors(_ours.default_collate(batch))


def default_convert(data: Any) -> Any:
    """A sample with its arrays as tensors."""
    return _tensors(_ours.default_convert(data))


class RandomSampler(_ours.RandomSampler):
    """The numbers of the samples in a new random order each time, drawn from the default generator unless given one."""

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ) -> None:
        super().__init__(data_source, replacement, num_samples, generator or _default_generator)


class SubsetRandomSampler(_ours.SubsetRandomSampler):
    """The given numbers in a new random order each time."""

    def __init__(self, indices: Any, generator: Any = None) -> None:
        super().__init__(indices, generator or _default_generator)


class WeightedRandomSampler(_ours.WeightedRandomSampler):
    """Numbers of samples drawn with the given weights."""

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Any = None) -> None:
        super().__init__(np.asarray(_of(weights)), num_samples, replacement, generator or _default_generator)


__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]
