"""What random programs have shown, as text, as figures, and as a test for each difference."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tapegraph.fuzz.search import Found, Tally


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
        f"{tally.seconds:.0f} s" + f", {tally.ended}" * bool(tally.ended),
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
