"""What a dataset can know of the worker process it is read in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class WorkerInfo:
    """A worker process of a DataLoader: its number, of how many, the seed of its generators, its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    asked: bool = field(default=False, repr=False)  # whether the dataset looked, and so divides its stream itself


_current: WorkerInfo | None = None


def get_worker_info(*, asks: bool = True) -> WorkerInfo | None:
    """The worker that this process is, None in a process that is none.

    A stream that calls it is taken to divide itself among the workers; ``asks=False`` looks without that promise.
    """
    if _current is not None and asks:
        _current.asked = True
    return _current


def set_worker_info(info: WorkerInfo) -> None:
    """Say which worker this process is."""
    global _current
    _current = info
