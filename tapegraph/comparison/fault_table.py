"""Faults for the terminal: what each mode said to each, how good that is in all, and some messages in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tapegraph.comparison.faults import Fault, FaultVerdict, tally
from tapegraph.comparison.tables import bare_table, heading
from tapegraph.comparison.units import duration, plural
from tapegraph.visual.palette import TERMINAL

SPLIT = 116  # columns from which messages stand side by side
KEEP = 9  # lines of a message
NOTABLE = 10  # points by which modes differ
WHOLE = 2  # faults that are shown with their messages
COLOURS = {"raised": "green", "warned": "yellow", "silent": "bold red", "allowed": "dim"}


def fault_tables(faults: list[Fault]) -> Iterator[RenderableType]:
    """A table of the faults, one of what the answers are worth, and the messages of the most telling faults."""
    yield heading(f"{plural(len(faults), 'expression')} made wrong, one at a time: what is said, points of 100")
    yield _faults(faults)
    yield _tally(faults)
    for fault in telling(faults):
        yield _whole(fault)


def _names(faults: list[Fault]) -> list[str]:
    return list(dict.fromkeys(name for fault in faults for name in fault.verdicts))


def _faults(faults: list[Fault]) -> Table:
    table = bare_table(*_names(faults), first="the wrong expression")
    for column in table.columns[1:]:
        column.no_wrap = True  # where it is narrow, the expression gives way
    for fault in faults:
        file = fault.file.replace("\\", "/").rpartition("/")[2]
        label = Text.assemble((f"{file}:{fault.line}  ", "dim"), fault.expression)
        label.no_wrap, label.overflow = True, "ellipsis"
        table.add_row(label, *(_cell(fault.verdicts.get(name)) for name in _names(faults)))
    return table


def _cell(said: FaultVerdict | None) -> Text:
    return Text("") if said is None else Text(f"{said.found} {said.points:3.0f}", style=COLOURS[said.found])


def _tally(faults: list[Fault]) -> Table:
    found = tally(faults)
    table = bare_table(*found, first="of those that are a mistake there")

    def row(label: str, show: Any) -> None:
        table.add_row(label, *(show(one) for one in found.values()))

    row("noticed", lambda t: f"{t.noticed} of {t.tried}")
    row("the wrong line is named", lambda t: f"{t.line} of {t.tried}")
    row("its expression is marked", lambda t: f"{t.expression} of {t.tried}")
    row("operands are at hand as arrays", lambda t: f"{t.values:.2g} of {t.tried}")
    row("lines to read, median", lambda t: "" if t.lines is None else f"{t.lines:.0f}")
    row("until it is said, median", lambda t: "" if t.seconds is None else duration(t.seconds))
    row("points of 100, mean of all", lambda t: f"{t.points:.0f}")
    return table


def telling(faults: list[Fault]) -> list[Fault]:
    """The faults whose messages are worth reading in full: where the modes differ most, and the best of each sort."""

    def apart(fault: Fault) -> float:
        points = [said.points for said in fault.verdicts.values()]
        return max(points) - min(points)

    def best(found: str) -> list[Fault]:
        same = [f for f in faults if all(said.found == found for said in f.verdicts.values())]
        return sorted(same, key=lambda f: -min(said.points for said in f.verdicts.values()))[:1]

    differing = [f for f in faults if apart(f) >= NOTABLE and any(said.message for said in f.verdicts.values())]
    wanted = [*sorted(differing, key=apart, reverse=True)[:1], *best("raised"), *best("warned")]
    chosen = [id(f) for f in wanted][:WHOLE]
    return [f for f in faults if id(f) in chosen]


def _whole(fault: Fault) -> RenderableType:
    lead = len(fault.after) - len(fault.after.lstrip())
    head = Text.assemble(
        (f"{fault.title}\n", "bold"),
        (f"{fault.file}:{fault.line}\n", "dim"),
        f"- {fault.before.strip()}\n",
        f"+ {fault.after[lead : fault.column]}",
        (fault.expression, "underline red"),
        fault.after[fault.end_column :],
    )
    voices: dict[tuple[str, str], list[str]] = {}
    for name, said in fault.verdicts.items():
        voices.setdefault((said.found, said.message), []).append(name)
    boxes = [_voice(names, fault.verdicts[names[0]]) for names in voices.values()]
    return Panel(Group(head, Text(), _SideBySide(boxes)), border_style="dim")


def _voice(names: list[str], said: FaultVerdict) -> RenderableType:
    first = Text.assemble(
        (" and ".join(names), f"bold {TERMINAL.get(names[0], '') if len(names) == 1 else ''}".strip())
    )
    if said.found in ("silent", "allowed"):
        words = "nothing is said" if said.found == "silent" else "no mistake here: the program computes the same"
        return Group(Text.assemble(first, f": {words}"), *([Text(said.message)] if said.message else []))
    named = "line and expression named" if said.expression else "line named" if said.line else "the line is not named"
    first = Text.assemble(first, f": {said.error}, {named}")
    lines = said.message.splitlines()
    at = next((number for number, line in enumerate(lines) if line.startswith("  fix:")), len(lines))
    kept, fix = lines[:at], lines[at:]
    if len(lines) > KEEP:
        kept = [*kept[: max(1, KEEP - len(fix) - 1)], "  ..."]
    return Group(first, *(Text(line) for line in [*kept, *fix]))


class _SideBySide:
    """What is said, next to each other where the screen is wide enough, else one below the other."""

    def __init__(self, boxes: list[RenderableType]) -> None:
        self.boxes = boxes

    def __rich_console__(self, console: Console, options: Any) -> Iterator[RenderableType]:
        if options.max_width < SPLIT - 4 or len(self.boxes) < 2:
            for number, box in enumerate(self.boxes):
                yield from (Text(), box) if number else (box,)
            return
        table = Table.grid(expand=True, padding=(0, 2))
        for _ in self.boxes:
            table.add_column(ratio=1)
        table.add_row(*self.boxes)
        yield table
