"""advise: what to write instead of Python that needs a value, as code to paste where that can be done safely."""

from __future__ import annotations

import ast
import linecache
import textwrap
from dataclasses import dataclass
from typing import Any

from engine import origin
from engine.advice.branches import Rewritten, branch
from engine.advice.expressions import Rewriter
from engine.advice.loops import count, repeat
from engine.advice.site import Site, site
from engine.definition import position
from engine.errors import Operand, SymbolError


@dataclass(frozen=True)
class Advice:
    """Code in place of the lines ``first`` to ``last`` of ``file``, indented as they are; what ``hinders``, in words.

    Where something hinders, the code is the closest form and not the same program.
    """

    file: str
    first: int
    last: int
    code: str
    hinders: tuple[str, ...] = ()
    imported: bool = True
    asks: str = ""  # what needs the value, as the program writes it: if, while, and, float()
    expression: str = ""  # the value that is asked for

    def __str__(self) -> str:
        lines = f"line {self.first}" if self.first == self.last else f"lines {self.first}-{self.last}"
        shown = textwrap.indent(textwrap.dedent(self.code), "      ")
        if not self.code and not self.hinders:
            return ""
        note = "" if self.imported else " (import tapegraph as tg)"
        if self.hinders and not self.code:
            return f"{lines} cannot be part of a graph as they are: {'; '.join(self.hinders)}"
        if self.hinders:
            return f"{'; '.join(self.hinders)}. The closest to {lines} in a graph{note}:\n{shown}"
        return f"in place of {lines}{note}:\n{shown}"


def advise(where: origin.Origin, dtype: Any = None) -> Advice | None:
    """How to write what the user's innermost frame asks a value for; None where the source is not at hand.

    ``dtype``: of the array that was asked, None where it was not asked for its truth.
    """
    frame = origin.living(where)
    found = None if frame is None else site(frame)
    if found is None:
        return None
    asks, value = _asks(found, dtype is not None)
    if isinstance(found.block, ast.Lambda):
        first, (code, last, hinders) = found.block.body.lineno, _expression(found, found.block)
    else:
        statement, (code, last, hinders) = _rewritten(found, dtype)
        first, code = statement.lineno, textwrap.indent(code, found.indent(statement))
    reasons = tuple(dict.fromkeys(hinders))
    return Advice(found.file, first, last, code, reasons, found.imported, asks, ast.unparse(value))


def asked(handle: Any, use: str, why: str, fix: str, truth: bool) -> SymbolError:
    """The error of a handle that was asked for a value it does not have.

    ``use``, ``fix``: what asks for it and what to do, where the source is not at hand. ``truth``: whether it was asked for its truth.
    """
    where = origin.capture()
    try:
        advice = advise(where, handle.dtype if truth else None)
    except Exception:  # source that reads otherwise than it ran must not take the error's place
        advice = None
    operand = Operand.of(handle)
    if advice is not None:
        use, fix = advice.asks or use, str(advice) or fix
        operand = operand._replace(name=advice.expression)
    error = SymbolError(f"{use} needs {why}", operands=(operand,), fix=fix, origin=where)
    error.advice = advice
    return error


_BUILTIN = ("any", "all", "bool", "float", "int", "max", "min", "sorted", "round", "sum")


def _asks(site: Site, truth: bool) -> tuple[str, ast.expr]:
    """What asks for the value, as the program writes it, and the expression of the value."""
    node = site.node
    own = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BUILTIN
    match None if own or not truth else site.parents.get(node):
        case ast.BoolOp(op=sign):
            return "and" if isinstance(sign, ast.And) else "or", node
        case ast.UnaryOp(op=ast.Not()):
            return "not", node
        case ast.If() | ast.While() | ast.Assert() as statement:
            if not (isinstance(node, ast.Compare) and len(node.ops) > 1):
                return type(statement).__name__.lower(), node
        case ast.IfExp() | ast.comprehension():
            return "if", node
    match node:
        case ast.Call(func=ast.Attribute(attr=name, value=value), args=[]):
            return f"{name}()", value
        case ast.Call(func=function, args=[value, *_]) if not isinstance(value, ast.Starred):
            return f"{ast.unparse(function)}()", value
        case ast.Compare(ops=[ast.In() | ast.NotIn()], left=value):
            return "in", value
        case ast.Compare(ops=[_, _, *_]):
            return "a chain of comparisons", node
        case ast.Subscript(slice=value):
            return "the index of a Python list", value
    return "", node


def _rewritten(site: Site, dtype: Any) -> tuple[ast.stmt, Rewritten]:
    inner: ast.AST | None = None
    for node in site.around():
        match node:
            case ast.If() if node.test is inner:
                return node, branch(site, node, dtype)
            case ast.While() if node.test is inner:
                return node, repeat(site, node, dtype)
            case ast.For() if node.iter is inner:
                return node, count(site, node)
            case ast.Assert():
                return node, _asserted(site, node, dtype)
            case ast.comprehension() if inner in node.ifs:
                hinder = "a comprehension's length would depend on values: mark with where(), or sum with a mask"
                return site.statement, ("", position(site.statement)[2], [hinder])
            case ast.stmt():
                return node, _statement(site, node)
        inner = node
    raise AssertionError("an expression is part of a statement")


def _statement(site: Site, node: ast.stmt) -> Rewritten:
    """A plain statement, or what stands at the head of a compound one."""
    last = position(node)[2]
    if hasattr(node, "body"):
        return "", last, []
    rewriter = Rewriter(site)
    before = ast.unparse(node)
    after = ast.unparse(ast.fix_missing_locations(rewriter.visit(node)))
    return ("" if after == before else after), last, rewriter.refused


def _expression(site: Site, function: ast.Lambda) -> Rewritten:
    """The body of a lambda, in the line it stands in."""
    body = function.body
    first, start, last, end = position(body)
    rewriter = Rewriter(site)
    after = ast.unparse(ast.fix_missing_locations(rewriter.visit(body)))
    if first != last or any(isinstance(n, ast.comprehension) for n in site.around()):
        return "", last, ["write it as a def, whose lines can be rewritten"]
    line = linecache.getline(site.file, first).rstrip("\n").encode()
    return (line[:start] + after.encode() + line[end:]).decode(), last, rewriter.refused


def _asserted(site: Site, node: ast.Assert, dtype: Any) -> Rewritten:
    test = ast.unparse(Rewriter(site).condition(node.test, dtype))
    label = node.msg if isinstance(node.msg, ast.Constant) else ast.Constant(ast.unparse(node.test))
    code = f"{site.tg}.debug.watch({test}, {ast.unparse(label)}, when=lambda ok: not ok.all())"
    hinder = "an assertion cannot end a compiled call: return the condition and assert it outside, or watch it"
    return code, position(node)[2], [hinder]
