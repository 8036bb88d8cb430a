"""Samplers: which samples an epoch reads, in which order. Names and meaning: torch.utils.data.

An order is a pure function of ``seed`` and ``epoch``, the same on every machine; each iteration moves to the next epoch, and
``set_epoch`` goes to any. With a ``generator`` (a ``tapegraph.Generator``, or NumPy's) each iteration draws its seed from there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from tapegraph.data.order import Array, Draws, drawn_seed, whole


class Sampler:
    """The numbers of the samples of an epoch, one after another: ``__iter__``, and ``__len__`` where it is known."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError


class SequentialSampler(Sampler):
    """0, 1, 2, ... to the end of ``data_source``."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))


class _Drawn(Sampler):
    """A sampler whose order is drawn anew each epoch."""

    def __init__(self, generator: Any, seed: int) -> None:
        self.generator = generator
        self.seed = whole(seed, "seed", type(self).__name__)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is."""
        self.epoch = epoch

    def _draws(self) -> Draws:
        if self.generator is not None:
            return Draws(drawn_seed(self.generator, type(self).__name__))
        self.epoch += 1
        return Draws(self.seed, self.epoch - 1)


_BLOCK = 1 << 16  # numbers drawn at a time: programs ask for 1e10 of them to mean "for ever"


class RandomSampler(_Drawn):
    """The samples in random order, or ``num_samples`` of them; with ``replacement`` each is drawn from all.

    Without replacement, more than there are means whole shuffles one after another, as in PyTorch.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(generator, seed)
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = None if num_samples is None else whole(num_samples, "num_samples", "RandomSampler", least=1)

    @property
    def num_samples(self) -> int:
        """How many an epoch reads."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        n, wanted, draws = len(self.data_source), self.num_samples, self._draws()
        if n == 0 and wanted:
            raise ArgumentError(f"cannot draw {wanted} samples of none", op="RandomSampler")
        if self.replacement:
            first = draws.integers(n, min(wanted, _BLOCK)).tolist()
            later = (draws.integers(n, min(wanted - at, _BLOCK)).tolist() for at in range(_BLOCK, wanted, _BLOCK))
            return itertools.chain(first, itertools.chain.from_iterable(later))
        shuffles = [draws.permutation(n) for _ in range(-(-wanted // n) if n else 0)]
        return iter(np.concatenate(shuffles)[:wanted].tolist() if shuffles else [])


class SubsetRandomSampler(_Drawn):
    """The given numbers in random order."""

    def __init__(self, indices: Sequence[int], generator: Any = None, *, seed: int = 0) -> None:
        super().__init__(generator, seed)
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[i] for i in self._draws().permutation(len(self.indices)).tolist()])


class WeightedRandomSampler(_Drawn):
    """``num_samples`` numbers, i with probability weights[i] / sum(weights), with replacement or (one by one) without.

    Without replacement by the keys of Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    Raises ArgumentError for weights that are negative, not finite or all 0, and for more samples than weights above 0.
    """

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Any = None, *, seed: int = 0
    ) -> None:
        super().__init__(generator, seed)
        self.weights: Array = np.asarray(weights, np.float64)
        self.num_samples = whole(num_samples, "num_samples", "WeightedRandomSampler", least=1)
        self.replacement = replacement
        if self.weights.ndim != 1 or not np.all(np.isfinite(self.weights) & (self.weights >= 0)):
            raise ArgumentError("weights must be a list of finite numbers >= 0", op="WeightedRandomSampler")
        positive = int(np.count_nonzero(self.weights))
        if positive == 0 or (not replacement and self.num_samples > positive):
            raise ArgumentError(
                f"{positive} weights are above 0, {self.num_samples} samples are wanted",
                op="WeightedRandomSampler",
                fix="take fewer, or draw with replacement" if positive else "",
            )

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        draws = self._draws()
        if self.replacement:
            edges = np.cumsum(self.weights / self.weights.max())
            # A number just below 1 may round up to the last edge; the last weight above 0 is then meant.
            last = int(np.flatnonzero(self.weights)[-1])
            found = np.searchsorted(edges, draws.uniform(self.num_samples) * edges[-1], side="right")
            return iter(np.minimum(found, last).tolist())
        with np.errstate(divide="ignore"):
            waiting = -np.log1p(-draws.uniform(len(self.weights))) / self.weights
        waiting[self.weights == 0] = np.inf
        return iter(np.argsort(waiting, kind="stable")[: self.num_samples].tolist())


class BatchSampler(Sampler):
    """Lists of ``batch_size`` numbers from another sampler; ``drop_last`` leaves out a last one that is smaller."""

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        self.sampler = sampler
        self.batch_size = whole(batch_size, "batch_size", "BatchSampler", least=1)
        self.drop_last = bool(drop_last)

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[list[Any]]:
        return self._batches(iter(self.sampler))  # an epoch begins when iteration is asked for

    def _batches(self, numbers: Iterator[Any]) -> Iterator[list[Any]]:
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is, told to the sampler where it counts them."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
