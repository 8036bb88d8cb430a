"""The definition of a function as its file has it, and the names it binds."""

from __future__ import annotations

import ast
import linecache
from types import CodeType

from engine.source import bound, own_nodes

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def source_tree(code: CodeType) -> Function | None:
    """The definition of a function as its file has it, with the file's line numbers; None where it cannot be found."""
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    if not 0 < first <= len(lines) or code.co_name == "<module>":
        return None
    last = max((line for _, _, line in code.co_lines() if line is not None), default=first)
    for end in (last, last + 1, last + 2, last + 3, len(lines)):
        part = "".join(lines[first - 1 : end])
        for text, shift in ((part, first - 1), ("if 1:\n" + part, first - 2)):
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
            found = _definition(tree, code, shift)
            if found is not None:
                return found
    try:
        return _definition(ast.parse("".join(lines)), code, 0)
    except (SyntaxError, ValueError):
        return None


def _definition(tree: ast.AST, code: CodeType, shift: int) -> Function | None:
    ast.increment_lineno(tree, shift)
    spans = {(p[0], p[2]) for p in code.co_positions() if p[0] is not None and p[2] is not None}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == code.co_name:
                if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == code.co_firstlineno:
                    return node
            case ast.Lambda() if code.co_name == "<lambda>":
                if node.lineno == code.co_firstlineno and (node.body.lineno, node.body.col_offset) in spans:
                    return node
    return None


def position(node: ast.expr | ast.stmt) -> tuple[int, int, int, int]:
    """Where a node stands: first line, first byte, last line, last byte, as the positions of instructions have it."""
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0


def bound_names(node: Function) -> tuple[list[str], set[str], set[str]]:
    """The parameters of a function, the names it binds, and those it declares global or nonlocal."""
    a = node.args
    parameters = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg)))]
    given: set[str] = set()
    declared: set[str] = set()
    for inner in own_nodes(node):
        if isinstance(inner, ast.Global | ast.Nonlocal):
            declared |= set(inner.names)
        elif not isinstance(inner, ast.arg):
            given |= bound(inner)
    return parameters, given - declared, declared
