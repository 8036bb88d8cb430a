"""``tapegraph bugs``: how easy both modes and their peers are to debug; what was scored before an interruption is kept."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tapegraph.bugs.contenders import PEERS
from tapegraph.commands import output
from tapegraph.commands.options import listed, offer, pair, whole

if TYPE_CHECKING:
    from tapegraph.bugs.results import Found
    from tapegraph.bugs.template import Template

TIERS = ("S", "N", "T", "Q", "R")
WIDTH = 170  # columns of tables that go to a file
DESCRIPTION = (
    "Run programs with one seeded bug each, and their clean twins, in both modes and in the peers that are installed, a "
    "process for each; score from 0 to 100 what each says about the bug: whether it is found, how early, at which line and "
    "expression, with which facts and values, how briefly and how soon. Ctrl-C shows what it has. Ends with status 1 where "
    "a program of ours cannot be run, or a clean twin of ours is told of a bug."
)
EXAMPLES = (
    ("tapegraph bugs --only nan_log --peers torch", "one kind of bug, in both modes and PyTorch"),
    ("tapegraph bugs --jobs 2 --save bugs.html", "everything, as a page; speeds are measured for it"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    peers = parser.add_argument(
        "--peers", type=listed(str), default=PEERS, metavar="A,B", help=f"default: {','.join(PEERS)}"
    )
    offer(peers, lambda: PEERS)
    parser.add_argument("--tier", type=listed(str), default=TIERS, metavar="S,N", help=f"default: {','.join(TIERS)}")
    parser.add_argument("--only", default="", metavar="NAME", help="templates with this in their name; no probes then")
    parser.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="of the last third of the cases (default: 0)"
    )
    parser.add_argument("--held-out", action="store_true", help="only the cases that the seed draws")
    parser.add_argument(
        "--level", type=listed(str), default=["default", "checked"], metavar="A,B", help="ours: off,default,checked"
    )
    parser.add_argument("--bench", type=Path, metavar="FILE", help="the speeds for the scatter, as bench saved them")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="keep programs and raw outputs in DIR")
    parser.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="programs at the same time (default: 1)")
    parser.add_argument(
        "--peer-python", type=pair, action="append", default=[], metavar="PEER=PYTHON", help="a peer's own interpreter"
    )
    output.add(parser, (".json", ".html"), {".html": output.page})


def run(options: argparse.Namespace) -> int:
    """Score; 0, or 1 where a program of ours fails or a clean twin of ours is told of a bug, or 130 where interrupted."""
    corpus = _checked(options)

    from tapegraph.bench import machine
    from tapegraph.bugs.contenders import chosen
    from tapegraph.bugs.frozen import frozen
    from tapegraph.bugs.report import report
    from tapegraph.bugs.results import Found
    from tapegraph.bugs.run import measured, throughput
    from tapegraph.bugs.run import run as score
    from tapegraph.bugs.variants import FROZEN

    variants = [f"seed{options.seed}"] if options.held_out else [*FROZEN, f"seed{options.seed}"]
    peers, pythons = list(options.peers), dict(options.peer_python)
    settings = {"peers": peers, "levels": options.level, "variants": variants, "jobs": options.jobs}
    found = Found(options.seed, frozen(), settings, machine.described())
    with output.Output(options, width=WIDTH) as out:
        with _archive(options.archive) as archive, out.progress(live=True) as show:
            score(
                chosen(peers, options.level),
                corpus,
                variants,
                found,
                archive,
                jobs=options.jobs,
                with_probes=not options.only and len(options.tier) == len(TIERS),
                pythons=pythons,
                show=show,
            )
        if options.bench is not None:
            found.workload, found.throughput = throughput(options.bench)
        elif any(path.suffix.lower() == ".html" for path in options.save) and not found.ended:
            found.workload, found.throughput = measured(peers, pythons)
        out.show(report(found))
        out.deliver(found.as_dict(), {".html": partial(_write_page, found)})
        if options.archive is not None:
            out.note(f"programs and raw outputs: {options.archive}")
    if found.ended:
        return 130
    ours = [s for row in found.rows if row.name.split()[0] in ("eager", "static") for s in row.scores]
    return 1 if any(s.verdict == "broken" or s.alarm for s in ours) else 0


def _write_page(found: Found, path: Path) -> None:
    from tapegraph.bugs.page import page

    path.write_text(page(found), encoding="utf-8")


def _checked(options: argparse.Namespace) -> list[Template]:
    """The templates asked for; ends with a message where an option cannot be."""
    from engine.level import LEVELS
    from tapegraph.bugs.run import throughput
    from tapegraph.bugs.template import templates

    refuse = options.parser.error
    for given, what, known in (
        (options.peers, "peer", PEERS),
        (options.level, "level", LEVELS),
        (options.tier, "tier", TIERS),
    ):
        for name in given:
            if name not in known:
                refuse(f"there is no {what} {name!r}; choose from {', '.join(known)}")
    if options.bench is not None:
        try:
            throughput(options.bench)
        except (ValueError, OSError) as wrong:
            refuse(str(wrong))
    if options.archive is not None and options.archive.exists() and not options.archive.is_dir():
        refuse(f"--archive: {options.archive} is no folder")
    corpus = [t for t in templates() if t.tier in options.tier and (not options.only or options.only in t.name)]
    if not corpus:
        refuse(f"no template is called {options.only!r}; there are {', '.join(t.name for t in templates())}")
    if not hasattr(os, "fork"):
        refuse("needs a system that can fork processes")
    return corpus


@contextlib.contextmanager
def _archive(path: Path | None) -> Iterator[Path]:
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
        yield path.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="tapegraph-bugs-") as folder:
        yield Path(folder)
