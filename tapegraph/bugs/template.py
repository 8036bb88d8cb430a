"""A template is a text: one mistake, written as a difference of one line in each idiom, with the guilty expression marked.

A head of ``key: value`` lines follows the caption; then sections, ``== data`` (NumPy, in front of every program) and one for
each idiom. In a program a line that begins with ``-`` is in the buggy program only, one with ``+`` in its twin only, and
``«`` ``»`` stand around the guilty expression, whose line is the guilty one. ``== plant IDIOM`` is run before the buggy program.

    tier      S structural, N numeric, T trace semantics, Q quiet training bugs, R wrong rewrite or kernel
    stage     where the mistake is first knowable: a call's number (0 is the first, building included), or "build"
    about     a pattern for words that a message about this mistake has
    facts     what a good message names, with ``;`` between: patterns, shapes in brackets, dtypes
    names     the names that variants change
    position  "fixed" where nothing may be written beside the guilty expression
    immune IDIOM, absent IDIOM    why the mistake cannot be made there, or cannot be planted

``USE train`` stands for the lines of that idiom in ``corpus/shared/train.txt``.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

IDIOMS = ("tapegraph", "torch", "jax", "tensorflow", "pytensor")
TIERS = {"S": "structural", "N": "numeric", "T": "trace", "Q": "quiet", "R": "rewrite"}
CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Template:
    """One mistake in every idiom; ``text`` is the file it was read from."""

    name: str
    caption: str
    tier: str
    stage: str
    about: str
    facts: tuple[str, ...]
    text: str
    names: tuple[str, ...] = ()
    movable: bool = True
    data: str = ""
    programs: dict[str, str] = field(default_factory=dict)
    plants: dict[str, str] = field(default_factory=dict)
    immune: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def parse(name: str, text: str) -> Template:
    """The template in a text. Raises ValueError where a part is missing or a program has not one mark."""
    top, *rest = re.split(r"^== (.+)\n", text, flags=re.MULTILINE)
    caption, *lines = top.strip().splitlines()
    head = dict(line.split(": ", 1) for line in lines if line)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    programs = {key: _with_shared(key, sections[key]) for key in IDIOMS if key in sections}
    reasons: dict[str, dict[str, str]] = {
        word: {key.split()[1]: value for key, value in head.items() if key.startswith(f"{word} ")}
        for word in ("immune", "absent")
    }
    for idiom in IDIOMS:
        if (idiom in programs) + sum(idiom in found for found in reasons.values()) != 1:
            raise ValueError(f"{name}: {idiom} needs a program, or a reason why it has none")
    for idiom, program in programs.items():
        marked = [line for line in program.splitlines() if "«" in line and not line.startswith("+")]
        if len(marked) != 1 or marked[0].count("«") != 1 or marked[0].count("»") != 1:
            raise ValueError(f"{name}: the program for {idiom} has not one mark")
        changed = [line for line in program.splitlines() if line.startswith("-")]
        if not (changed == marked or (not changed and f"plant {idiom}" in sections)):
            raise ValueError(f"{name}: in {idiom} the line that the fix changes is not the marked one")
    if head["tier"] not in TIERS:
        raise ValueError(f"{name}: there is no tier {head['tier']!r}")
    return Template(
        name,
        caption,
        head["tier"],
        head["stage"],
        head["about"],
        tuple(part.strip() for part in head["facts"].split(";")),
        text,
        tuple(head.get("names", "").split()),
        head.get("position") != "fixed",
        sections.get("data", ""),
        programs,
        {key.split()[1]: value for key, value in sections.items() if key.startswith("plant ")},
        reasons["immune"],
        reasons["absent"],
    )


def _with_shared(idiom: str, program: str) -> str:
    def lines(found: re.Match[str]) -> str:
        text = (CORPUS / "shared" / f"{found[1]}.txt").read_text(encoding="utf-8")
        _, *parts = re.split(r"^== (.+)\n", text, flags=re.MULTILINE)
        return parts[parts.index(idiom) + 1].rstrip("\n")

    return re.sub(r"^USE (\w+)$", lines, program, flags=re.MULTILINE)


@functools.cache
def templates() -> tuple[Template, ...]:
    """The corpus, by tier and name."""
    found = [parse(path.stem, path.read_text(encoding="utf-8")) for path in CORPUS.glob("*.txt")]
    return tuple(sorted(found, key=lambda t: (list(TIERS).index(t.tier), t.name)))
