"""The import graph of the packages, counted with ``ast`` and drawn as SVG; and a table of every module with its caption."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

from generate.pages import ROOT, write
from generate.text import inline

PACKAGES = ("engine", "eager", "graph", "compiler", "tapegraph")
# Where each stands in the picture, as parts of its width and height; imports point down.
PLACES = {
    "tapegraph": (0.42, 0.1),
    "compiler": (0.84, 0.36),
    "eager": (0.14, 0.63),
    "graph": (0.66, 0.63),
    "engine": (0.42, 0.9),
}
WIDTH, HEIGHT, BOX = 760, 430, (188, 52)
ROUND = ("compiler", "engine")  # an arrow that would run through a box goes round it, at the right


def pages() -> None:
    """Write ``made/imports.svg.md``, the picture, and ``made/modules.md``, the tables."""
    edges, files = counted()
    write("made/imports.md", "```{raw} html\n" + drawn(edges, files) + "\n```\n")
    write("made/modules.md", _tables(files))


def sources() -> dict[str, Path]:
    """Every module of the packages by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def counted() -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """How many modules of a package import another, and how many modules each has."""
    edges: Counter[tuple[str, str]] = Counter()
    files: Counter[str] = Counter()
    for name, path in sources().items():
        package = name.split(".")[0]
        files[package] += 1
        edges.update((package, other) for other in {i.split(".")[0] for i in imported(path)} if other != package)
    return Counter({e: n for e, n in edges.items() if e[1] in PACKAGES}), files


def _lines(package: str) -> int:
    return sum(
        len(p.read_text(encoding="utf-8").splitlines()) for n, p in sources().items() if n.split(".")[0] == package
    )


def drawn(edges: Counter[tuple[str, str]], files: Counter[str]) -> str:
    """The picture: a box for each package, an arrow for each pair, with the number of modules that import it."""
    place = {name: (WIDTH * x, HEIGHT * y) for name, (x, y) in PLACES.items()}
    words = ", ".join(f"{a} imports {b} in {n} modules" for (a, b), n in sorted(edges.items()))
    parts = [
        f'<figure class="drawn"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}" '
        'style="width: 100%; min-width: 34rem; color: var(--color-foreground-primary)" font-family="system-ui, sans-serif" font-size="13">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>',
    ]
    for (a, b), count in sorted(edges.items()):
        (x, y), (u, v) = place[a], place[b]
        y, v = y + BOX[1] / 2, v - BOX[1] / 2
        path, at = f"M{x} {y}L{u} {v}", ((x + u) / 2, (y + v) / 2)
        if (a, b) == ROUND:
            u, v = u + BOX[0] / 2, v + BOX[1] / 2
            path, at = f"M{x + 40} {y}Q{x + 40} {v} {u} {v}", (x + 14, (y + v) / 2 + 40)
        parts.append(f'<path d="{path}" fill="none" stroke="currentColor" opacity="0.6" marker-end="url(#tip)"/>')
        parts.append(
            f'<text x="{at[0]}" y="{at[1]}" text-anchor="middle" fill="currentColor" stroke="var(--color-background-primary)" '
            f'stroke-width="5" paint-order="stroke">{count}</text>'
        )
    for name, (x, y) in place.items():
        left, top = x - BOX[0] / 2, y - BOX[1] / 2
        parts.append(
            f'<rect x="{left}" y="{top}" width="{BOX[0]}" height="{BOX[1]}" rx="6" fill="var(--color-background-secondary)" stroke="currentColor"/>'
            f'<text x="{x}" y="{y - 4}" text-anchor="middle" fill="currentColor" font-weight="600">{name}</text>'
            f'<text x="{x}" y="{y + 15}" text-anchor="middle" fill="currentColor" font-size="12">{files[name]} modules, {_lines(name):,} lines</text>'
        )
    return "".join([*parts, "</svg></figure>"])


def _tables(files: Counter[str]) -> str:
    used: Counter[str] = Counter()
    known = sources()
    for path in known.values():
        used.update({i for i in imported(path) if i in known})
    parts = []
    for package in PACKAGES:
        parts += [f"## {package}\n", "| module | what it holds | lines | imported by |", "|---|---|---|---|"]
        for name, path in known.items():
            if name.split(".")[0] == package:
                text = path.read_text(encoding="utf-8")
                caption = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
                file = path.relative_to(ROOT).as_posix()
                parts.append(f"| {{source}}`{file}` | {inline(caption)} | {len(text.splitlines())} | {used[name]} |")
        parts.append("")
    return "\n".join(parts)
