"""The command line: ``tapegraph compare``, ``bench``, ``bugs``, ``fuzz`` and ``ops``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tapegraph as tg
from tapegraph.bugs.contenders import PEERS as BUGS_PEERS
from tapegraph.comparison.figures import Comparison
from tapegraph.options import listed, pair, whole
from tapegraph.written import unwritable, write

DISAGREE, USAGE, INTERRUPTED = 1, 2, 130
MODELS = ("mlp", "logistic", "deep")  # as in comparison.digits, which --help does without
PEERS = ["torch", "torch.compile", "jax", "pytensor", "numpy"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0, 1 where the modes disagree, 2 for bad options, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("\ninterrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DISAGREE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tapegraph", description="One program, two engines: a dynamic tape and a compiled static graph."
    )
    parser.add_argument("--version", action="version", version=f"tapegraph {tg.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    compare = commands.add_parser(
        "compare",
        help="train on handwritten digits in both modes and compare them",
        description="Train a classifier of handwritten digits in eager and in static mode, from the same weights, on the "
        "same batches. Shows whether the results are equal, how fast each mode is, what compiling costs and when it has "
        "paid, and what each mode says about planted mistakes. Ends with status 1 where the modes disagree.",
    )
    compare.add_argument("--model", default="mlp", help=f"{', '.join(MODELS)} (default: mlp)")
    compare.add_argument("--epochs", type=whole(1), default=5, metavar="N", help="passes over the data (default: 5)")
    compare.add_argument("--batch-size", type=whole(1), default=32, metavar="N", help="images a step (default: 32)")
    compare.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of weights and batches (default: 0)")
    compare.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")
    compare.add_argument("--threads", type=whole(1), default=1, metavar="N", help="of BLAS, in both modes (default: 1)")
    compare.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    compare.add_argument("--no-color", action="store_true", help="plain text")
    compare.set_defaults(run=_compare, parser=compare)
    bench = commands.add_parser(
        "bench",
        help="measure both modes beside PyTorch, JAX and others on the same work",
        description="Run workloads in static and eager mode and in the peers that are installed, each in a process of "
        "its own, by turns, after comparing that all compute the same. Ctrl-C ends it early and shows what it has.",
    )
    bench.add_argument("--suite", choices=("quick", "all"), default="quick", help="which workloads (default: quick)")
    bench.add_argument(
        "--workload", nargs="+", default=[], metavar="NAME", help="these instead: a name, how it begins, or a FILE.py"
    )
    bench.add_argument("--peers", type=listed(str), default=PEERS, metavar="A,B", help=f"default: {','.join(PEERS)}")
    bench.add_argument("--threads", type=listed(whole(1)), default=[1], metavar="N,N", help="default: 1")
    bench.add_argument("--rounds", type=whole(1), default=15, metavar="N", help="turns of each (default: 15)")
    bench.add_argument(
        "--seconds", type=whole(1), metavar="N", help="begin no other workload after so many (default: no limit)"
    )
    bench.add_argument("--no-starts", dest="starts", action="store_false", help="leave out the cold and warm starts")
    bench.add_argument(
        "--peer-python", type=pair, action="append", default=[], metavar="PEER=PYTHON", help="a peer's own interpreter"
    )
    bench.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="also draw the ratios (.png, .svg, .pdf; matplotlib)")
    bench.add_argument("--no-color", action="store_true", help="plain text")
    bench.set_defaults(run=_bench, parser=bench)
    fuzz = commands.add_parser(
        "fuzz",
        help="write random programs and check that both modes mean the same by them",
        description="Write random programs, run each line by line and in several compiled ways, and compare results, states, "
        "gradients, random streams and errors. What rounding explains is told apart by running the program with random last "
        "bits. A difference is shrunk to a short program and printed. Ends with status 1 where there is one.",
    )
    fuzz.add_argument("--programs", type=whole(1), default=500, metavar="N", help="how many (default: 500)")
    fuzz.add_argument("--seconds", type=whole(1), metavar="S", help="begin no other program after so many")
    fuzz.add_argument("--seed", type=whole(0), default=0, metavar="N", help="which programs (default: 0)")
    fuzz.add_argument("--first", type=whole(0), default=0, metavar="N", help="the number of the first (default: 0)")
    fuzz.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="processes at work (default: 1)")
    fuzz.add_argument("--ways", type=listed(str), default=[], metavar="A,B", help="only these ways to run them, always")
    fuzz.add_argument(
        "--ops", nargs="+", default=[], metavar="MODULE", help="modules with ops of your own to use as well"
    )
    fuzz.add_argument("--save", type=Path, metavar="DIR", help="write a test into DIR for each difference")
    fuzz.add_argument("--json", type=Path, metavar="FILE", help="also write every figure to FILE")
    fuzz.add_argument("--no-color", action="store_true", help="plain text")
    fuzz.set_defaults(run=_fuzz, parser=fuzz)
    bugs = commands.add_parser(
        "bugs",
        help="measure how easy both modes and their peers are to debug: DX-100",
        description="Run programs with one seeded bug each, and their clean twins, in both modes and in the peers that are "
        "installed, a process for each; score from 0 to 100 what each says about the bug: whether it is found, how early, "
        "at which line and expression, with which facts and values, how briefly and how soon. Ctrl-C shows what it has.",
    )
    bugs.add_argument(
        "--peers", type=listed(str), default=list(BUGS_PEERS), metavar="A,B", help=f"default: {','.join(BUGS_PEERS)}"
    )
    bugs.add_argument("--tier", type=listed(str), default=list("SNTQR"), metavar="S,N", help="default: S,N,T,Q,R")
    bugs.add_argument("--only", default="", metavar="NAME", help="templates with this in their name; no probes then")
    bugs.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="of the last third of the cases (default: 0)"
    )
    bugs.add_argument("--held-out", action="store_true", help="only the cases that the seed draws")
    bugs.add_argument(
        "--level", type=listed(str), default=["default", "checked"], metavar="A,B", help="ours: off,default,checked"
    )
    bugs.add_argument("--bench", type=Path, metavar="FILE", help="the speeds for the scatter, as bench --json wrote")
    bugs.add_argument("--json", type=Path, metavar="FILE", help="also write every score to FILE")
    bugs.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page to FILE (speeds are measured for it)"
    )
    bugs.add_argument("--archive", type=Path, metavar="DIR", help="keep programs and raw outputs in DIR")
    bugs.add_argument("--jobs", type=whole(1), default=1, metavar="N", help="programs at the same time (default: 1)")
    bugs.add_argument(
        "--peer-python", type=pair, action="append", default=[], metavar="PEER=PYTHON", help="a peer's own interpreter"
    )
    bugs.add_argument("--no-color", action="store_true", help="plain text")
    bugs.set_defaults(run=_bugs, parser=bugs)
    ops = commands.add_parser(
        "ops",
        help="list the op library: where each op is defined, differentiated and compiled",
        description="List every function of the op library with what its record holds.",
    )
    ops.add_argument("names", nargs="*", metavar="NAME", help="only names that contain one of these")
    ops.add_argument("--hidden", action="store_true", help="also the primitives that only other functions use")
    ops.add_argument("--markdown", action="store_true", help="as a Markdown table")
    ops.set_defaults(run=_ops, parser=ops)
    return parser


def _bench(options: argparse.Namespace) -> int:
    from tapegraph.bench.command import main

    return main(options)


def _fuzz(options: argparse.Namespace) -> int:
    from tapegraph.fuzz.command import main

    return main(options)


def _bugs(options: argparse.Namespace) -> int:
    from tapegraph.bugs.command import main

    return main(options)


def _compare(options: argparse.Namespace) -> int:
    refuse = options.parser.error
    if options.model not in MODELS:
        refuse(f"there is no model {options.model!r}; choose from {', '.join(MODELS)}")
    if options.json is not None and (problem := unwritable(options.json)):
        refuse(f"--json: {problem}")

    from rich.console import Console  # rich and the compiler come in only after the options were found to be good

    from tapegraph.comparison.digits import MODELS as RECIPES
    from tapegraph.comparison.digits import training_size
    from tapegraph.comparison.report import report

    if options.batch_size > training_size():
        refuse(f"--batch-size: {options.batch_size} is more than the {training_size()} images there are to train on")
    console = Console(no_color=options.no_color or None, highlight=False)
    started = time.perf_counter()
    found = _run(options, console)
    found.settings["seconds"] = time.perf_counter() - started
    m = found.machine
    console.print(
        f"tapegraph {tg.__version__}: {RECIPES[options.model].text}, {options.dtype}, seed {options.seed}, "
        f"{options.epochs} epoch{'s' * (options.epochs != 1)} of {training_size():,} digits",
        style="bold",
    )
    load = "" if m["load"] is None else f", load {m['load']:.1f}"
    console.print(f"{m['system']}, {m['cores']} cores{load}, Python {m['python']}, NumPy {m['numpy']}\n", style="dim")
    console.print(report(found))
    if options.json is not None:
        write(options.json, {"tapegraph": tg.__version__, **found.as_dict()})
        console.print(f"\nall figures: {options.json}")
    console.print(f"\n{found.settings['seconds']:.1f} s in all", style="dim")
    return 0 if found.ok else DISAGREE


def _ops(options: argparse.Namespace) -> int:
    from tapegraph.optable import HEADER, markdown, rows

    chosen = [r for r in rows(options.hidden) if not options.names or any(n in r.name for n in options.names)]
    if not chosen:
        options.parser.error(f"no op has a name like {', '.join(options.names)}")
    if options.markdown:
        print(markdown(chosen), end="")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADER, title=f"{len(chosen)} functions", title_justify="left")
    for row in chosen:
        table.add_row(*row.cells())
    console = Console(highlight=False)
    console.print(table) if console.is_terminal else print(markdown(chosen), end="")
    return 0


def _run(options: argparse.Namespace, console: Any) -> Comparison:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from tapegraph.compare import compare
    from tapegraph.comparison.digits import job
    from tapegraph.comparison.planted import mistakes
    from tapegraph.comparison.start import starts

    settings = {name: getattr(options, name) for name in ("model", "epochs", "batch_size", "seed", "dtype")}
    # Drawn between blocks of calls only: a thread that draws would disturb the measuring.
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=quiet) as progress:
        task = progress.add_task("starting new processes, cold and warm", total=1)

        def stage(text: str, done: int = 0, total: int = 1) -> None:
            progress.update(task, description=text, completed=done, total=total, refresh=True)

        stage("starting new processes, cold and warm")
        started = starts(settings, options.threads)
        made = job(**settings)
        found = compare(
            made.step,
            made.batches,
            epochs=options.epochs,
            evaluate=made.evaluate,
            score_name=f"accuracy on {made.held_out} held-out digits",
            threads=options.threads,
            progress=lambda done, total: stage("training in both modes", done, total),
            title="training step",
        )
        stage("planting mistakes")
        found.starts = started
        found.mistakes = mistakes()
        found.settings = {**settings, "threads": options.threads}
    return found


if __name__ == "__main__":
    sys.exit(main())
