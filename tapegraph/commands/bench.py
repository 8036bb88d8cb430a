"""``tapegraph bench``: both modes beside other frameworks on the same work; what was measured before an interruption is kept."""

from __future__ import annotations

import argparse
import importlib.util
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import tapegraph as tg
from tapegraph.commands import output
from tapegraph.commands.options import listed, offer, pair, whole
from tapegraph.written import write

if TYPE_CHECKING:
    from tapegraph.bench.results import Report
    from tapegraph.bench.suite import Workload

PEERS = ("torch", "torch.compile", "jax", "pytensor", "numpy")
PICTURES = (".png", ".svg", ".pdf")
WIDTH = 170  # columns of tables that go to a file
DESCRIPTION = (
    "Run workloads in static and eager mode and in the peers that are installed, each in a process of its own, by turns, "
    "after comparing that all compute the same. Ctrl-C ends it early and shows what it has. Ends with status 1 where a mode "
    "of ours fails or disagrees with the others."
)
EXAMPLES = (
    ("tapegraph bench --workload logistic --peers numpy --rounds 3", "one kind of workload, beside NumPy, in a minute"),
    ("tapegraph bench --suite all --threads 1,2 --save found.json --save found.png", "everything, with a picture"),
    ("tapegraph bench --workload mlp-32 my_work.py --peers torch,jax", "a workload of your own, a file"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--suite", choices=("quick", "all"), default="quick", help="which workloads (default: quick)")
    workload = parser.add_argument(
        "--workload", nargs="+", default=[], metavar="NAME", help="these instead: a name, how it begins, or a FILE.py"
    )
    offer(workload, _shipped)
    peers = parser.add_argument(
        "--peers", type=listed(str), default=PEERS, metavar="A,B", help=f"default: {','.join(PEERS)}"
    )
    offer(peers, lambda: PEERS)
    parser.add_argument("--threads", type=listed(whole(1)), default=[1], metavar="N,N", help="default: 1")
    parser.add_argument("--rounds", type=whole(1), default=15, metavar="N", help="turns of each (default: 15)")
    parser.add_argument(
        "--seconds", type=whole(1), metavar="N", help="begin no other workload after so many (default: no limit)"
    )
    parser.add_argument("--no-starts", dest="starts", action="store_false", help="leave out the cold and warm starts")
    parser.add_argument(
        "--peer-python", type=pair, action="append", default=[], metavar="PEER=PYTHON", help="a peer's own interpreter"
    )
    output.add(parser, (".json", *PICTURES), dict.fromkeys(PICTURES, _matplotlib))


def _shipped() -> list[str]:
    from tapegraph.bench import suite

    return [workload.name for workload in suite.shipped()]


def _matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("this picture is made with matplotlib: pip install 'tapegraph[notebooks]'")


def run(options: argparse.Namespace) -> int:
    """Measure; 0, or 1 where our own modes fail or disagree with the others, or 130 where it was interrupted."""
    workloads = _checked(options)

    from tapegraph.bench.measure import Settings
    from tapegraph.bench.process import OURS
    from tapegraph.bench.report import head, tables
    from tapegraph.bench.run import run as measure

    figures = [path for path in options.save if path.suffix.lower() == ".json"]

    def keep(report: Report) -> None:
        for path in figures:
            write(path, {"tapegraph": tg.__version__, **report.as_dict()})

    settings = Settings(options.rounds, options.starts, dict(options.peer_python))
    with output.Output(options, width=WIDTH) as out:
        with out.progress() as show:
            report = measure(
                workloads,
                list(options.peers),
                options.threads,
                settings,
                seconds=options.seconds,
                show=show,
                finished=keep,
            )
        out.show(head(report))
        out.show(tables(report))
        out.deliver(report.as_dict(), dict.fromkeys(PICTURES, partial(_draw, report)))
    if report.ended == "interrupted":
        return 130
    return 1 if any(row.note for o in report.outcomes for row in o.rows.values() if row.name in OURS) else 0


def _draw(report: Report, path: Path) -> None:
    from tapegraph.bench.plot import draw

    draw(report, path)


def _checked(options: argparse.Namespace) -> list[Workload]:
    """The workloads asked for; ends with a message where an option cannot be."""
    from tapegraph.bench import suite
    from tapegraph.bench.process import CONTENDERS, OURS

    refuse = options.parser.error
    for peer in [*options.peers, *dict(options.peer_python)]:
        if peer not in CONTENDERS or peer in OURS:
            known = ", ".join(name for name in CONTENDERS if name not in OURS)
            refuse(f"there is no peer {peer!r}; choose from {known}")
    try:
        return suite.chosen(options.suite, options.workload)
    except ValueError as wrong:
        refuse(str(wrong))
        raise
