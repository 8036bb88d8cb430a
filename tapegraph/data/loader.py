"""DataLoader: batches of a dataset, in order or shuffled anew each epoch, made here or by worker processes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from engine.errors import ArgumentError
from tapegraph.data.collate import Collate, default_convert
from tapegraph.data.dataset import IterableDataset
from tapegraph.data.fetch import Recipe, StreamEnd
from tapegraph.data.order import drawn_seed, whole
from tapegraph.data.pool import Pool
from tapegraph.data.samplers import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Iterates over batches: in the structure of a sample, with tensors that have a batch axis in front.

    Arguments by PyTorch's names and meaning (torch.utils.data.DataLoader). Batches, and their order, are the same for every
    ``num_workers``, where a sample depends on its number alone.

    ``shuffle``: a new order each epoch, a pure function of ``seed`` and ``epoch`` and independent of ``manual_seed``; set
    ``epoch`` to resume. With ``generator`` (a ``tapegraph.Generator`` or NumPy's) each epoch draws its seed from there.
    ``sampler``, ``batch_sampler``: the numbers of the samples, or lists of them, instead. ``batch_size`` None: samples one
    by one. ``drop_last``: leave out a last batch that is smaller. ``collate_fn``: makes a batch of a list of samples;
    without it arrays are stacked (or sliced at once where the dataset can). NumPy arrays in a batch become tensors.

    ``num_workers``: processes that make batches, each up to ``prefetch_factor`` (2) ahead; they end with the loop, however
    it is left, or with the loader if ``persistent_workers``. Their generators (random, numpy.random, tapegraph) are seeded
    from seed, epoch and the number of the worker, then ``worker_init_fn(number)`` is called once. ``timeout``: seconds to
    wait for a batch, 0 for ever. ``multiprocessing_context``: "fork", "spawn", "forkserver"; Python's default without.
    An error in a worker is raised here, with its type, the item it is about, and the worker's traceback as its cause.
    Raises WorkerError for a worker that dies, TimeoutError, ArgumentError for arguments that contradict each other.

    ``pin_memory`` is accepted for programs written for PyTorch and has no effect: there is no device to copy to.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Collate | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        seed: int = 0,
    ) -> None:
        stream = isinstance(dataset, IterableDataset)
        _check_dataset(dataset, stream, sampler is not None or batch_sampler is not None)
        if batch_size is not None:
            batch_size = whole(batch_size, "batch_size", "DataLoader", least=1)
        _check_order(stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.num_workers = whole(num_workers, "num_workers", "DataLoader", least=0)
        if prefetch_factor is not None:
            whole(prefetch_factor, "prefetch_factor", "DataLoader", least=1)
        if timeout < 0:
            raise ArgumentError(f"timeout must not be negative, got {timeout}", op="DataLoader")
        if not num_workers and (prefetch_factor is not None or persistent_workers or timeout):
            raise ArgumentError(
                "prefetch_factor, persistent_workers and timeout are about worker processes, and there are none",
                op="DataLoader",
                fix="give num_workers a number above 0",
            )
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.seed = whole(seed, "seed", "DataLoader")
        self.batch_size = None if batch_sampler is not None else batch_size
        if sampler is None and not stream:
            sampler = RandomSampler(dataset, generator=generator, seed=seed) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None and not stream:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)  # type: ignore[arg-type]
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self._recipe = Recipe(dataset, stream, collate_fn, batch_size, drop_last)
        self._epoch = 0
        self._pool: Pool | None = None

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration is; setting it also sets that of the sampler, where it counts them."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        order = self.sampler if self.batch_sampler is None else self.batch_sampler
        if order is not None and hasattr(order, "set_epoch"):
            order.set_epoch(epoch)

    def __len__(self) -> int:
        """The number of batches in an epoch. Raises TypeError where a stream or a sampler does not know."""
        if not self._recipe.stream:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        samples, size = len(self.dataset), self.batch_size or 1
        return samples // size if self.drop_last else math.ceil(samples / size)

    def __iter__(self) -> Iterator[Any]:
        tasks = self._tasks()
        if not self.num_workers:
            found = self._made_here(tasks)
        else:
            own = drawn_seed(self.generator, "DataLoader") if self.generator is not None else self.seed
            # Seeds of neighbouring epochs lie far apart, those of neighbouring workers next to each other.
            found = self._made_by_workers(tasks, own + self._epoch * 0x9E3779B97F4A7C15)
        self._epoch += 1
        return found

    def _tasks(self) -> Iterator[Any]:
        """What each batch consists of: a number, a list of numbers, a range, or None for the next of a stream."""
        if self._recipe.stream:
            return itertools.repeat(None)
        batches = self.batch_sampler
        if type(batches) is BatchSampler and type(batches.sampler) is SequentialSampler:
            stops = [*range(batches.batch_size, len(batches.sampler) + 1, batches.batch_size)]
            if len(stops) < len(batches):
                stops.append(len(batches.sampler))
            return (range(start, stop) for start, stop in zip([0, *stops], stops))
        return iter(self.sampler if batches is None else batches)  # type: ignore[arg-type]

    def _made_here(self, tasks: Iterator[Any]) -> Iterator[Any]:
        read = self._recipe.reader()
        for indices in tasks:
            try:
                batch = read(indices)
            except StreamEnd:
                return
            yield default_convert(batch)

    def _made_by_workers(self, tasks: Iterator[Any], seed: int) -> Iterator[Any]:
        pool = self._pool
        if pool is None or pool.busy or not pool.close.alive:
            context, ahead = self.multiprocessing_context, self.prefetch_factor or 2
            pool = Pool(self._recipe, self.num_workers, context, self.worker_init_fn, ahead, self.timeout)
            if self.persistent_workers and (self._pool is None or not self._pool.close.alive):
                self._pool = pool
        pool.busy = True
        failed = True
        try:
            for batch in pool.batches(tasks, seed):
                yield default_convert(batch)
            failed = False
        except GeneratorExit:
            failed = False
            raise
        finally:
            pool.busy = False
            if failed or pool is not self._pool:
                pool.close()


def _check_dataset(dataset: Any, stream: bool, own_order: bool) -> None:
    if not stream and not (hasattr(dataset, "__getitem__") and (own_order or hasattr(dataset, "__len__"))):
        raise ArgumentError(
            f"takes a dataset, not {type(dataset).__name__}",
            op="DataLoader",
            fix="give the class __len__ and __getitem__, make it an IterableDataset, or wrap arrays in TensorDataset",
        )


def _check_order(
    stream: bool, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    problem = fix = ""
    if stream and (shuffle or sampler is not None or batch_sampler is not None):
        problem, fix = (
            "a stream has an order of its own: no shuffle, sampler or batch_sampler",
            "shuffle in its __iter__",
        )
    elif sampler is not None and shuffle:
        problem, fix = "sampler and shuffle both say what the order is", "give one of them"
    elif batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        problem, fix = "batch_sampler says all that batch_size, shuffle, sampler and drop_last say", "give it alone"
    elif batch_size is None and drop_last:
        problem = "drop_last is about batches, and batch_size is None"
    if problem:
        raise ArgumentError(problem, op="DataLoader", fix=fix)
