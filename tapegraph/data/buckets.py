"""Buckets: batches of sequences of similar length, so that little of a padded batch is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from tapegraph.data.order import Array, Draws, whole
from tapegraph.data.samplers import _Drawn


class BucketSampler(_Drawn):
    """A batch sampler for sequences of unequal length: ``DataLoader(dataset, batch_sampler=BucketSampler(lengths, 32))``.

    ``lengths``: the length of each sample, ints [n]. With ``boundaries`` (rising ints), a batch holds only samples of one
    bucket: length <= boundaries[0], <= boundaries[1], ..., or longer than the last. Without, the samples are cut at random
    into pools of ``pool`` batches and each pool is sorted by length (Morishita et al. 2017, "An empirical study of
    mini-batch creation strategies for neural machine translation"). ``shuffle``: samples and batches in an order drawn
    anew each epoch; else by number, bucket after bucket. Raises ArgumentError for lengths or boundaries that are none.
    """

    def __init__(
        self,
        lengths: Sequence[int] | Array,
        batch_size: int,
        *,
        boundaries: Sequence[int] | None = None,
        pool: int = 100,
        shuffle: bool = True,
        drop_last: bool = False,
        generator: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(generator, seed)
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1 or (self.lengths.size and self.lengths.dtype.kind not in "iu"):
            raise ArgumentError("lengths must be a list of ints, one for each sample", op="BucketSampler")
        self.batch_size = whole(batch_size, "batch_size", "BucketSampler", least=1)
        self.pool = whole(pool, "pool", "BucketSampler", least=1)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.boundaries = None if boundaries is None else rising(boundaries, "BucketSampler")

    def __len__(self) -> int:
        if self.boundaries is None:
            sizes = np.array([len(self.lengths)])
        else:
            sizes = np.bincount(np.searchsorted(self.boundaries, self.lengths))
        return int(np.sum(sizes // self.batch_size if self.drop_last else -(-sizes // self.batch_size)))

    def __iter__(self) -> Iterator[list[int]]:
        draws = self._draws() if self.shuffle else None
        batches = [
            group[start : start + self.batch_size].tolist()
            for group in self._groups(draws)
            for start in range(0, len(group), self.batch_size)
        ]
        if self.drop_last:
            batches = [batch for batch in batches if len(batch) == self.batch_size]
        order = range(len(batches)) if draws is None else draws.permutation(len(batches)).tolist()
        return iter([batches[i] for i in order])

    def _groups(self, draws: Draws | None) -> list[Array]:
        """Samples that may share a batch, cut into batches in this order."""
        n = len(self.lengths)
        order = np.arange(n) if draws is None else draws.permutation(n)
        if self.boundaries is not None:
            bucket = np.searchsorted(self.boundaries, self.lengths)[order]
            return [order[bucket == b] for b in range(len(self.boundaries) + 1)]
        size = self.pool * self.batch_size if draws is not None else max(n, 1)
        pools = [order[start : start + size] for start in range(0, n, size)]
        return [pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools]


def rising(boundaries: Sequence[int] | Array, op: str) -> Array:
    """Boundaries as int64 [k]; raises ArgumentError where they are not ints that rise."""
    found = np.asarray(boundaries)
    if found.ndim != 1 or not found.size or found.dtype.kind not in "iu" or np.any(np.diff(found) <= 0):
        raise ArgumentError(f"boundaries must be ints that rise, not {list(boundaries)}", op=op)
    return found.astype(np.int64)
