"""An if over a value as cond: its branches as functions of what they change."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from engine.advice.blocks import bound, free, function, hindrances, inside, packed
from engine.advice.expressions import Rewriter
from engine.advice.site import Site
from engine.definition import position

Rewritten = tuple[str, int, list[str]]  # the code, the last line it replaces, what hinders


def branch(site: Site, node: ast.If, dtype: Any) -> Rewritten:
    """``if`` as ``cond``."""
    rewriter = Rewriter(site)
    test = ast.unparse(rewriter.condition(node.test, dtype))
    rest = _following(site, node)
    if _returns(node.body) or _returns(node.orelse) or any(isinstance(n, ast.Return) for n in inside(node.body)):
        return _returning(site, node, test, rest, rewriter.refused)
    both = [*node.body, *node.orelse]
    changed = bound(both)
    hinder = rewriter.refused + hindrances(site, both)
    live, before = site.live(node), site.before(node)
    results = [name for name in changed if name in live]
    for name in results:
        if name not in before and not all(name in bound(part) for part in (node.body, node.orelse)):
            hinder.append(f"{name} is set in one branch only: set it before the if")
    last = position(node)[2]
    if not results:
        stores = [n for n in inside(both) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
        if not stores and not any(isinstance(n, ast.Call) for n in inside(both)):
            hinder.append("nothing that the branches do is used")
    short = _short(site, node, results, test)
    if short is not None and not hinder:
        return short, last, hinder
    # What a branch changes it is given: a function that assigns to a name cannot read the one outside.
    taken = [name for name in changed if name in before]
    first, second = free(site, "when_true"), free(site, "when_false")
    result = packed(results)
    call = f"{site.tg}.cond({', '.join([test, first, second, *taken])})"
    parts = [
        function(first, ", ".join(taken), node.body, result or "()"),
        function(second, ", ".join(taken), node.orelse, result or "()"),
        f"{result} = {call}" if results else call,
    ]
    return "\n".join(parts), last, hinder


def _short(site: Site, node: ast.If, results: Sequence[str], test: str) -> str | None:
    """The one-line form, where each branch is one assignment to one name, or leaves it as it is."""
    if len(results) != 1:
        return None
    (name,) = results
    values: list[ast.expr] = []
    for part in (node.body, node.orelse):
        match part:
            case []:
                values.append(ast.Name(name, ast.Load()))
            case [ast.Assign(targets=[ast.Name(id=target)], value=value)] if target == name:
                values.append(value)
            case [ast.AugAssign(target=ast.Name(id=target), op=op, value=value)] if target == name:
                values.append(ast.BinOp(ast.Name(name, ast.Load()), op, value))
            case _:
                return None
    a, b = (ast.unparse(value) for value in values)
    if any(isinstance(value, ast.Constant | ast.UnaryOp) for value in values):
        return f"{name} = {site.tg}.where({test}, {a}, {b})"
    return f"{name} = {site.tg}.cond({test}, lambda: {a}, lambda: {b})"


def _returns(statements: Sequence[ast.stmt]) -> bool:
    """Whether a block ends with a return on every way through it."""
    match statements:
        case [*_, ast.Return()]:
            return True
        case [*_, ast.If(body=body, orelse=orelse)]:
            return bool(orelse) and _returns(body) and _returns(orelse)
        case [*_, ast.With(body=body)]:
            return _returns(body)
    return False


def _following(site: Site, node: ast.stmt) -> list[ast.stmt]:
    """The statements after a statement in its own block."""
    parent = site.parents.get(node)
    for part in ("body", "orelse", "finalbody"):
        block = getattr(parent, part, None)
        if isinstance(block, list) and node in block:
            return block[block.index(node) + 1 :]
    return []


def _returning(site: Site, node: ast.If, test: str, rest: list[ast.stmt], refused: list[str]) -> Rewritten:
    """An if whose branch returns: the rest of the function is what the other branch does."""
    hinder = list(refused)
    yes, no = list(node.body), list(node.orelse)
    if _returns(yes) and not _returns(no):
        no, taken = [*no, *rest], rest
    elif _returns(no) and not _returns(yes):
        yes, taken = [*yes, *rest], rest
    else:
        taken = []
    if not (_returns(yes) and _returns(no)):
        hinder.append(f"return in one branch only (line {node.lineno}): let every way through the function return")
    if site.parents.get(node) is not site.block and taken:
        hinder.append("return inside a loop or another block")
    hinder += hindrances(site, [*yes, *no], returns=True)
    last = max([position(node)[2], *(position(s)[2] for s in taken)])
    match yes, no:
        case [ast.Return(value=a)], [ast.Return(value=b)] if a is not None and b is not None:
            return f"return {site.tg}.cond({test}, lambda: {ast.unparse(a)}, lambda: {ast.unparse(b)})", last, hinder
    before = site.before(node)
    given = [name for name in bound([*yes, *no]) if name in before]
    first, second = free(site, "when_true"), free(site, "when_false")
    parts = [
        function(first, ", ".join(given), yes, ""),
        function(second, ", ".join(given), no, ""),
        f"return {site.tg}.cond({', '.join([test, first, second, *given])})",
    ]
    return "\n".join(parts), last, hinder
