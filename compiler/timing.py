"""Timing: the rows of a program's table run one by one, each with a stopwatch, instead of all in one native walk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any

from compiler.control import Turn, native
from compiler.runtime import Program
from compiler.step import Step
from engine.record import Record
from engine.sizes import Size, evaluate
from engine.spans import Share, Sink, Span
from engine.work import Work, work


class Timed:
    """A program whose rows are timed until ``remove``. Callbacks into Python are rows too."""

    def __init__(self, program: Program, sink: Sink) -> None:
        self.program, self.sink = program, sink
        self.runner, program.runner = program.runner, self.run
        self.call_back, program.call_back = program.call_back, self.called_back  # type: ignore[method-assign]
        self._known: dict[tuple[int, int], list[tuple[int, int, str, tuple[Share, ...]]]] = {}

    def remove(self) -> None:
        """Run as before."""
        self.program.runner = self.runner
        del self.program.call_back

    def run(self, table: int, first: int, last: int) -> int:
        """Walk these rows of a table, each alone; the first bad status ends it, as in the driver."""
        clock, thread = time.perf_counter, get_ident()
        entered = clock()
        took = 0.0
        for begin, end, name, shares in self._rows(table, first, last):
            start = clock()
            status = self.runner(table, begin, end)
            seconds = clock() - start
            took += seconds
            self.sink.add(Span(name, "kernel", start, seconds, thread, shares), 0.0)
            if status:
                return int(status)
        self.sink.add_overhead(clock() - entered - took)
        return 0

    def called_back(self, step: Any, instance: Any, inputs: Any, outputs: Any) -> None:
        """Run a callback, timed."""
        start = time.perf_counter()
        self.call_back(step, instance, inputs, outputs)
        seconds = time.perf_counter() - start
        shares = tuple(_shares([step], instance.sizes))
        self.sink.add(Span(f"{step.record.op.name} in NumPy", "kernel", start, seconds, get_ident(), shares), 0.0)

    def _rows(self, table: int, first: int, last: int) -> list[tuple[int, int, str, tuple[Share, ...]]]:
        """(first row, row behind, name, shares) of what runs as one: a row, or several that threads share."""
        found = self._known.get((table, first))
        if found is not None:
            return found
        instance = next(i for i in self.program.instances.values() if i.table == table)
        form, words = self.program.form, instance.words
        together = {
            (s.row - form.rows_at) // 2: s.count
            for s in form.shareable
            if words[s.row + 1] == words.ctypes.data + 8 * s.job
        }
        steps = [s for s in self.program.plan.steps if native(s)]
        found, row = [], first
        while row < last:
            end = row + together.get(row, 1)
            shares = tuple(_shares(steps[row:end], instance.sizes))
            found.append((row, end, _name(steps[row:end]), shares))
            row = end
        self._known[table, first] = found
        return found


def _name(steps: Sequence[Any]) -> str:
    names = list(dict.fromkeys(r.op.name for s in steps for r in s.records))
    return " ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _shares(steps: Sequence[Any], sizes: Mapping[str, int]) -> Iterator[Share]:
    """Each op of some steps with its part of their time, by estimated effort."""
    found = list(_works(steps, sizes, 1))
    total = sum(w.effort for _, w in found)
    for record, done in found:
        part = done.effort / total if total else 1 / len(found)
        yield Share(record.op.name, record.origin, part, done, record)


def _works(steps: Sequence[Any], sizes: Mapping[str, int], times: int) -> Iterator[tuple[Record, Work]]:
    for step in steps:
        if isinstance(step, Turn):
            limit = evaluate(step.limit, sizes)
            for part in step.parts:
                yield from _works(part.steps, sizes, times * max(1, limit))
            if not any(part.steps for part in step.parts):
                yield step.record, Work(0, 0, 0)
        else:
            inside = set(step.records)
            stored = step.stored if isinstance(step, Step) else inside
            for record in step.records:
                flops, effort, _ = record_work(record, sizes)
                # What stays inside a fused kernel is not moved.
                moved = sum(record_bytes(a, sizes) for a in record.args if type(a) is Record and a not in inside)
                moved += record_bytes(record, sizes) if record in stored else 0
                yield record, Work(flops * times, (effort + moved // 8) * times, moved * times)


def _shape(shape: Sequence[Size], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(n, sizes) for n in shape)


def record_work(record: Record, sizes: Mapping[str, int]) -> Work:
    """The work of a node of a graph for these numbers behind its named sizes."""
    operands = [a for a in record.args if type(a) is Record and not a.op.many]
    results = record.shape if record.op.many else [record.shape]
    itemsize = (record.dtype[0] if record.op.many else record.dtype).itemsize  # type: ignore[index]
    return work(
        record.op,
        [_shape(a.shape, sizes) for a in operands],
        [a.dtype.itemsize for a in operands],
        [_shape(s, sizes) for s in results],  # type: ignore[arg-type]
        itemsize,
    )


def record_bytes(record: Record, sizes: Mapping[str, int]) -> int:
    """The bytes of a node's value; none of an op with several results, each of which is a node of its own."""
    if record.op.many:
        return 0
    count = 1
    for n in _shape(record.shape, sizes):
        count *= n
    return count * record.dtype.itemsize
