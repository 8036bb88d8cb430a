"""``tapegraph bugs`` from options to a report; what was scored before an interruption is kept."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tapegraph as tg
from engine.level import LEVELS
from tapegraph.bench import machine
from tapegraph.bench.process import CONTENDERS
from tapegraph.bugs import cells, probes
from tapegraph.bugs.contenders import PEERS, Contender, chosen
from tapegraph.bugs.frozen import frozen
from tapegraph.bugs.results import Found, Row
from tapegraph.bugs.scorer import score, unwritten
from tapegraph.bugs.template import TIERS, Template, templates
from tapegraph.bugs.variants import FROZEN, case
from tapegraph.written import unwritable, write

FAILED, INTERRUPTED = 1, 130
WORKLOAD, ROUNDS = "mlp-32", 7  # of tapegraph bench, for the scatter
WIDTH = 170  # columns of tables that go to a file
Show = Callable[[str, int, int], None]  # what is done, programs done, programs in all


def run(
    contenders: list[Contender],
    corpus: list[Template],
    variants: list[str],
    found: Found,
    archive: Path,
    *,
    jobs: int = 1,
    with_probes: bool = True,
    pythons: dict[str, str] | None = None,
    show: Show = lambda text, done, total: None,
) -> Found:
    """Score contender after contender; a Ctrl-C ends it early, with everything so far in ``found``."""
    alarms = "|".join(f"(?:{t.about})" for t in templates() if t.tier in "NQT")
    each = len(corpus) * len(variants) + 9 * with_probes
    total, count = each * len(contenders), 0
    try:
        for contender in contenders:
            row = Row(contender.name, contender.debug, contender.rewrites)
            found.rows.append(row)
            python = (pythons or {}).get(contender.idiom)

            def tell(name: str, contender: Contender = contender) -> None:
                nonlocal count
                count += 1
                show(f"{contender.name}: {name}", count, total)

            programs = []
            for template in corpus:
                for variant in variants:
                    if contender.idiom in template.programs:
                        programs.append(case(template, contender, variant))
                    else:
                        row.scores.append(_unwritten(contender, template, variant))
            try:
                for made, records in cells.run_cases(contender, programs, archive, jobs=jobs, python=python, done=tell):
                    row.version = records.get("version", row.version)
                    path = str(archive / contender.name.replace(" ", "-") / made.name / "bug" / "train.py")
                    bug, twin = records.get("bug", records), records.get("twin", records)
                    row.scores.append(score(contender.name, made, bug, twin, path, alarms))
                if with_probes:
                    row.probes = probes.run(contender, archive, jobs=jobs, python=python, done=tell)
            except cells.Absent as missing:
                row.scores, row.note = [], f"absent: {missing}"
            row.scores.sort(key=lambda s: (list(TIERS).index(s.tier), s.case))
    except KeyboardInterrupt:
        found.ended = "interrupted"
    return found


def _unwritten(contender: Contender, template: Template, variant: str) -> Any:
    immune = template.immune.get(contender.idiom)
    verdict = "immune" if immune else "absent"
    reason = immune or template.absent[contender.idiom]
    return unwritten(contender.name, template.name, template.tier, variant, verdict, reason)


def main(options: argparse.Namespace) -> int:
    """Run what the command line asks for.

    Returns 0; 1 where a program of ours could not be run or a clean twin of ours was told of a bug; 130 where it was
    interrupted.
    """
    corpus = _checked(options)
    variants = [f"seed{options.seed}"] if options.held_out else [*FROZEN, f"seed{options.seed}"]
    settings = {"peers": options.peers, "levels": options.level, "variants": variants, "jobs": options.jobs}
    found = Found(options.seed, frozen(), settings, machine.described())

    from rich.console import Console

    from tapegraph.bugs.report import report

    width = None if sys.stdout.isatty() else WIDTH
    console = Console(no_color=options.no_color or None, highlight=False, width=width)
    with _archive(options.archive) as archive, _bar(console) as show:
        run(
            chosen(options.peers, options.level),
            corpus,
            variants,
            found,
            archive,
            jobs=options.jobs,
            with_probes=not options.only and len(options.tier) == len(TIERS),
            pythons=dict(options.peer_python),
            show=show,
        )
    if options.bench is not None:
        found.workload, found.throughput = throughput(options.bench)
    elif options.html is not None and not found.ended:
        found.workload, found.throughput = measured(options.peers, dict(options.peer_python))
    if options.json is not None:
        write(options.json, {"tapegraph": tg.__version__, **found.as_dict()})
    console.print(report(found))
    if options.html is not None:
        from tapegraph.bugs.page import page

        options.html.write_text(page(found), encoding="utf-8")
    for path, what in ((options.json, "all figures"), (options.html, "as a page"), (options.archive, "raw outputs")):
        if path is not None:
            console.print(f"{what}: {path}")
    if found.ended:
        return INTERRUPTED
    ours = [s for row in found.rows if row.name.split()[0] in ("eager", "static") for s in row.scores]
    return FAILED if any(s.verdict == "broken" or s.alarm for s in ours) else 0


def throughput(path: Path) -> tuple[str, dict[str, float]]:
    """A workload that ``tapegraph bench --json`` has in a file, and the calls a second of each contender there.

    It is the one that is measured where there is no file, else the first. Raises ValueError where the file holds neither.
    """
    try:
        outcomes = json.loads(path.read_text(encoding="utf-8"))["outcomes"]
        chosen = next((o for o in outcomes if o["workload"] == WORKLOAD), outcomes[0])
        rows = {name: row["seconds"] for name, row in chosen["rows"].items() if row["seconds"]}
        return chosen["workload"], {name: 1 / statistics.median(seconds) for name, seconds in rows.items()}
    except (KeyError, IndexError, TypeError, json.JSONDecodeError) as wrong:
        raise ValueError(f"{path} holds no figures of tapegraph bench ({wrong!r})") from None


def measured(peers: list[str], pythons: dict[str, str]) -> tuple[str, dict[str, float]]:
    """The same, measured now."""
    from tapegraph.bench import command, suite
    from tapegraph.bench.measure import Settings

    known = [peer for peer in peers if peer in CONTENDERS]
    done = command.run(suite.chosen("all", [WORKLOAD]), known, [1], Settings(ROUNDS, False, pythons))
    rows = [row for outcome in done.outcomes for row in outcome.rows.values()]
    return WORKLOAD, {row.name: 1 / row.median for row in rows if row.seconds}


def _checked(options: argparse.Namespace) -> list[Template]:
    """The templates asked for; ends with a message where an option cannot be."""
    refuse = options.parser.error
    for peer in options.peers:
        if peer not in PEERS:
            refuse(f"there is no peer {peer!r}; choose from {', '.join(PEERS)}")
    for level in options.level:
        if level not in LEVELS:
            refuse(f"there is no level {level!r}; choose from {', '.join(LEVELS)}")
    for tier in options.tier:
        if tier not in TIERS:
            refuse(f"there is no tier {tier!r}; choose from {', '.join(TIERS)}")
    for path in filter(None, (options.json, options.html)):
        if problem := unwritable(path):
            refuse(problem)
    if options.bench is not None:
        try:
            throughput(options.bench)
        except (ValueError, OSError) as wrong:
            refuse(str(wrong))
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


@contextlib.contextmanager
def _bar(console: Any) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("")
        yield lambda text, done, total: progress.update(task, description=text, completed=done, total=total)
