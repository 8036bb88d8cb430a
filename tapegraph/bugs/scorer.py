"""The score of a case, computed from what was archived of its two runs; nothing here looks at a framework."""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tapegraph.bugs.reading import Report, without
from tapegraph.bugs.variants import Case

WEIGHTS = {
    "detected": 30,
    "early": 5,
    "line": 25,
    "column": 8,
    "facts": 9,
    "values": 12,
    "brevity": 5,
    "time": 6,
}
WARNED = 0.75
OVERLAP = 0.5
FEW, MANY = 5, 100  # lines to read
SOON, LATE = 0.1, 10.0  # seconds
CLOSE = 1e-4  # results that differ by less, relatively, are equal
# What a program that cannot even be read or set up says; a seeded bug is none of these.
NOT_BUGS = ("ImportError", "SyntaxError", "NameError", "SystemExit", "KeyboardInterrupt", "MemoryError")
HARMLESS = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning", "ResourceWarning", "ImportWarning")


@dataclass
class Score:
    """What a contender made of a case. ``verdict``: exception, warning, silent, immune, broken or absent.

    ``parts``: 0 to 1 each, None where a case has no such thing. ``twin``: whether there is a clean twin, and
    ``alarm`` what that was told, "" for nothing. ``said``: the report that was scored.
    """

    contender: str
    case: str
    template: str
    tier: str
    verdict: str
    parts: dict[str, float | None] = field(default_factory=dict)
    twin: bool = True
    alarm: str = ""
    said: str = ""
    rank: int | None = None
    lines: int = 0
    seconds: float | None = None
    note: str = ""

    @property
    def points(self) -> float:
        """0 to 100."""
        return weighted(self.parts, WEIGHTS)

    @property
    def missing(self) -> list[str]:
        """The parts that were not had in full, dearest first."""
        lost = {part: WEIGHTS[part] * (1 - value) for part, value in self.parts.items() if value is not None}
        return [part for part in sorted(lost, key=lambda p: -lost[p]) if lost[part] >= 1]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "points": self.points}


def weighted(parts: dict[str, float | None], weights: dict[str, Any]) -> float:
    """The mean of the parts that there are, by weight, of 100."""
    there = {part: value for part, value in parts.items() if value is not None}
    return 100 * sum(weights[p] * v for p, v in there.items()) / sum(weights[p] for p in there) if there else 0.0


def unwritten(contender: str, template: str, tier: str, variant: str, verdict: str, note: str) -> Score:
    """The score where there is no program: immune by construction, or nothing that can be planted."""
    full: dict[str, float | None] = dict.fromkeys(WEIGHTS, 1.0) if verdict == "immune" else {}
    return Score(contender, f"{template}-{variant}", template, tier, verdict, full, twin=False, note=note)


def score(contender: str, case: Case, bug: dict[str, Any], twin: dict[str, Any], path: str, alarms: str) -> Score:
    """The score of a case from the records of the buggy program, which was at ``path``, and of its twin.

    ``alarms``: a pattern for words of any bug of the corpus; a warning without one is no false alarm.
    """
    made = Score(contender, case.name, case.template, case.tier, "silent", dict.fromkeys(WEIGHTS, 0.0))
    made.alarm = _alarm(twin, case.twin.splitlines(), path, alarms)
    if "broken" in bug or "broken" in twin:
        made.verdict, made.note = "broken", str(bug.get("broken") or twin.get("broken"))[-300:]
        return made
    source = case.program.splitlines()
    findings = []
    raised, warned = bug["exception"], _attributable(case, bug, twin, path, source)
    if raised is not None and not made.alarm.startswith("raises") and _is_detection(case, raised, path, source):
        times = [raised["seconds"], *(r["exception"] for r in bug["repeats"] if r["exception"] is not None)]
        text = without(bug["output"], twin["output"])
        findings.append(Finding("exception", 1.0, raised, text, raised["values"], times))
    if warned is not None:
        same = ([s for kind, s in r["warnings"] if kind == warned["kinds"][0]] for r in bug["repeats"])
        times = [warned["seconds"], *(seconds[0] for seconds in same if seconds)]
        findings.append(Finding("warning", WARNED, warned, warned["text"], bug["noticed"], times))
    if findings:
        return max((_scored(made, case, finding, path, source) for finding in findings), key=lambda score: score.points)
    if raised is not None:
        made.note = f"{raised['kinds'][0]} is not about the bug: {raised['message'][:200]}"
    elif same_results(bug["result"], twin["result"]):
        made.verdict, made.parts = "immune", dict.fromkeys(WEIGHTS, 1.0)
    return made


