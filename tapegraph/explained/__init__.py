"""What each error and notice means, in words: pages with a program that provokes it and the program put right.

The pages are Markdown files beside this one. ``tapegraph explain NAME`` prints them, the documentation runs their programs.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One page: its name, and its whole text in Markdown.

    The first paragraph says what it means, the first block of Python provokes it, the last one is the program put right.
    """

    name: str
    text: str

    @property
    def title(self) -> str:
        """The heading."""
        return self.text.split("\n", 1)[0].removeprefix("# ")

    @property
    def summary(self) -> str:
        """The first sentence."""
        first = self.text.split("\n\n")[1].replace("\n", " ")
        return first.split(". ")[0].rstrip(".") + "."

    @property
    def programs(self) -> tuple[str, ...]:
        """The blocks of Python, in order."""
        return tuple(_BLOCK.findall(self.text))


@cache
def pages() -> dict[str, Page]:
    """All pages by name, in alphabetical order."""
    return {p.stem: Page(p.stem, p.read_text(encoding="utf-8")) for p in sorted(_FOLDER.glob("*.md"))}


def find(word: str) -> Page | None:
    """The page of an error, a notice or a subject, in any spelling of its name; None where there is none."""
    plain = {_plain(name): page for name, page in pages().items()}
    return plain.get(_plain(word.rsplit(".", 1)[-1]))


def near(word: str) -> list[str]:
    """Names of pages that look like a word that names none."""
    plain = {_plain(name): name for name in pages()}
    wanted = _plain(word)
    found = [name for key, name in plain.items() if wanted in key or key in wanted]
    return found or [plain[key] for key in difflib.get_close_matches(wanted, plain, 3, 0.5)]


def _plain(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())
