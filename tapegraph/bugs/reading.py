"""What a report says: which of the program's lines it names, in which order, which columns, which facts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_CARETS = re.compile(r"^[ ~^]*[~^][ ~^]*$")
_DTYPES = {"float32": r"float32|\bf32\b|FloatTensor|\bFloat\b"}
_STAMP = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?")


@dataclass(frozen=True)
class Mention:
    """A line of the program that a report names; ``span``: the columns it shows for it, None where it shows none."""

    line: int
    span: tuple[int, int] | None


class Report:
    """The text of a report on a program at ``path``, whose lines are ``source``."""

    def __init__(self, text: str, path: str, source: list[str]) -> None:
        self.text = text
        self.source = source
        name = re.escape(path.rsplit("/", 1)[-1])
        # "File "/x/train.py", line 12", "/x/train.py:12" and "/x/train.py:12:8"
        self._place = re.compile(rf'[^\s"\'(]*\b{name}"?(?:, line |:)(\d+)(?::(\d+))?')
        self._paths = re.compile(rf"[\w./~<>\-]*\b{name}\b|[\w./~<>\-]+\.(?:py|cc|cpp|h|so)\b(?:\", line \d+|:\d+)?")

    @property
    def lines(self) -> int:
        """Lines to read."""
        return sum(bool(line.strip()) for line in self.text.splitlines())

    def mentions(self) -> Iterator[Mention]:
        """Every place in the program that is named, in the order of the text."""
        rows = self.text.splitlines()
        for number, row in enumerate(rows):
            for found in self._place.finditer(row):
                line = int(found[1])
                if 1 <= line <= len(self.source):
                    yield Mention(line, self._span(line, found, rows[number : number + 3]))

    def _span(self, line: int, found: re.Match[str], rows: list[str]) -> tuple[int, int] | None:
        """Columns from carets below the line, from an expression quoted behind the place, or a bare start."""
        whole = self.source[line - 1]
        statement = whole.strip()
        lead = len(whole) - len(whole.lstrip())
        if len(rows) == 3 and rows[1].strip() == statement and _CARETS.match(rows[2]):
            marks = rows[2]
            shift = lead - (len(rows[1]) - len(rows[1].lstrip()))
            return len(marks) - len(marks.lstrip()) + shift, len(marks.rstrip()) + shift
        quoted = _quoted(rows[0][found.end() :], whole)
        if quoted and quoted != statement and whole.count(quoted) == 1:
            return whole.index(quoted), whole.index(quoted) + len(quoted)
        if found[2] is not None:
            return int(found[2]), -1
        return None

    def told(self) -> str:
        """The report's own words: no quoted lines of the program, no carets, no paths."""
        quoted = {line.strip() for line in self.source}
        kept = []
        for row in self.text.splitlines():
            if row.strip() in quoted or _CARETS.match(row):
                continue
            found = self._place.search(row)
            if found:
                line, tail = int(found[1]), re.sub(r"^,? in [\w.<>]+", "", row[found.end() :])
                expression = _quoted(tail, self.source[line - 1] if line <= len(self.source) else "")
                if expression:
                    tail = tail.replace(f": {expression}", "", 1)
                row = row[: found.start()] + tail
            kept.append(self._paths.sub("", row))
        return "\n".join(kept)

    def rank(self, line: int) -> int | None:
        """Which of the distinct lines named, read from the end, is this one: 1 is the last."""
        order = list(dict.fromkeys(mention.line for mention in reversed(list(self.mentions()))))
        return order.index(line) + 1 if line in order else None

    def overlap(self, line: int, start: int, stop: int) -> float:
        """How much the best span shown for the line and the guilty columns have in common, as a share of their union.

        A bare start counts as all or nothing.
        """
        return max((_common(m.span, start, stop) for m in self.mentions() if m.line == line and m.span), default=0.0)

    def names(self, fact: str) -> bool:
        """Whether the report's own words have a fact: a shape in brackets, a number, a dtype, else a pattern."""
        if re.fullmatch(r"\([\d, ]+\)(\|\([\d, ]+\))*", fact):
            return any(self._has_shape(part) for part in fact.split("|"))
        pattern = rf"(?<![\w.]){fact}(?![\w.])" if fact.isdigit() else _DTYPES.get(fact, fact)
        return re.search(pattern, self.told(), re.IGNORECASE) is not None

    def _has_shape(self, shape: str) -> bool:
        sizes = re.findall(r"\d+", shape)
        inside = r"\s*[,x×]\s*".join(sizes)
        pattern = rf"[\[(<{{]\s*{inside}\s*,?\s*[\])>}}]" if len(sizes) == 1 else rf"(?<!\d){inside}(?!\d)"
        return re.search(pattern, self.told()) is not None


def _quoted(tail: str, source: str) -> str:
    """The expression of a line that is quoted behind its place: what follows the last colon, as far as it stands there."""
    text = tail.rpartition(": ")[2].strip()
    for stop in range(len(text), 1, -1):
        if text[:stop] in source:
            try:
                ast.parse(text[:stop], mode="eval")
            except SyntaxError:
                continue
            return text[:stop].strip()
    return ""


def _common(span: tuple[int, int] | None, start: int, stop: int) -> float:
    if span is None:
        return 0.0
    if span[1] < 0:
        return float(span[0] in (start, start + 1))
    shared = min(stop, span[1]) - max(start, span[0])
    return max(0, shared) / (max(stop, span[1]) - min(start, span[0]))


def without(text: str, other: str) -> str:
    """The lines of a text that another has not, numbers and addresses aside."""
    known = {_STAMP.sub("#", line.strip()) for line in other.splitlines()}
    return "\n".join(line for line in text.splitlines() if _STAMP.sub("#", line.strip()) not in known)
