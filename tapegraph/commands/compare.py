"""``tapegraph compare``: trains on handwritten digits in both modes and compares them."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import tapegraph as tg
from tapegraph.commands import output
from tapegraph.commands.options import whole

if TYPE_CHECKING:
    from tapegraph.comparison.figures import Comparison

MODELS = ("mlp", "logistic", "deep")  # as in comparison.digits, which --help does without
SUMMARY = "train on handwritten digits in both modes and compare them"
DESCRIPTION = (
    "Train a classifier of handwritten digits in eager and in static mode, from the same weights, on the same batches. "
    "Shows whether the results are equal, how fast each mode is, what compiling costs and when it has paid, and what each "
    "mode says about planted mistakes. Ends with status 1 where the modes disagree."
)
EXAMPLES = (
    ("tapegraph compare --model logistic --epochs 1", "the smallest model, in seconds"),
    ("tapegraph compare --json > figures.json", "every figure, for another program"),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--model", choices=MODELS, default="mlp", help=f"{', '.join(MODELS)} (default: mlp)")
    parser.add_argument("--epochs", type=whole(1), default=5, metavar="N", help="passes over the data (default: 5)")
    parser.add_argument("--batch-size", type=whole(1), default=32, metavar="N", help="images a step (default: 32)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of weights and batches (default: 0)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")
    parser.add_argument("--threads", type=whole(1), default=1, metavar="N", help="of BLAS, in both modes (default: 1)")
    output.add(parser)


def run(options: argparse.Namespace) -> int:
    """Compare; 0 where the modes agree, else 1."""
    from tapegraph.comparison.digits import MODELS as RECIPES
    from tapegraph.comparison.digits import training_size
    from tapegraph.comparison.report import report

    if options.batch_size > training_size():
        options.parser.error(
            f"--batch-size: {options.batch_size} is more than the {training_size()} images there are to train on"
        )
    with output.Output(options) as out:
        started = time.perf_counter()
        found = _measured(options, out)
        found.settings["seconds"] = time.perf_counter() - started
        m = found.machine
        out.show(
            f"tapegraph {tg.__version__}: {RECIPES[options.model].text}, {options.dtype}, seed {options.seed}, "
            f"{options.epochs} epoch{'s' * (options.epochs != 1)} of {training_size():,} digits",
            style="bold",
        )
        load = "" if m["load"] is None else f", load {m['load']:.1f}"
        out.show(f"{m['system']}, {m['cores']} cores{load}, Python {m['python']}, NumPy {m['numpy']}\n", style="dim")
        out.show(report(found))
        out.deliver(found.as_dict())
        out.show(f"\n{found.settings['seconds']:.1f} s in all", style="dim")
    return 0 if found.ok else 1


def _measured(options: argparse.Namespace, out: output.Output) -> Comparison:
    from tapegraph.compare import compare
    from tapegraph.comparison.digits import job
    from tapegraph.comparison.planted import mistakes
    from tapegraph.comparison.start import starts

    settings = {name: getattr(options, name) for name in ("model", "epochs", "batch_size", "seed", "dtype")}
    with out.progress() as show:
        show("starting new processes, cold and warm", 0, 1)
        started = starts(settings, options.threads)
        made = job(**settings)
        found = compare(
            made.step,
            made.batches,
            epochs=options.epochs,
            evaluate=made.evaluate,
            score_name=f"accuracy on {made.held_out} held-out digits",
            threads=options.threads,
            progress=lambda done, total: show("training in both modes", done, total),
            title="training step",
        )
        show("planting mistakes", 0, 1)
        found.starts = started
        found.mistakes = mistakes()
        found.settings = {**settings, "threads": options.threads}
    return found
