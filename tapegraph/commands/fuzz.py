"""``tapegraph fuzz``: runs random programs in every way and tells where they differ; an interruption ends it early."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tapegraph.commands import output
from tapegraph.commands.options import listed, offer, whole

if TYPE_CHECKING:
    from tapegraph.fuzz.search import Tally

DESCRIPTION = (
    "Write random programs, run each line by line and in several compiled ways, and compare results, states, gradients, "
    "random streams and errors. What rounding explains is told apart by running the program with random last bits. A "
    "difference is shrunk to a short program and printed. Ctrl-C ends it early. Ends with status 1 where there is a "
    "difference."
)
EXAMPLES = (
    ("tapegraph fuzz --programs 20", "a few programs, in half a minute"),
    ("tapegraph fuzz --seconds 3600 --seed 7 --jobs 2 --tests found", "an hour, with a test for each difference"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--programs", type=whole(1), default=500, metavar="N", help="how many (default: 500)")
    parser.add_argument("--seconds", type=whole(1), metavar="S", help="begin no other program after so many")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="which programs (default: 0)")
    parser.add_argument("--first", type=whole(0), default=0, metavar="N", help="the number of the first (default: 0)")
    parser.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="processes at work (default: 1)")
    ways = parser.add_argument("--ways", type=listed(str), default=[], metavar="A,B", help="only these ways, always")
    offer(ways, _ways)
    parser.add_argument(
        "--ops", nargs="+", default=[], metavar="MODULE", help="modules with ops of your own to use as well"
    )
    parser.add_argument("--tests", type=Path, metavar="DIR", help="write a test into DIR for each difference")
    output.add(parser)


def _ways() -> list[str]:
    from tapegraph.fuzz.ways import WAYS

    return list(WAYS)


def run(options: argparse.Namespace) -> int:
    """Search; 0 where everything is explained, else 1, or 130 where it was interrupted."""
    from tapegraph.fuzz.report import described, figures, save, summary
    from tapegraph.fuzz.search import search
    from tapegraph.fuzz.ways import WAYS

    if unknown := [w for w in options.ways if w not in WAYS]:
        options.parser.error(f"--ways: there is no way {unknown[0]!r}; choose from {', '.join(WAYS)}")
    if options.tests is not None and options.tests.exists() and not options.tests.is_dir():
        options.parser.error(f"--tests: {options.tests} is no folder")
    shown: set[str] = set()
    with output.Output(options) as out:
        with out.progress() as show:

            def progress(tally: Tally) -> None:
                for mark, found in tally.found.items():
                    if mark not in shown:
                        shown.add(mark)
                        out.show(described(options.seed, found), markup=False, soft_wrap=True)
                        if options.tests is not None:
                            out.note(f"saved as {save(options.tests, options.seed, found)}")
                show(f"{tally.programs:,} programs", tally.programs, options.programs)
                if not out.side.is_terminal and tally.programs % 500 == 0:
                    out.note(f"{tally.programs:,} programs, {tally.seconds:.0f} s")

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
        out.show(summary(options.seed, tally), markup=False, soft_wrap=True)
        out.deliver(figures(options.seed, tally))
    if tally.ended:
        return 130
    return 1 if tally.found else 0
