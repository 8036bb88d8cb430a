"""Fetching: the samples that a batch consists of, read from a dataset and collated, with errors that name the sample."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapegraph.data.collate import Collate, default_collate
from tapegraph.data.worker_info import get_worker_info


class StreamEnd(Exception):
    """There is no further batch in a stream."""


@dataclass(frozen=True)
class Recipe:
    """How batches are made: of what, and how. ``collate_fn`` None: the dataset's own way, or ``default_collate``."""

    dataset: Any
    stream: bool
    collate_fn: Collate | None
    batch_size: int | None
    drop_last: bool

    def reader(self) -> Callable[[Any], Any]:
        """A function from the indices of a batch (None for a stream) to the batch, for one epoch."""
        return _Stream(self) if self.stream else self._by_number

    def _by_number(self, indices: Any) -> Any:
        if self.batch_size is None:  # one sample, not a batch
            found = next(iter(_samples(self.dataset, (indices,))))
            return found if self.collate_fn is None else self.collate_fn(found)
        if self.collate_fn is None:
            return gathered(self.dataset, indices)
        return _collated(self.collate_fn, _listed(self.dataset, indices), indices)


class _Stream:
    """The batches of a stream in one process: all of them, the worker's share, or what the worker's stream yields."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._iterator: Any = None
        self._read = 0  # samples read so far
        self._skip = 0  # batches to pass over before each further one

    def __call__(self, _: Any) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._recipe.dataset)
            samples = self._next()
            info = get_worker_info(asks=False)
            if info is not None and not info.asked:
                self._skip = info.num_workers - 1
                samples = self._after(info.id, samples)
        else:
            samples = self._after(self._skip, None)
        collate_fn = self._recipe.collate_fn
        if self._recipe.batch_size is None:
            return samples[0] if collate_fn is None else collate_fn(samples[0])
        numbers = range(self._read - len(samples), self._read)
        return _collated(collate_fn or default_collate, samples, numbers)

    def _after(self, skipped: int, samples: list[Any] | None) -> list[Any]:
        """The samples of the batch that follows ``skipped`` others; ``samples``: a first batch, already read."""
        for _ in range(skipped + (samples is None)):
            samples = self._next()
        assert samples is not None
        return samples

    def _next(self) -> list[Any]:
        size = self._recipe.batch_size
        samples = []
        try:
            for sample in itertools.islice(self._iterator, 1 if size is None else size):
                samples.append(sample)
                self._read += 1
        except Exception as error:
            error.add_note(f"  while reading sample {self._read} of the stream {type(self._recipe.dataset).__name__}")
            raise
        if not samples or (self._recipe.drop_last and size is not None and len(samples) < size):
            raise StreamEnd
        return samples


def gathered(dataset: Any, indices: Any) -> Any:
    """The samples that a slice or integers name: from ``dataset.batch`` if there is one, else read and collated."""
    if hasattr(dataset, "batch"):
        try:
            return dataset.batch(_for_arrays(indices))
        except Exception as error:
            error.add_note(f"  while reading items {_shown(indices)} of {type(dataset).__name__}")
            raise
    return _collated(default_collate, _listed(dataset, indices), indices)


def _for_arrays(indices: Any) -> Any:
    """Indices as arrays take them; a range as a slice, which copies nothing."""
    if isinstance(indices, range):
        return slice(indices.start, indices.stop)
    return indices if isinstance(indices, slice) else np.asarray(indices)


def _listed(dataset: Any, indices: Any) -> list[Any]:
    if isinstance(indices, slice):
        indices = range(len(dataset))[indices]
    elif isinstance(indices, np.ndarray):
        indices = indices.tolist()
    if hasattr(dataset, "__getitems__"):
        try:
            return list(dataset.__getitems__(list(indices)))
        except Exception as error:
            error.add_note(f"  while reading items {_shown(indices)} of {type(dataset).__name__}")
            raise
    return list(_samples(dataset, indices))


def _samples(dataset: Any, indices: Iterable[Any]) -> Iterable[Any]:
    for index in indices:
        try:
            sample = dataset[index]
        except StopIteration as error:  # would look like the end of the loop
            raise RuntimeError(f"item {index!r} of {type(dataset).__name__} raised StopIteration") from error
        except Exception as error:
            error.add_note(f"  while reading item {index!r} of {type(dataset).__name__}")
            raise
        yield sample


def _collated(collate_fn: Collate, samples: list[Any], indices: Any) -> Any:
    try:
        return collate_fn(samples)
    except Exception as error:
        error.add_note(f"  while collating items {_shown(indices)}")
        raise


def _shown(indices: Any) -> str:
    """Indices in few words."""
    if isinstance(indices, slice):
        return f"{indices.start}:{indices.stop}"
    if isinstance(indices, range):
        return f"{indices.start}:{indices.stop}"
    some = [repr(i.item() if isinstance(i, np.generic) else i) for i in itertools.islice(iter(indices), 9)]
    return "[" + ", ".join(some[:8]) + (", ..." if len(some) > 8 else "") + "]"
