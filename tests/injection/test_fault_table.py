"""Faults as tables: what is counted, and what a terminal of 80 columns shows."""

from __future__ import annotations

import io

from rich.console import Console

from tapegraph.comparison.fault_table import fault_tables, telling
from tapegraph.comparison.faults import Fault, FaultVerdict, tally


def fault(kind, after, column, end_column, **verdicts):
    return Fault(kind, f"a {kind}", "model.py", 7, "step", "    y = x @ w", after, column, end_column, verdicts)


SAID = FaultVerdict(
    "raised",
    "ShapeError",
    "matmul: sizes do not fit\n  at model.py:7\n  fix: transpose",
    "",
    True,
    1,
    True,
    1.0,
    9,
    0.01,
    99,
)
SILENT = FaultVerdict("silent")
ALLOWED = FaultVerdict("allowed", points=100.0)
FAULTS = [
    fault("shape", "    y = x[..., :-1] @ w", 8, 23, eager=SAID, static=SAID),
    fault("branch", "    y = (x if x.max() > 0 else -x) @ w", 14, 25, eager=ALLOWED, static=SAID),
    fault("step", "    y = x @ w", 8, 13, eager=SILENT, static=SILENT),
]


def test_what_is_allowed_is_no_mistake_to_notice():
    found = tally(FAULTS)
    eager, static = found["eager"], found["static"]
    assert (eager.tried, eager.allowed, eager.noticed, eager.line, eager.values) == (2, 1, 1, 1, 1.0)
    assert (static.tried, static.allowed, static.noticed, static.lines) == (3, 0, 2, 9)
    assert round(eager.points) == round(static.points) == 66


def test_a_terminal_shows_every_fault_and_some_messages_whole():
    out = io.StringIO()
    console = Console(file=out, width=80, color_system=None)
    for part in fault_tables(FAULTS):
        console.print(part)
    text = out.getvalue()
    assert "x[..., :-1] @ w" in text and "allowed 100" in text and "silent   0" in text
    assert "eager and static: ShapeError, line and expression named" in text and "  fix: transpose" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_messages_shown_are_those_where_modes_differ_and_the_best():
    assert [f.kind for f in telling(FAULTS)] == ["shape"]
    apart = fault("nan", "    y = x ** 0.5 @ w", 8, 16, eager=SILENT, static=SAID)
    assert [f.kind for f in telling([*FAULTS, apart])] == ["shape", "nan"]