@dataclass
class Finding:
    """An exception or a warning about the bug: what it says, what a look into it shows, seconds until it was there."""

    verdict: str
    worth: float
    record: dict[str, Any]
    text: str
    values: dict[str, bool]
    times: list[float]


def _scored(bare: Score, case: Case, finding: Finding, path: str, source: list[str]) -> Score:
    report = Report(finding.text, path, source)
    rank = report.rank(case.line)
    seconds = statistics.median(finding.times)
    whole = source[case.line - 1].strip()
    unmarked = whole == source[case.line - 1][case.start : case.stop]  # Python shows no carets below a whole statement
    stage, values, operands = finding.record["stage"], finding.values, case.operands
    parts = {
        "detected": finding.worth,
        "early": float(stage is not None and _order(stage) <= _order(case.stage)),
        "line": 1 / rank if rank else 0.0,
        "column": None if unmarked else float(report.overlap(case.line, case.start, case.stop) >= OVERLAP),
        "facts": sum(map(report.names, case.facts)) / len(case.facts),
        "values": sum(bool(values.get(o)) for o in operands) / len(operands) if operands else None,
        "brevity": _between(report.lines, FEW, MANY),
        "time": _between(math.log(max(seconds, 1e-9)), math.log(SOON), math.log(LATE)),
    }
    return replace(
        bare,
        verdict=finding.verdict,
        parts=parts,
        said=finding.text,
        rank=rank,
        lines=report.lines,
        seconds=seconds,
        note=finding.record["kinds"][0],
    )


def _between(value: float, best: float, worst: float) -> float:
    return min(1.0, max(0.0, (worst - value) / (worst - best)))


def _order(stage: str) -> int:
    return -1 if stage == "build" else int(stage)


def _is_detection(case: Case, raised: dict[str, Any], path: str, source: list[str]) -> bool:
    """Whether an exception is about the bug: it names the guilty line, or speaks of such a thing."""
    if any(kind in NOT_BUGS for kind in raised["kinds"]):
        return False
    report = Report(raised["text"], path, source)
    return report.rank(case.line) is not None or _about(case.about, report)


def _about(pattern: str, report: Report) -> bool:
    return re.search(pattern, report.told(), re.IGNORECASE) is not None


def _attributable(
    case: Case, bug: dict[str, Any], twin: dict[str, Any], path: str, source: list[str]
) -> dict[str, Any] | None:
    """The first warning about the bug that the twin has not had; else lines that were printed about it."""
    known = {(w["kinds"][0], w["message"]) for w in twin["warnings"]}
    for warning in bug["warnings"]:
        new = (warning["kinds"][0], warning["message"]) not in known
        if new and _about(case.about, Report(warning["text"], path, source)):
            return warning
    # Frameworks that log write to the standard error without a Python warning.
    rest = without(bug["output"], "\n".join([twin["output"], *(w["text"] for w in bug["warnings"])]))
    logged = "\n".join(
        line for line in rest.splitlines() if re.match(r"\W*(warn|error|[WE]\d{4})", line, re.IGNORECASE)
    )
    if bug["exception"] is None and _about(case.about, Report(logged, path, source)):
        return {"kinds": ["log"], "message": logged, "text": logged, "stage": None, "seconds": bug["seconds"]}
    return None


def _alarm(twin: dict[str, Any], source: list[str], path: str, alarms: str) -> str:
    """What a clean program was told, "" for nothing."""
    if twin.get("exception"):
        raised = twin["exception"]
        return f"raises {raised['kinds'][0]}: {raised['message']}"
    for warning in twin.get("warnings", ()):
        if not any(kind in HARMLESS for kind in warning["kinds"]):
            ours = "TapegraphWarning" in warning["kinds"]
            if ours or _about(alarms, Report(warning["text"], path, source)):
                return f"{warning['kinds'][0]}: {warning['message']}"
    return ""


def same_results(one: list[Any] | None, other: list[Any] | None) -> bool:
    """Whether two programs computed the same; a value that is not finite is never right."""
    if one is None or other is None or len(one) != len(other):
        return False
    return all(
        isinstance(a, float) and isinstance(b, float) and abs(a - b) <= CLOSE * max(abs(a), abs(b), 1e-6)
        for a, b in zip(one, other, strict=True)
    )
