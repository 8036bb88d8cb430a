"""What a mode or peer made of a fault, by the score that ``tapegraph bugs`` gives its own cases."""

from __future__ import annotations

import functools
from typing import Any

from engine import origin
from tapegraph.bugs import scorer
from tapegraph.bugs.template import templates
from tapegraph.bugs.variants import Case
from tapegraph.comparison.faults import FaultVerdict
from tapegraph.injection.kinds import Change
from tapegraph.injection.text import Edit, Source

FOUND = {"exception": "raised", "warning": "warned", "immune": "allowed"}


@functools.cache
def _about() -> dict[str, str]:
    """By template, the pattern for words of a message about such a mistake."""
    return {template.name: template.about for template in templates()}


def verdict(
    who: str, change: Change, edit: Edit, source: Source, bug: dict[str, Any], twin: dict[str, Any]
) -> FaultVerdict:
    """The verdict from the records of the program with the edit and without it.

    ``edit``: as it was made in this program, which for a peer is another one than in the change.
    """
    _, start, stop = edit.line(source.lines)
    lines = edit.applied(source.lines)
    case = Case(
        change.kind.name,
        change.kind.template,
        "",
        "",
        str(change.kind.stage),
        _about()[change.kind.template],
        change.facts,
        "".join(lines),
        "".join(source.lines),
        "",
        edit.span[0],
        start,
        stop,
        change.names,
    )
    if "broken" in bug:
        return FaultVerdict(
            "silent", message=bug["broken"].strip().splitlines()[-1], parts=dict.fromkeys(scorer.WEIGHTS, 0.0)
        )
    if bug["result"] is not None and twin["result"] is not None and len(bug["result"]) == len(twin["result"]):
        # What is not finite in the clean program, or another number in each run, is not the fault's doing.
        steady = twin.get("steady", [])
        steady = steady if len(steady) == len(twin["result"]) else [True] * len(twin["result"])
        kept = [n for n, x in enumerate(twin["result"]) if isinstance(x, float) and steady[n]]
        bug, twin = ({**record, "result": [record["result"][n] for n in kept]} for record in (bug, twin))
    bug, twin = (_addressed(record, edit.file) for record in (bug, twin))
    found = scorer.score(who, case, bug, twin, edit.file, "|".join(_about().values()))
    parts = {name: float(value) for name, value in found.parts.items() if value is not None}
    column = found.parts.get("column") if found.verdict in ("exception", "warning") else None
    return FaultVerdict(
        FOUND.get(found.verdict, "silent"),
        found.note if found.verdict in ("exception", "warning") else "",
        _as_told(_message(found, bug), edit.file),
        _as_told(found.said, edit.file).strip(),
        found.rank is not None,
        found.rank,
        None if column is None else bool(column),
        found.parts.get("values") if found.verdict != "immune" else None,
        found.lines,
        found.seconds,
        found.points,
        parts,
    )


def _addressed(record: dict[str, Any], file: str) -> dict[str, Any]:
    """A record in which lines of a notebook's cell are told by the name of the file that Python has for it."""
    cell = origin.cell(file)
    if not cell:
        return record

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(f"{cell}:", f"{file}:").replace(f"Cell {cell}, line ", f'File "{file}", line ')
        if isinstance(value, dict):
            return {key: put(part) for key, part in value.items()}
        return [put(part) for part in value] if isinstance(value, list) else value

    return {key: put(value) for key, value in record.items()}


def _as_told(text: str, file: str) -> str:
    """The text as it was, where lines of a notebook are told by its cell."""
    cell = origin.cell(file)
    return text.replace(f"{file}:", f"{cell}:") if cell else text


def _message(found: scorer.Score, bug: dict[str, Any]) -> str:
    """What is said without the stack."""
    if found.verdict == "exception":
        return str(bug["exception"]["message"])
    if found.verdict == "warning":
        return next((str(w["message"]) for w in bug["warnings"] if w["text"] == found.said), found.said)
    return found.note


def shown(file: str) -> str:
    """A file as a person would write it."""
    return origin.Place(file, 0, 0, 0, 0, "").address.rpartition(":")[0]
