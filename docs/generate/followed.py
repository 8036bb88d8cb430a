"""A call followed through the files: what runs, in the order in which it is first entered, watched while the site is built."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

import tapegraph as tg
from generate.pages import ROOT, write
from generate.text import inline

_PACKAGES = tuple(f"{ROOT / name}/" for name in ("engine", "eager", "graph", "compiler", "tapegraph"))


def pages() -> None:
    """Write ``made/call_*.md``: a training step in eager mode, its first call in static mode, and a later one."""
    weight = tg.Parameter(np.full(3, 0.5, np.float32), name="weight")

    @tg.function
    def step(x: Any) -> Any:
        loss = tg.mean(tg.tanh(x * weight) ** 2)
        loss.backward()
        return loss

    x = tg.tensor([1.0, 2.0, 3.0])
    with tg.mode("eager"):
        step(x)  # what is imported on first use is no part of a call
        write("made/call_eager.md", _table(watched(lambda: step(x))))
    tg.compile(step.body)(x)
    with tg.mode("static"):
        write("made/call_first.md", _table(watched(lambda: step(x))))
        for _ in range(100):  # the first calls look again at what the trace met outside, ever more rarely
            step(x)
        write("made/call_later.md", _table(watched(lambda: step(x))))


def watched(call: Callable[[], Any]) -> list[tuple[str, str, int, int]]:
    """The files of the project that a call enters, in order: file, first function, its line, how many functions were entered."""
    entered: list[CodeType] = []

    def seen(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_PACKAGES):
            entered.append(frame.f_code)

    sys.setprofile(seen)
    try:
        call()
    finally:
        sys.setprofile(None)
    first: dict[str, CodeType] = {}
    for code in entered:
        first.setdefault(code.co_filename, code)
    counts = Counter(code.co_filename for code in entered)
    return [
        (file.removeprefix(f"{ROOT}/"), code.co_qualname.replace(".<locals>", ""), code.co_firstlineno, counts[file])
        for file, code in first.items()
    ]


def _table(rows: list[tuple[str, str, int, int]]) -> str:
    lines = ["| no. | entered at | function | what the file holds | calls |", "|---|---|---|---|---|"]
    for number, (file, function, line, count) in enumerate(rows, 1):
        caption = (ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))) or "").split("\n")[0]
        lines.append(f"| {number} | {{source}}`{file}:{line}` | `{function}` | {inline(caption)} | {count} |")
    total = sum(row[3] for row in rows)
    return "\n".join(lines) + f"\n\n{total:,} calls of Python functions in {len(rows)} files.\n"
