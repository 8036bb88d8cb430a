"""Datasets and functions at the top of a module, which worker processes started by spawn can be sent."""

import os
import random
import signal
import time

import numpy as np

from tapegraph import data


class Squares(data.Dataset):
    """Sample i is {"x": [i, i], "y": i * i, "z": i / 2, "name": str(i)}."""

    def __init__(self, n=11):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return {"x": np.full(2, i, np.float32), "y": i * i, "z": i / 2, "name": str(i)}


class Uneven(data.Dataset):
    """Earlier samples take longer, so that workers finish out of order; sample i is i."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        time.sleep(0.02 if i % 4 == 0 else 0)
        return i


class Broken(data.Dataset):
    """Item 7 raises what ``make`` makes."""

    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 20

    def __getitem__(self, i):
        if i == 7:
            raise self.make()
        return i


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def key_error():
    return KeyError("no such file")


def unpicklable():
    return Unpicklable("strange", lambda: 0)


def stop():
    return StopIteration("too far")


class Ragged(data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return np.ones(1 + i // 3)


class Dies(data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


class Slow(data.Dataset):
    def __init__(self, seconds, slow=0):
        self.seconds, self.slow = seconds, slow

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i >= self.slow:
            time.sleep(self.seconds)
        return i


class Identity(data.Dataset):
    """Sample i is (i, process id, whether numpy's and Python's generators give the same numbers as another process)."""

    def __len__(self):
        return 8

    def __getitem__(self, i):
        return np.int64(i), os.getpid(), np.random.rand(), random.random()


class Large(data.Dataset):
    """Samples far larger than the buffer of a pipe."""

    def __len__(self):
        return 16

    def __getitem__(self, i):
        return np.full((300, 300), i, np.float32)


class Numbered(data.Dataset):
    """As many samples as wanted, sample i is i."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i


class Worker(data.Dataset):
    """What get_worker_info says, and the environment that worker_init_fn set."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        info = data.get_worker_info()
        return info.id, info.num_workers, info.dataset is self, os.environ.get("TAPEGRAPH_TEST_WORKER", "none")


def mark_worker(number):
    os.environ["TAPEGRAPH_TEST_WORKER"] = f"worker {number}"


def fail_at_start(number):
    raise OSError(f"worker {number} finds no disk")


class Stream(data.IterableDataset):
    """0, 1, ... read whole by whoever reads it."""

    def __init__(self, n=11):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


class Sharded(data.IterableDataset):
    """0..10 divided among the workers as in PyTorch's documentation."""

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(11)) if info is None else iter(range(info.id, 11, info.num_workers))


class BrokenStream(data.IterableDataset):
    def __iter__(self):
        yield from range(5)
        raise KeyError("torn")


def with_lambda(samples):
    return lambda: samples
