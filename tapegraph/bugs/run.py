"""A run of the corpus: contender after contender is scored; what was scored before an interruption is kept."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tapegraph.bench.process import CONTENDERS
from tapegraph.bugs import cells, probes
from tapegraph.bugs.contenders import Contender
from tapegraph.bugs.results import Found, Row
from tapegraph.bugs.scorer import score, unwritten
from tapegraph.bugs.template import TIERS, Template, templates
from tapegraph.bugs.variants import case

WORKLOAD, ROUNDS = "mlp-32", 7  # of tapegraph bench, for the scatter
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


def throughput(path: Path) -> tuple[str, dict[str, float]]:
    """A workload that ``tapegraph bench`` has saved in a file, and the calls a second of each contender there.

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
    from tapegraph.bench import suite
    from tapegraph.bench.measure import Settings
    from tapegraph.bench.run import run as bench

    known = [peer for peer in peers if peer in CONTENDERS]
    done = bench(suite.chosen("all", [WORKLOAD]), known, [1], Settings(ROUNDS, False, pythons))
    rows = [row for outcome in done.outcomes for row in outcome.rows.values()]
    return WORKLOAD, {row.name: 1 / row.median for row in rows if row.seconds}
