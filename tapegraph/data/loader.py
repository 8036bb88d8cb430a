"""DataLoader: batches of a dataset, in order or shuffled anew each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from eager.tensor import Tensor
from engine import tree
from engine.errors import ArgumentError
from tapegraph.data.dataset import Dataset, gathered
from tapegraph.data.order import permutation


class DataLoader:
    """Iterates over batches: tuples of tensors with a batch axis in front.

    ``shuffle``: a new order each epoch, a pure function of ``seed`` and ``epoch`` and independent of ``manual_seed``.
    ``drop_last``: leave out a last batch that is smaller than ``batch_size``. ``collate_fn``: makes a batch of a list
    of samples; without it arrays are stacked (or sliced at once where the dataset can). Set ``epoch`` to resume.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        seed: int = 0,
        drop_last: bool = False,
        collate_fn: Callable[[Sequence[Any]], Any] | None = None,
    ) -> None:
        if not hasattr(batch_size, "__index__") or batch_size < 1:
            raise ArgumentError(f"batch_size must be a positive int, not {batch_size!r}", op="DataLoader")
        if not isinstance(dataset, Dataset):
            raise ArgumentError(
                f"takes a dataset, not {type(dataset).__name__}",
                op="DataLoader",
                fix="give the class __len__ and __getitem__, or wrap arrays in TensorDataset",
            )
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.epoch = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        order = permutation(len(self.dataset), self.seed, self.epoch) if self.shuffle else None
        self.epoch += 1
        return (self._batch(i * self.batch_size, order) for i in range(len(self)))

    def _batch(self, start: int, order: np.ndarray[Any, Any] | None) -> Any:
        stop = min(start + self.batch_size, len(self.dataset))
        if self.collate_fn is not None:
            chosen = range(start, stop) if order is None else order[start:stop]
            return self.collate_fn([self.dataset[int(i)] for i in chosen])
        found = gathered(self.dataset, slice(start, stop) if order is None else order[start:stop])
        return tree.map_tree(_tensor, found)


def _tensor(array: Any) -> Any:
    return Tensor(array) if isinstance(array, np.ndarray) else array
