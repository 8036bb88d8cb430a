"""``tapegraph compare``: a function of one's own, or a training on handwritten digits, in both modes."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapegraph.commands import output
from tapegraph.commands.options import listed, pair, positive, whole

if TYPE_CHECKING:
    from tapegraph.comparison.figures import Comparison
    from tapegraph.comparison.history import History
    from tapegraph.comparison.measurement import Measurement

MODELS = ("mlp", "logistic", "deep")  # as in comparison.digits, which --help does without
PEERS = ("torch", "torch.compile", "jax")
DESCRIPTION = (
    "Run a function in eager and in static mode, from the same states on the same arguments, by turns. Shows whether both "
    "compute the same, how fast each is, what compiling costs and after how many calls it has paid, what is compiled again, "
    "and what each mode says about mistakes that are put into the function. Without SCRIPT.py:FUNCTION, a classifier of "
    "handwritten digits is trained. Ends with status 1 where the modes disagree or static mode cannot run the function."
)
EXAMPLES = (
    ("tapegraph compare", "a training on handwritten digits, which shows what is told"),
    ("tapegraph compare train.py:step", "called with what step_args() or example_args in train.py gives"),
    ("tapegraph compare train.py:step --save report.html", "also as a page that opens offline"),
    ("tapegraph compare train.py:step --against last", "beside the run before, figure by figure"),
)


def peer(name: str) -> str:
    """The name of a peer that the command line knows how to make."""
    if name not in PEERS:
        raise argparse.ArgumentTypeError(f"knows no {name!r}; choose from {', '.join(PEERS)}")
    return name


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "place", nargs="?", metavar="SCRIPT.py:FUNCTION", help="or module.path:object.method; without it: digits"
    )
    parser.add_argument("--args", metavar="NAME", help="what in SCRIPT gives its arguments (default: FUNCTION_args)")
    parser.add_argument("--batches", metavar="NAME", help="what gives several calls' (default: FUNCTION_batches)")
    parser.add_argument("--epochs", type=whole(1), metavar="N", help="passes over the batches (default: 1; digits: 5)")
    parser.add_argument("--tolerance", type=positive, metavar="X", help="relative difference that counts as equal")
    parser.add_argument("--threads", type=whole(1), default=1, metavar="N", help="in both modes (default: 1)")
    parser.add_argument(
        "--seconds", type=positive, default=15.0, metavar="S", help="about how long it may take (default: 15)"
    )
    parser.add_argument(
        "--peer",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=PLACE",
        help="the same work: torch=SCRIPT.py:FUNCTION",
    )
    parser.add_argument(
        "--peers",
        type=listed(peer),
        default=[],
        metavar="A,B",
        help="of the digits, or where SCRIPT imports tapegraph.torch: torch, torch.compile",
    )
    parser.add_argument("--no-faults", dest="faults", action="store_false", help="put no mistakes into the function")
    parser.add_argument("--no-profile", dest="profile", action="store_false", help="leave out where the time goes")
    parser.add_argument(
        "--against", metavar="RUN", help="also compare with a run before: last, a commit, or a .json FILE"
    )
    parser.add_argument("--history", action="store_true", help="list the runs of this function, and do nothing else")
    parser.add_argument("--no-history", dest="keep", action="store_false", help="do not keep this run")
    digits = parser.add_argument_group("for the digits")
    digits.add_argument("--model", choices=MODELS, help=f"{', '.join(MODELS)} (default: mlp)")
    digits.add_argument("--batch-size", type=whole(1), metavar="N", help="images a step (default: 32)")
    digits.add_argument("--seed", type=whole(0), metavar="N", help="of weights and batches (default: 0)")
    digits.add_argument("--dtype", choices=("float32", "float64"), help="default: float32")
    output.add(parser, (".json", ".html"), {".html": output.page})


def run(options: argparse.Namespace) -> int:
    """Compare; 0 where the modes agree, 1 where not, 2 where the user's program cannot be run, 130 where interrupted."""
    from tapegraph.comparison.script import ScriptError

    _consistent(options)
    with output.Output(options) as out:
        try:
            return _run(options, out)
        except ScriptError as error:
            print(f"{options.parser.prog}: {error}", file=sys.stderr)
            return 2


def _consistent(options: argparse.Namespace) -> None:
    """Refuse options that belong to the other kind of job."""
    named = {
        "--args": options.args,
        "--batches": options.batches,
        "--peer": options.peer,
        "--tolerance": options.tolerance,
    }
    digits = {
        "--model": options.model,
        "--batch-size": options.batch_size,
        "--seed": options.seed,
        "--dtype": options.dtype,
    }
    wrong = [name for name, value in (named if options.place is None else digits).items() if value not in (None, [])]
    if wrong:
        other = "of a function of yours; name it, as in train.py:step" if options.place is None else "of the digits"
        options.parser.error(f"{wrong[0]} is an option {other}")


