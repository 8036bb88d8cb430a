"""Interactive probes: how much of the values that a print, a watch or a breakpoint was asked for is really seen."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapegraph.bugs.cells import LIMIT, Server, servers, spread
from tapegraph.bugs.contenders import HEADERS, Contender

TOOLS = ("print", "watch", "breakpoint")
PLACES = ("forward", "loop", "backward")
PROBES = Path(__file__).parent / "probes"
DATA = """\
weight = np.array([0.83, 1.31, -0.47], np.float32)
feeds = [np.array([1.37, -0.61, 0.59], np.float32) * k for k in (np.float32(1), np.float32(1.7))]


"""
STOPS = 20  # more than any probe has
CLOSE = 2e-3  # four digits are enough to know a value


@dataclass(frozen=True)
class Probe:
    """A program that uses a tool at a place, and what is typed into a debugger that it opens."""

    name: str
    program: str
    typed: str
    expected: tuple[float, ...]


def expected(place: str) -> tuple[float, ...]:
    """The numbers that are to be seen: of hidden = tanh(x weight), or of the gradient 2 hidden that arrives there."""
    names: dict[str, Any] = {"np": np}
    exec(DATA, names)
    found: list[Any] = []
    for x in names["feeds"]:
        hidden = x
        for _ in range(3 if place == "loop" else 1):
            hidden = np.tanh(hidden * names["weight"])
            found.append(2 * hidden if place == "backward" else hidden)
    return tuple(np.concatenate(found).tolist())


def probes(contender: Contender) -> list[Probe]:
    """Every tool at every place, as the contender's manual has it."""
    typed, programs = _read(contender.idiom)
    made = []
    for tool in TOOLS:
        for place in PLACES:
            text = HEADERS[contender.idiom] + DATA + contender.written(programs[f"{tool} {place}"])
            lines = f"{typed.get(f'typed {place}', typed['typed'])}\nc\n" * STOPS if tool == "breakpoint" else ""
            made.append(Probe(f"{tool} {place}", text, lines, expected(place)))
    return made


@functools.cache
def _read(idiom: str) -> tuple[dict[str, str], dict[str, str]]:
    head, *rest = re.split(r"^== (.+)\n", (PROBES / f"{idiom}.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    typed = dict(line.split(": ", 1) for line in head.splitlines() if line)
    return typed, dict(zip(rest[::2], rest[1::2], strict=True))


def run(
    contender: Contender,
    archive: Path,
    *,
    jobs: int = 1,
    python: str | None = None,
    done: Callable[[str], None] = lambda name: None,
) -> dict[str, float]:
    """The share of values seen by each probe. Raises cells.Absent."""
    folder = archive / contender.name.replace(" ", "-") / "probes"
    items = probes(contender)

    def work(server: Server, probe: Probe) -> dict[str, Any]:
        place = folder / probe.name.replace(" ", "-")
        place.mkdir(parents=True, exist_ok=True)
        path = place / "train.py"
        path.write_text(probe.program, encoding="utf-8")
        request = {"program": str(path), "switches": contender.switches, "plant": "", "line": 0, "operands": []}
        request |= {
            "notices": "{}",
            "typed": probe.typed,
            "repeats": 1,
            "limit": LIMIT,
            "out": str(place / "record.json"),
        }
        return server.run(request)

    with servers(contender, jobs, python) as pool:
        found = {probe.name: seen(record.get("output", ""), probe) for probe, record in spread(pool, items, work, done)}
    return {probe.name: found[probe.name] for probe in items}


def seen(output: str, probe: Probe) -> float:
    """The share of the expected values that stand in what was printed; lines of the program that pdb shows do not count."""
    source = {line.strip() for line in probe.program.splitlines()}
    told = [line for line in output.splitlines() if line.strip().removeprefix("-> ") not in source]
    numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?", "\n".join(told))]
    return sum(any(abs(n - x) <= CLOSE * abs(x) for n in numbers) for x in probe.expected) / len(probe.expected)
