"""``tapegraph fuzz``: runs the search and tells what it found."""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tapegraph.fuzz.search import Found, Tally, search
from tapegraph.fuzz.ways import WAYS
from tapegraph.written import write

DIFFERS = 1


def main(options: argparse.Namespace) -> int:
    """Run the command; 0 where everything is explained, else 1."""
    if unknown := [w for w in options.ways if w not in WAYS]:
        options.parser.error(f"--ways: there is no way {unknown[0]!r}; choose from {', '.join(WAYS)}")
    console = Console(no_color=options.no_color or None, highlight=False)
    shown: set[str] = set()

    def progress(tally: Tally) -> None:
        for mark, found in tally.found.items():
            if mark not in shown:
                shown.add(mark)
                console.print(described(options.seed, found), markup=False, soft_wrap=True)
                if options.save is not None:
                    console.print(f"saved as {save(options.save, options.seed, found)}\n", markup=False, soft_wrap=True)
        if console.is_terminal:
            console.print(f"{tally.programs:,} programs, {tally.seconds:.0f} s", end="\r")
        elif tally.programs % 500 == 0:
            console.print(f"{tally.programs:,} programs, {tally.seconds:.0f} s")
        console.file.flush()

    tally = search(
        options.seed,
        options.programs,
        seconds=options.seconds,
        jobs=options.jobs,
        first=options.first,
        ways=options.ways or None,
        modules=options.ops,
        progress=progress,
    )
    console.print(summary(options.seed, tally), markup=False, soft_wrap=True)
    if options.json is not None:
        write(options.json, figures(options.seed, tally))
    return DIFFERS if tally.found else 0


def described(seed: int, found: Found) -> str:
    """A difference with the program that shows it."""
    return f"program {found.number} of seed {seed}, way {found.way!r}: {found.difference}\n\n" + textwrap.indent(
        found.text, "    "
    )


def summary(seed: int, tally: Tally) -> str:
    """What was examined and what explained the differences there were, in a few lines."""
    ways = ", ".join(f"{name} {count:,}" for name, count in tally.ways.most_common())
    lines = [
        f"{tally.programs:,} programs of seed {seed} ({tally.calls:,} calls, {tally.errors:,} of which raise) in "
        f"{tally.seconds:.0f} s",
        f"ways: {ways}",
    ]
    if tally.why:
        lines.append("explained: " + ", ".join(f"{why} {count:,}" for why, count in tally.why.most_common()))
    count = sum(f.times for f in tally.found.values())
    lines.append(f"unexplained differences: {count}" + (f", {len(tally.found)} of a kind" if count else ""))
    return "\n".join(lines)


def figures(seed: int, tally: Tally) -> dict[str, Any]:
    """Everything counted and found, for JSON."""
    counted = {name: dict(value) if isinstance(value, dict) else value for name, value in vars(tally).items()}
    return {"seed": seed, **counted, "found": [asdict(found) for found in tally.found.values()]}


def save(folder: Path, seed: int, found: Found) -> Path:
    """Write a test that fails as long as the difference is there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"test_fuzz_{seed}_{found.number}_{found.way}.py"
    told = textwrap.indent(str(found.difference), "").replace('"""', "'''").replace("\\", "\\\\")
    quoted = found.text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    path.write_text(
        f'"""{told}"""\n\nfrom tapegraph.fuzz.examine import examine\n\n'
        f'PROGRAM = """\\\n{quoted}"""\n\n\n'
        f"def test_modes_agree():\n    assert not examine(PROGRAM, [{found.way!r}]).found\n",
        encoding="utf-8",
    )
    return path
