"""Generated pages: written beside the others, and touched only where their text has changed, so that builds are quick."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
FOLDERS = ("reference", "errors", "made")  # git ignores these; each build writes them anew

_written: set[Path] = set()


def write(name: str, text: str) -> None:
    """Write the page ``name``, a path below ``docs/``."""
    path = DOCS / name
    _written.add(path)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def sweep() -> None:
    """Remove the pages of earlier builds that this one has not written."""
    for folder in FOLDERS:
        for path in (DOCS / folder).rglob("*"):
            if path.is_file() and path not in _written:
                path.unlink()


def code(text: str, language: str = "python") -> str:
    """A block of code in Markdown, fenced by more backticks than stand in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def folded(summary: str, body: str) -> str:
    """Markdown that a click unfolds."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n</details>\n"


def toctree(*entries: str, hidden: bool = False, depth: int = 1) -> str:
    """A table of contents over pages, named relative to the one it stands on."""
    options = f":maxdepth: {depth}\n" + (":hidden:\n" if hidden else "")
    return "```{toctree}\n" + options + "\n" + "\n".join(entries) + "\n```\n"


def cell(text: str) -> str:
    """Text as a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")