def _run(options: argparse.Namespace, out: output.Output) -> int:
    from tapegraph.comparison.history import History, project, stamped
    from tapegraph.comparison.tables import tables

    folder = Path(options.place.partition(".py:")[0]).parent if options.place else Path.cwd()
    where = project(folder if folder.is_dir() else Path.cwd())
    history = History(where, options.place or f"digits {options.model or 'mlp'}")
    if options.history:
        return _listed(history, out)
    before = _before(options, history)
    with out.progress() as show:
        measurement = _measurement(options, lambda text, share: show(text, int(1000 * share), 1000))
        try:
            measurement.run()
        except KeyboardInterrupt:
            if measurement.found.agreement is None and not measurement.found.modes:
                raise
            out.note("interrupted: what was measured by then")
        except Exception as error:
            raise _raised(error) from error
    found = measurement.found
    stamped(found, where, shlex.join(["tapegraph", *_words(options)]))
    out.show(tables(found))
    figures = found.to_json()
    if before is not None:
        from tapegraph.comparison.against import table

        out.show("", table(before, figures))
        figures["against"] = before
    if options.keep:
        _keep(history, found, out)
    out.deliver(figures, {".html": found.save})
    if not found.complete:
        return 130
    return 0 if found.ok else 1


def _words(options: argparse.Namespace) -> list[str]:
    """The command that does this again."""
    words = ["compare", *([options.place] if options.place else [])]
    for name in (
        "args",
        "batches",
        "epochs",
        "tolerance",
        "threads",
        "seconds",
        "model",
        "batch_size",
        "seed",
        "dtype",
    ):
        value = getattr(options, name)
        if value is not None and value != options.parser.get_default(name):
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    for label, place in options.peer:
        words += ["--peer", f"{label}={place}"]
    words += ["--peers", ",".join(options.peers)] if options.peers else []
    return words + [f"--no-{name}" for name in ("faults", "profile") if not getattr(options, name)]


def _measurement(options: argparse.Namespace, progress: Any) -> Measurement:
    from tapegraph.comparison import jobs
    from tapegraph.comparison.measurement import Settings
    from tapegraph.comparison.script import Target

    common = Settings(
        threads=options.threads,
        faults=options.faults,
        profile=options.profile,
        tolerance=options.tolerance,
        seconds=options.seconds,
    )
    if options.place is not None:
        common.epochs = options.epochs or 1
        target = Target(options.place, options.args, options.batches)
        return jobs.script(target, common, dict(options.peer), options.peers, progress)
    chosen = {name: getattr(options, name) for name in ("model", "batch_size", "seed", "dtype")}
    common.epochs = options.epochs or 5
    return jobs.digits(
        {name: value for name, value in chosen.items() if value is not None}, common, options.peers, progress
    )


def _raised(error: Exception) -> Exception:
    """What the user's function raised in eager mode, with the lines of theirs that led there."""
    from engine.errors import ArgumentError
    from tapegraph.comparison.script import ScriptError, their_traceback

    if isinstance(error, ScriptError) or (isinstance(error, ArgumentError) and error.op == "compare"):
        return error
    return ScriptError(f"the function fails in eager mode already\n{their_traceback(error)}")


def _keep(history: History, found: Comparison, out: output.Output) -> None:
    try:
        history.keep(found)
    except OSError as error:
        out.note(f"this run is not kept, {history.folder} cannot be written: {error.strerror}")


def _before(options: argparse.Namespace, history: History) -> dict[str, Any] | None:
    """The run to compare with, looked for before anything is measured."""
    from tapegraph.comparison.history import read
    from tapegraph.comparison.script import ScriptError

    name = options.against
    if name is None:
        return None
    if name.endswith(".json"):
        found = read(Path(name))
        if found is None:
            raise ScriptError(f"--against: {name} holds no comparison that tapegraph compare --save has written")
        return found
    found = (
        history.last() if name == "last" else history.at(commit) if (commit := history.project.resolve(name)) else None
    )
    if found is not None:
        return found
    kept = list(dict.fromkeys(run["origin"].get("commit", "")[:10] for run in history.runs()))
    if not kept:
        raise ScriptError(
            f"--against: there is no earlier run of {history.function}; each run without --history is kept"
        )
    commits = ", ".join(commit for commit in kept if commit) or "none"
    if name != "last" and not commit:
        raise ScriptError(f"--against: {name} is no commit that git knows here, no .json file, and not last")
    raise ScriptError(f"--against: no run of {name} is kept; there are runs of {commits}")


def _listed(history: History, out: output.Output) -> int:
    from tapegraph.comparison.against import listed

    runs = list(history.runs())
    out.show(listed(runs) if runs else f"no run of {history.function} is kept yet", markup=False)
    out.deliver({"function": history.function, "runs": runs})
    return 0
