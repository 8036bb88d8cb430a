"""The reference of the rewrite rules: a page for each rulebook, a section for each equation."""

from __future__ import annotations

import ast
import importlib
import inspect
from typing import Any

from generate.pages import ROOT, code, toctree, write
from generate.text import inline
from graph.phases import PHASES
from graph.promise import FIDELITIES
from graph.rulebook import Rule, Rulebook

PROMISES = {
    "bitwise": "keeps every bit",
    "rounding": "may change last bits",
    "finite": "holds where every value on the way is finite",
}


def pages() -> None:
    """Write ``reference/rules/``: an index with all laws, and a page for each file of ``graph/rules/``."""
    assert set(PROMISES) == set(FIDELITIES)
    books = {
        path.stem: _book(path.stem) for path in sorted((ROOT / "graph/rules").glob("*.py")) if path.stem != "__init__"
    }
    for name, book in books.items():
        write(f"reference/rules/{name}.md", _page(name, book))
    write("reference/rules.md", _index(books))
    write("made/phases.md", _phases())


def _book(name: str) -> Rulebook:
    found: Rulebook = getattr(importlib.import_module(f"graph.rules.{name}"), name)
    return found


def _index(books: dict[str, Rulebook]) -> str:
    count = len({(name, rule) for name, book in books.items() for rule in _own(name, book)})
    lines = [
        "# Rewrite rules",
        "",
        f"{count} rules. Each is an equation that is applied from left to right until none fits. It promises how faithful it is, and tests hold it "
        "to that on NaN, infinities, -0.0 and subnormals. That the rules end is proved when they are imported. "
        "`tg.compile(..., fidelity=)` chooses which may fire; `rounding` is the default.",
        "",
        *(f"{word}\n: {meaning}\n" for word, meaning in PROMISES.items()),
        "## Phases, in order",
        "",
        _phases(),
        "",
        "## Rulebooks",
        "",
        toctree(*(f"rules/{name}" for name in books)),
    ]
    return "\n".join(lines)


def _phases() -> str:
    rows = [f"| `{phase.name}` | {inline(phase.doc)} |" for phase in PHASES]
    return "\n".join(["| phase | what it does |", "|---|---|", *rows]) + "\n"


def _own(name: str, book: Rulebook) -> dict[str, Rule]:
    """The rules that are written in the book's file, without those that it takes from others."""
    here = _definitions(name)
    return {n: r for n, r in book.rules.items() if n in here or not _elsewhere(n, name)}


def _elsewhere(rule: str, book: str) -> bool:
    return any(rule in _definitions(p.stem) for p in (ROOT / "graph/rules").glob("*.py") if p.stem != book)


def _definitions(name: str) -> dict[str, tuple[int, str]]:
    """Functions of a file of rules: the line and the source of each, with its decorators."""
    text = (ROOT / f"graph/rules/{name}.py").read_text(encoding="utf-8")
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[node.name] = first, "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return found


def _page(name: str, book: Rulebook) -> str:
    module: Any = importlib.import_module(f"graph.rules.{name}")
    own = _own(name, book)
    parts = [
        f"# {name.capitalize()}\n",
        f"{inline(inspect.getdoc(module) or '')} Defined in {{source}}`graph/rules/{name}.py`.\n",
    ]
    parts += ["| rule | law | promise |\n|---|---|---|"]
    parts += [f"| [{r.name}](#{r.name.replace('_', '-')}) | {inline(r.law)} | {r.fidelity} |" for r in own.values()]
    parts += ["", *(_section(name, rule) for rule in own.values())]
    return "\n".join(parts)


def _section(book: str, rule: Rule) -> str:
    line, text = _definitions(book).get(rule.name, (0, ""))
    if not line and rule.build is not None:
        text = inspect.getsource(rule.build)
        line = rule.build.__code__.co_firstlineno
    notes = [f"It {PROMISES[rule.fidelity]}."]
    if rule.zeros:
        notes.append("The sign of a zero may differ.")
    if rule.integers:
        notes.append("On integers it is exact, and fires at every fidelity.")
    if rule.cures:
        notes.append(f"The left side suffers from {inline(rule.cures)}; the right side does not.")
    if rule.measure is not None:
        notes.append("That it ends is proved by a number that each firing lowers, not by the path order.")
    place = f"graph/rules/{book}.py" + (f":{line}" if line else "")
    return f"## {rule.name}\n\n{inline(rule.law)}. {' '.join(notes)} {{source}}`{place}`\n\n{code(text)}"
