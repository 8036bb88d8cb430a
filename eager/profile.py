"""A stopwatch on each op: calls and seconds, forward and backward."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eager.hooks import Event, hooks


@dataclass
class Row:
    """Calls of one op and the seconds they took together."""

    calls: int = 0
    seconds: float = 0.0


class Timer:
    """Calls and seconds by op name. A backward step counts as a whole, under "backward of" its op."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._inside = False

    @property
    def seconds(self) -> float:
        """All of them together."""
        return sum(row.seconds for row in self.rows.values())

    def before(self, event: Event) -> None:
        event.started = time.perf_counter()

    def after(self, event: Event) -> None:
        if not self._inside:
            self._add(event.op.name, event)

    def before_backward(self, event: Event) -> None:
        self._inside = True
        event.started = time.perf_counter()

    def after_backward(self, event: Event) -> None:
        self._inside = False
        self._add(f"backward of {event.op.name}", event)

    def _add(self, name: str, event: Event) -> None:
        row = self.rows.setdefault(name, Row())
        row.calls += 1
        row.seconds += time.perf_counter() - event.started

    def __str__(self) -> str:
        from rich.console import Console  # costs 40 ms to import, so only when a table is wanted
        from rich.table import Table

        table = Table("op")
        for heading in ("calls", "ms", "µs per call", "share"):
            table.add_column(heading, justify="right")
        total = self.seconds or 1.0
        for name, row in sorted(self.rows.items(), key=lambda item: -item[1].seconds):
            table.add_row(
                name,
                str(row.calls),
                f"{row.seconds * 1e3:.3f}",
                f"{row.seconds / row.calls * 1e6:.1f}",
                f"{row.seconds / total:.0%}",
            )
        out = io.StringIO()
        Console(file=out, width=100).print(table)
        return out.getvalue().rstrip()


@contextmanager
def timer() -> Iterator[Timer]:
    """Time each eager op inside the block: ``with timer() as t: ...``, then ``print(t)``.

    Seconds include what other hooks do in between; the watching itself costs about 10 µs an op.
    """
    watch = Timer()
    with hooks(watch.before, watch.after, watch.before_backward, watch.after_backward):
        yield watch
