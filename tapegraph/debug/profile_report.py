"""The report of a profile: tables by op, line, kernel or module, and Chrome's trace format."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ArgumentError
from engine.spans import Span
from tapegraph.debug.profile_rows import KEYS, Row, rows

if TYPE_CHECKING:
    from rich.table import Table

KEPT = 200_000  # spans; later ones are counted in no row, and the report says so
SHOWN = 25
WIDE = 42
HEADINGS = ("calls", "ms", "share", "forward", "backward", "MB", "Mflop", "GB/s", "Gflop/s")


class Profile:
    """What ``tg.debug.profile()`` measured; ``print`` it. ``wall``, ``overhead``, ``elsewhere``: seconds.

    ``overhead`` is what watching took, ``elsewhere`` what was spent outside of ops and kernels: in Python.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.wall = self.overhead = self.counted = 0.0
        self.lost = 0
        self._started = 0.0

    def add(self, span: Span, overhead: float) -> None:
        """Take a span."""
        if len(self.spans) < KEPT:
            self.spans.append(span)
        else:
            self.lost += 1
        self.overhead += overhead
        self.counted += span.seconds + overhead

    def add_overhead(self, seconds: float) -> None:
        """Take what watching took outside of spans."""
        self.overhead += seconds

    def close(self, started: float, ended: float) -> None:
        """The block has ended."""
        self._started, self.wall = started, ended - started

    @property
    def seconds(self) -> float:
        """All spans together."""
        return sum(span.seconds for span in self.spans if span.kind != "compile")

    @property
    def compiling(self) -> dict[str, float]:
        """Seconds that making versions of compiled functions took, by phase; they are in no table."""
        found: dict[str, float] = {}
        for span in self.spans:
            if span.kind == "compile":
                phase = span.name.rpartition(": ")[2]
                found[phase] = found.get(phase, 0.0) + span.seconds
        return found

    @property
    def elsewhere(self) -> float:
        """What was spent outside of ops and kernels, without the overhead."""
        return max(0.0, self.wall - self.seconds - self.overhead - sum(self.compiling.values()))

    def rows(self, by: str = "op") -> list[Row]:
        """The spans added up by "op", "line", "kernel" or "module". Raises ArgumentError for another word."""
        if by not in KEYS:
            raise ArgumentError(f"there is no table by {by!r}", op="Profile.table", fix=f"use one of {', '.join(KEYS)}")
        return rows([s for s in self.spans if s.kind != "compile"], by)

    def table(self, by: str = "op", limit: int = SHOWN) -> str:
        """A table as text: calls, milliseconds forward and backward, share, bytes, flops and their rates."""
        from rich.console import Console  # slow to import, and needed only where somebody looks

        out = io.StringIO()
        Console(file=out, width=128, force_jupyter=False).print(self._rich(by, limit))
        return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())

    def _rich(self, by: str, limit: int = SHOWN) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        found, total = self.rows(by), self.seconds or 1.0
        lines = [(row.name, _cells(row, total)) for row in found[:limit]]
        if rest := found[limit:]:
            seconds = sum(r.seconds for r in rest)
            lines.append((f"{len(rest)} more", ["", _short(seconds * 1e3), f"{seconds / total:.0%}", *[""] * 6]))
        footer = ["", _short(self.seconds * 1e3), *[""] * 7]
        table = Table(box=SIMPLE_HEAD, show_footer=True)
        table.add_column(by, f"{len(found)} row{'s' * (len(found) != 1)}", no_wrap=True)
        for number, heading in enumerate(HEADINGS):
            # Where it is narrow the names give way, never a number.
            width = max(len(cells[number]) for _, cells in [*lines, ("", [*HEADINGS])])
            table.add_column(heading, footer[number], justify="right", no_wrap=True, min_width=width)
        for name, cells in lines:
            table.add_row(escape(_fitted(name, by)), *cells)
        return table

    def __rich__(self) -> Any:
        from rich.console import Group

        return Group(self._rich("op"), self._rich("line"), self.summary)

    @property
    def summary(self) -> str:
        """The block in one sentence."""
        lost = f"; {self.lost} later spans are not counted" if self.lost else ""
        made = ", ".join(f"{phase} {seconds * 1e3:.1f}" for phase, seconds in self.compiling.items())
        compiling = f"{sum(self.compiling.values()) * 1e3:.1f} compiling ({made}), " if made else ""
        return (
            f"{self.wall * 1e3:.3f} ms in the block: {self.seconds * 1e3:.3f} in ops and kernels, {compiling}"
            f"{self.elsewhere * 1e3:.3f} elsewhere in Python, {self.overhead * 1e3:.3f} taken by the watching{lost}"
        )

    def __str__(self) -> str:
        return f"{self.table('op')}\n\n{self.table('line')}\n\n{self.summary}"

    def _repr_html_(self) -> str:
        from rich.console import Console

        console = Console(record=True, file=io.StringIO(), width=128, force_jupyter=False, highlight=False)
        console.print(self)
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")

    def to_json(self) -> dict[str, Any]:
        """Summary and tables as what json can write: seconds, bytes and flops as numbers."""
        tables = {
            by: [
                {
                    "name": row.name,
                    "calls": row.calls,
                    "seconds": row.seconds,
                    "forward": row.forward,
                    "backward": row.backward,
                    "bytes": row.bytes,
                    "flops": row.flops,
                }
                for row in self.rows(by)
            ]
            for by in KEYS
        }
        return {"wall": self.wall, "elsewhere": self.elsewhere, "overhead": self.overhead, "tables": tables}

    def chrome_trace(self, path: str | os.PathLike[str]) -> Path:
        """Write all spans in the Trace Event Format, which Perfetto and chrome://tracing open; returns the path.

        Source: "Trace Event Format" (Duffy, Sinclair, Carlson), complete events ("ph": "X"), times in microseconds.
        """
        events: list[dict[str, Any]] = [
            {"name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": "tapegraph"}}
        ]
        threads = {thread: number for number, thread in enumerate(dict.fromkeys(s.thread for s in self.spans), 1)}
        for thread, number in threads.items():
            events.append(
                {"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": f"thread {thread}"}}
            )
        for span in self.spans:
            lines = dict.fromkeys(f"{p.address}: {p.text.strip()}" for s in span.shares[:8] if (p := s.place))
            events.append(
                {
                    "name": span.name,
                    "cat": span.kind + (",backward" if any(s.backward for s in span.shares) else ""),
                    "ph": "X",
                    "ts": max(0.0, (span.start - self._started) * 1e6),
                    "dur": span.seconds * 1e6,
                    "pid": 1,
                    "tid": threads[span.thread],
                    "args": {
                        "lines": list(lines),
                        "flops": sum(s.work.flops for s in span.shares),
                        "bytes": sum(s.work.bytes for s in span.shares),
                    },
                }
            )
        written = Path(path)
        written.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))
        return written


def _cells(row: Row, total: float) -> list[str]:
    moved, done = row.bytes, row.flops
    seconds = row.seconds or 1e-12
    return [
        str(row.calls),
        _short(row.seconds * 1e3),
        f"{row.seconds / total:.0%}",
        _short(row.forward * 1e3),
        _short(row.backward * 1e3),
        _short(moved / 1e6) if moved else "",
        _short(done / 1e6) if done else "",
        _short(moved / seconds / 1e9) if moved else "",
        _short(done / seconds / 1e9) if done else "",
    ]


def _short(x: float) -> str:
    """Three digits, and no exponent where it can be helped."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}" if x >= 0.001 or not x else f"{x:.0e}"


def _fitted(name: str, by: str) -> str:
    """A name as a table shows it: files without their folders, the end left out where it is long."""
    if by == "line":
        name = name.replace("\\", "/")
        place, _, text = name.partition(": ")
        name = f"{place.rpartition('/')[2]}: {text}"
    return name if len(name) <= WIDE else name[: WIDE - 1] + "…"
