"""The life of a worker process: it reads tasks, makes their batches, sends them, and never outlives its parent.

One thread takes tasks from the pipe, so that the parent can always hand over more, and sees when the parent lets go of the
pipe or dies; one thread sends, so that the next batch is made meanwhile; the main thread does the work.
"""

from __future__ import annotations

import contextvars
import os
import queue
import random
import signal
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from engine.ops.random import manual_seed
from tapegraph.data.fetch import Recipe, StreamEnd
from tapegraph.data.messages import packed, packed_error, receive, send
from tapegraph.data.worker_info import WorkerInfo, set_worker_info

GRACE = 2.0  # seconds a worker has to finish the sample at hand once nobody waits for it
# The parent's ends of all pipes. A forked child inherits them, and must let go for the others to see the pipes close.
parents_ends: weakref.WeakSet[Connection] = weakref.WeakSet()


@dataclass(frozen=True)
class Job:
    """What a worker is told when it starts."""

    id: int
    num_workers: int
    recipe: Recipe
    init: Callable[[int], Any] | None


def main(job: Job, tasks: Connection, results: Connection) -> None:
    """The worker process, in a context of its own: a mode or generator set in the parent's thread does not leak in."""
    for end in list(parents_ends):
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the parent, which lets go of the pipes
    contextvars.Context().run(_Worker(job, tasks, results).run)


class _Worker:
    def __init__(self, job: Job, tasks: Connection, results: Connection) -> None:
        self.job = job
        self.tasks = tasks
        self.results = results
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.finished = threading.Event()
        self.epoch = 0  # the latest the parent spoke of; tasks of earlier ones are not wanted any more
        self.failed: Any = None  # what went wrong before the first batch of the epoch

    def run(self) -> None:
        threading.Thread(target=self._take, daemon=True).start()
        sender = threading.Thread(target=self._give, daemon=True)
        sender.start()
        read: Any = None
        info: WorkerInfo | None = None
        while (task := self.inbox.get()) is not None:
            epoch, indices, seed = task
            if seed is not None:
                try:
                    read, info = self._begin(seed, info)
                except BaseException as error:
                    self.failed = packed_error(error)
            elif epoch == self.epoch:
                self.outbox.put(self._answer(epoch, read, indices))
        self.outbox.put(None)
        sender.join()
        self.finished.set()

    def _begin(self, seed: int, info: WorkerInfo | None) -> tuple[Any, WorkerInfo]:
        """Start an epoch: seed the generators that programs commonly draw from, and on the first one run the user's init."""
        job, self.failed = self.job, None
        first = info is None
        if info is None:
            info = WorkerInfo(job.id, job.num_workers, seed, job.recipe.dataset)
            set_worker_info(info)
        info.seed = seed
        random.seed(seed)
        np.random.seed(seed % 2**32)
        manual_seed(seed)
        if first and job.init is not None:
            job.init(job.id)
        return job.recipe.reader(), info

    def _answer(self, epoch: int, read: Any, indices: Any) -> list[Any]:
        if self.failed is not None:
            return packed((epoch, "error", self.failed))
        try:
            batch = read(indices)
        except StreamEnd:
            return packed((epoch, "end", None))
        except BaseException as error:
            return packed((epoch, "error", packed_error(error)))
        try:
            return packed((epoch, "batch", batch))
        except Exception as error:
            error.add_note("  while sending a batch to the parent: it must be made of what pickle knows")
            return packed((epoch, "error", packed_error(error)))

    def _take(self) -> None:
        try:
            while True:
                task = receive(self.tasks)
                self.epoch = task[0]
                self.inbox.put(task)
        except (EOFError, OSError):  # the parent let go, or is no more
            self.epoch = -1
            self.inbox.put(None)
            if not self.finished.wait(GRACE):
                os._exit(1)

    def _give(self) -> None:
        try:
            while (parts := self.outbox.get()) is not None:
                send(self.results, parts)
        except OSError:  # nobody listens
            pass
