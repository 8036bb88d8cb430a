"""The worker processes of a DataLoader, seen from the parent: tasks are dealt in turn, batches taken in the same order.

Processes, not threads: reading a sample is Python more than NumPy, and threads share one interpreter lock with the training
loop (CPython 3.11 to 3.13). The price is a start (a few ms with fork, an import of the package with spawn) and a copy of each
batch through a pipe. The parent runs no thread of its own, so that forking it stays safe. Batch n is made by worker n mod N,
and read from that worker's pipe, which is all it takes to keep the order.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import weakref
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any

from engine.errors import ArgumentError
from tapegraph.data import worker
from tapegraph.data.fetch import Recipe
from tapegraph.data.messages import WorkerError, packed, receive, send, unpacked_error


class _Member:
    """One worker process and the parent's ends of its pipes."""

    def __init__(self, job: worker.Job, context: Any) -> None:
        read_tasks, self.tasks = context.Pipe(duplex=False)
        self.results, write_results = context.Pipe(duplex=False)
        worker.parents_ends.update((self.tasks, self.results))
        self.id = job.id
        self.process = context.Process(
            target=worker.main, args=(job, read_tasks, write_results), name=f"DataLoader worker {job.id}", daemon=True
        )
        try:
            self.process.start()
        except BaseException:
            self.tasks.close()
            self.results.close()
            raise
        finally:
            read_tasks.close()
            write_results.close()

    def tell(self, epoch: int, indices: Any = None, seed: int | None = None) -> None:
        with contextlib.suppress(OSError):  # it is gone, which taking its next batch will tell
            send(self.tasks, packed((epoch, indices, seed)))


class Pool:
    """Worker processes that make batches by a recipe, until ``close`` is called or the pool is forgotten."""

    def __init__(self, recipe: Recipe, count: int, context: Any, init: Any, prefetch: int, timeout: float) -> None:
        self.busy = False
        self._epoch = 0
        self._prefetch = prefetch
        self._timeout = timeout
        self._members: list[_Member] = []
        self.close = weakref.finalize(self, _close, self._members, os.getpid())
        chosen = context if hasattr(context, "Process") else multiprocessing.get_context(context)
        try:
            for i in range(count):
                self._members.append(_Member(worker.Job(i, count, recipe, init), chosen))
        except Exception as error:
            self.close()
            if chosen.get_start_method() == "fork" or not _about_pickling(error):
                raise
            raise ArgumentError(
                f"what the workers need cannot be sent to them: {error}",
                op="DataLoader",
                fix="define dataset, collate_fn and worker_init_fn at the top of a module, not in a function, "
                "or take multiprocessing_context='fork' where the system has it",
            ) from error

    def batches(self, tasks: Iterator[Any], seed: int) -> Iterator[Any]:
        """The batches of the tasks, in their order; ``seed`` plus its number seeds each worker's generators."""
        self._epoch += 1
        pending: deque[tuple[_Member, Any]] = deque()
        for member in self._members:
            member.tell(self._epoch, seed=(seed + member.id) % 2**64)
        for member in self._members * self._prefetch:
            self._deal(member, tasks, pending)
        while pending:
            member, indices = pending.popleft()
            kind, content = self._take(member, indices)
            if kind == "error":
                error = unpacked_error(*content)
                error.add_note(
                    f"  in DataLoader worker {member.id} of {len(self._members)} (process {member.process.pid})"
                )
                raise error
            if kind == "batch":  # the other kind is "end": its stream is read, it gets no further task
                self._deal(member, tasks, pending)
                yield content

    def _deal(self, member: _Member, tasks: Iterator[Any], pending: deque[tuple[_Member, Any]]) -> None:
        for indices in tasks:
            member.tell(self._epoch, indices)
            pending.append((member, indices))
            break

    def _take(self, member: _Member, indices: Any) -> tuple[str, Any]:
        """The next answer of this epoch; raises WorkerError if the worker died, TimeoutError if it takes too long."""
        deadline = time.monotonic() + self._timeout if self._timeout else None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = wait([member.results, member.process.sentinel], left)
            if not ready:
                raise TimeoutError(
                    f"DataLoader worker {member.id} made no batch in {self._timeout} s{_of(indices)} (process {member.process.pid})"
                )
            if member.results not in ready:
                raise self._died(member, indices)
            try:
                epoch, kind, content = receive(member.results)
            except (EOFError, OSError) as gone:
                raise self._died(member, indices) from gone
            if epoch == self._epoch:
                return kind, content

    def _died(self, member: _Member, indices: Any) -> WorkerError:
        member.process.join(worker.GRACE)
        code = member.process.exitcode
        how = f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with exit code {code}"
        hint = ""
        if code == -9:
            hint = "; the system kills a process so when memory runs out"
        elif code == 1 and self._epoch == 1:
            hint = (
                "; a script that starts workers with spawn needs its `if __name__ == '__main__':`, see the output above"
            )
        return WorkerError(
            f"DataLoader worker {member.id} (process {member.process.pid}) died {how}{_of(indices)}{hint}"
        )


def _of(indices: Any) -> str:
    return (
        ""
        if indices is None
        else f" on the batch of items {str(list(indices) if hasattr(indices, '__iter__') else indices)[:60]}"
    )


def _about_pickling(error: Exception) -> bool:
    return "pickle" in f"{type(error).__name__} {error}".lower()


def _close(members: list[_Member], owner: int) -> None:
    """Let go of the pipes, wait for the processes, and end those that do not hear."""
    if os.getpid() != owner:
        return
    for member in members:
        member.tasks.close()
        member.results.close()
    deadline = time.monotonic() + worker.GRACE + 0.5
    for member in members:
        member.process.join(max(0.0, deadline - time.monotonic()))
        if member.process.is_alive():
            member.process.kill()
            member.process.join()
        member.process.close()
    members.clear()
