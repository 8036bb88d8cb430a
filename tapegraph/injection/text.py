"""The text of the user's program: expressions by their place, a line with one of them changed, code made of that text."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType

from engine.source import own_nodes

# As code objects have it: line and last line from 1, columns in bytes of UTF-8 from 0.
Span = tuple[int, int, int, int]
Key = tuple[str, str, int]  # file, qualified name and first line of a code object
MARKS = "\ue000", "\ue001"  # of private use, so that no program has them
FUTURES = 0x1FF0000  # flags of ``from __future__ import``


def marked(text: str) -> str:
    """A text in which « and » stand for MARKS."""
    return text.replace("«", MARKS[0]).replace("»", MARKS[1])


def key_of(code: CodeType) -> Key:
    """What a code object and the one that the edited text makes in its place have in common."""
    return code.co_filename, code.co_qualname, code.co_firstlineno


def span_of(node: ast.AST) -> Span:
    """Where a node stands."""
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Edit:
    """Another text for an expression on one line.

    ``whole``: the expression around it that is the guilty one, where no part of the text stands between MARKS.
    """

    file: str
    span: Span
    text: str
    whole: Span

    def line(self, lines: list[str]) -> tuple[str, int, int]:
        """The line after the edit, and the columns of the marked expression in it, in characters."""
        number, _, start, stop = self.span
        before = lines[number - 1].rstrip("\n").encode()
        first, last = MARKS
        new = self.text.replace(first, "").replace(last, "")
        head, rest = before[:start].decode(), before[stop:].decode()
        if first in self.text:
            column = len(head) + self.text.index(first)
            return head + new + rest, column, len(head) + self.text.index(last) - 1
        end = self.whole[3] if self.whole[0] == self.whole[1] else len(before)
        column = len(before[: self.whole[2]].decode())
        return head + new + rest, column, len(head) + len(new) + len(before[stop:end].decode())

    def applied(self, lines: list[str]) -> list[str]:
        """All lines after the edit; their number stays."""
        new = list(lines)
        new[self.span[0] - 1] = self.line(lines)[0] + "\n"
        return new


@dataclass
class Source:
    """A file as Python's tracebacks know it, be it a script, a cell of a notebook or a text that was given to exec."""

    file: str
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = self.lines or linecache.getlines(self.file)

    @cached_property
    def tree(self) -> ast.AST:
        """The text as Python reads it; empty where it cannot."""
        try:
            return ast.parse("".join(self.lines))
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @cached_property
    def nodes(self) -> dict[Span, ast.AST]:
        """Expressions and statements that compute, by their place; the outermost where several have the same."""
        found: dict[Span, ast.AST] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.expr | ast.AugAssign):
                found.setdefault(span_of(node), node)
        return found

    def inside(self, key: Key) -> Iterator[ast.AST]:
        """The nodes of a function, without those of functions inside it."""
        for node in ast.walk(self.tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if (
                    name == key[1].rpartition(".")[2]
                    and min([node.lineno, *(d.lineno for d in node.decorator_list)]) == key[2]
                ):
                    yield from own_nodes(node)

    def bare_calls(self, key: Key, method: str) -> Iterator[tuple[ast.Call, str]]:
        """The statements of a function that call a method of this name with nothing in the brackets; the text before these."""
        for node in self.inside(key):
            match node:
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name) as func, args=[], keywords=[]) as call):
                    text = self.text(func) if name == method else None
                    if text is not None:
                        yield call, text

    def text(self, node: ast.AST) -> str | None:
        """The text of an expression that stands on one line, in brackets where an operator behind it would take a part."""
        line, last, start, stop = span_of(node)
        if line != last:
            return None
        text = self.lines[line - 1].encode()[start:stop].decode()
        whole = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Tuple | ast.List)
        return text if whole else f"({text})"


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all those inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


def replacements(before: list[str], after: list[str], file: str, flags: int) -> list[tuple[CodeType, CodeType]]:
    """Pairs of code that two texts make, in which something differs; whole functions, those around the change included.

    Raises SyntaxError, or ValueError where the two have other functions or variables from outside.
    """
    old, new = (
        list(codes(compile("".join(lines), file, "exec", flags & FUTURES, dont_inherit=True)))
        for lines in (before, after)
    )
    if [(key_of(c), c.co_freevars) for c in old] != [(key_of(c), c.co_freevars) for c in new]:
        raise ValueError("the edit changes more than an expression")
    return [(a, b) for a, b in zip(old, new, strict=True) if a != b]
