"""A comparison as tables for the terminal."""

from __future__ import annotations

import io
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tapegraph.comparison.figures import Comparison, Mistake, Start, Verdict
from tapegraph.comparison.units import duration, size, span

SPLIT = 116  # columns from which the two modes' messages stand side by side
KEEP = 9  # lines of a message


def as_text(found: Comparison, width: int = 100) -> str:
    """The report without colours."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_jupyter=False).print(report(found))
    return out.getvalue().rstrip()


def report(found: Comparison) -> RenderableType:
    """Everything: agreement first, then speed, what compiling costs, and the planted mistakes."""
    parts: list[RenderableType] = [_agreement(found), Text(), *_speed(found), Text(), *_costs(found)]
    if found.mistakes:
        parts += [Text("What each mode says when the program is wrong", style="bold"), *map(_mistake, found.mistakes)]
    return Group(*parts)


def _agreement(found: Comparison) -> RenderableType:
    a = found.agreement
    after = f"after {a.calls:,} calls"
    if not a.ok:
        return Panel(
            Text.assemble(
                ("THE MODES DISAGREE.", "bold red"),
                f" Largest difference of results and states after the first call {a.first_call:.2g}, of parameters {after} "
                f"{a.parameters:.2g}; allowed is {a.tolerance:.0e}. Two static runs that start one last bit apart "
                f"differ by {a.control:.2g}. Figures of speed below compare different computations.",
            ),
            border_style="red",
        )
    if a.close:
        text = (
            f" largest difference of parameters {after}: {a.parameters:.2g} (allowed {a.tolerance:.0e}; "
            f"one last bit changed at the start makes {a.control:.2g})"
        )
        return Text.assemble(("Both modes agree:", "bold green"), text)
    text = (
        f" the first call differs by {a.first_call:.2g}, but {after} parameters differ by {a.parameters:.2g}. "
        f"So do two static runs that start one last bit apart ({a.control:.2g}): this training enlarges rounding."
    )
    return Text.assemble(("Both modes agree at first:", "bold yellow"), text)


def _speed(found: Comparison) -> list[RenderableType]:
    eager, static = found.modes["eager"], found.modes["static"]
    title = f"{found.title}: {eager.samples} sample{'s' * (eager.samples != 1)} a call, {eager.calls:,} timed calls in each mode, by turns"
    table = _table()
    for heading in ("eager", "static"):
        table.add_column(heading, justify="right")
    table.add_column("", justify="right", style="bold")

    def row(label: str, show: Any, ratio: str = "") -> None:
        table.add_row(label, show(eager), show(static), ratio)

    row("time of a call, median", lambda s: duration(s.median), f"{found.speedup:.1f}x faster")
    row("  middle half", lambda s: span(s.low, s.high))
    row("  middle nine tenths", lambda s: span(s.p5, s.p95))
    row("samples per second", lambda s: f"{s.samples_per_second:,.0f}")
    less = eager.peak_bytes / max(1, static.peak_bytes)
    row("peak memory of a call", lambda s: size(s.peak_bytes), f"{less:.1f}x less" if less >= 1.05 else "")
    if eager.score is not None and static.score is not None:
        row(found.score_name, lambda s: f"{s.score:.4f}", "equal" if eager.score == static.score else "")
    pinned = f"BLAS threads: {found.threads}" if found.threads else "BLAS threads could not be set"
    note = f"{pinned}. Memory: what Python and NumPy allocate (tracemalloc), and in static mode the arena beside it."
    return [Text(title, style="bold"), table, Text(note, style="dim")]


def _costs(found: Comparison) -> list[RenderableType]:
    once = f"{found.versions} version{'s' * (found.versions != 1)} compiled for {found.steps:,} calls"
    table = _table()
    for start in found.starts:
        table.add_column(start.name, justify="right")

    def row(label: str, show: Any) -> None:
        table.add_row(label, *(show(start) for start in found.starts))

    for stage in found.starts[0].seconds:
        row(
            "load kernels, else compile" if stage == "compile" else stage,
            lambda s, stage=stage: duration(s.seconds.get(stage, 0.0)),
        )
    row("all of it", lambda s: duration(s.compiling))
    row(
        "kernels compiled / reused",
        lambda s: f"{s.kernels['compiled']} / {s.kernels['disk'] + s.kernels['shared']}",
    )
    row("first result, after imports", lambda s: duration(s.first_call))
    if any(s.imports is not None for s in found.starts):
        row("start of Python and imports", _imports)
    row("calls to break even", lambda s: _calls(found.break_even(s)))
    return [Text(f"What compiling costs, and when it has paid: {once}", style="bold"), table]


def _imports(start: Start) -> str:
    if start.imports is None:
        return ""
    return duration(start.imports) + (" (with numba)" if start.imported_numba else "")


def _calls(number: int | None) -> str:
    return "never" if number is None else f"{number:,}"


def _mistake(mistake: Mistake) -> RenderableType:
    lead = mistake.text.index(mistake.expression)
    head = Text.assemble(
        (f"{mistake.title}\n", "bold"),
        (f"{mistake.file}:{mistake.line}  ", "dim"),
        mistake.text[:lead],
        (mistake.expression, "underline red"),
        mistake.text[lead + len(mistake.expression) :],
    )
    verdicts = list(mistake.verdicts.values())
    messages = {v.message for v in verdicts}
    if len(messages) == 1:
        both = Group(
            Text.assemble((f"{' and '.join(mistake.verdicts)} say the same: ", "bold"), *_named(verdicts[0])),
            _said(verdicts[0]),
        )
        return Panel(Group(head, Text(), both), border_style="dim")
    return Panel(Group(head, Text(), _SideBySide(verdicts)), border_style="dim")


class _SideBySide:
    """The verdicts next to each other where the screen is wide enough, else one below the other."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        self.verdicts = verdicts

    def __rich_console__(self, console: Console, options: Any) -> Any:
        boxes = [Group(Text.assemble((f"{v.mode}: ", "bold"), *_named(v)), _said(v)) for v in self.verdicts]
        if options.max_width < SPLIT - 4:
            yield Group(boxes[0], Text(), *boxes[1:])
            return
        table = Table.grid(expand=True, padding=(0, 2))
        for _ in boxes:
            table.add_column(ratio=1)
        table.add_row(*boxes)
        yield table


def _named(verdict: Verdict) -> list[tuple[str, str]]:
    if verdict.error is None:
        return [("said nothing", "bold red")]
    found = f"{verdict.error}, "
    if verdict.named_line and verdict.named_expression:
        return [(found, "red"), ("line and expression named", "green")]
    if verdict.named_line:
        return [(found, "red"), ("line named, expression not", "yellow")]
    return [(found, "red"), ("neither line nor expression named", "bold yellow")]


def _said(verdict: Verdict) -> RenderableType:
    lines = verdict.message.splitlines()
    fix = [line for line in lines if line.startswith("  fix:")]
    kept = [line for line in lines if line not in fix]
    if len(kept) > KEEP - len(fix):
        kept = [*kept[: KEEP - len(fix) - 1], "  ..."]
    # Prose is wrapped; source lines and the carets under them would lose each other.
    return Group(*(Text(x, no_wrap=x.startswith("     "), overflow="ellipsis") for x in [*kept, *fix]))


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    return table
