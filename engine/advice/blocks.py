"""Blocks of statements as functions of what they change: what they bind, and what keeps them from being such functions."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Sequence

from engine.advice.site import LOOPS, Site
from engine.definition import bound_names
from engine.handle import Handle

_MUTATING = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popleft",
        "remove",
        "discard",
        "clear",
    ]
)


def bound(statements: Iterable[ast.AST]) -> list[str]:
    """The names that statements bind or change in place (``x[i] = v``), in order."""
    found: list[tuple[int, int, str]] = []
    for node in inside(statements):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.append((node.lineno, node.col_offset, name))
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                found.append((node.lineno, node.col_offset, name))
    return list(dict.fromkeys(name for _, _, name in sorted(found)))


def inside(statements: Iterable[ast.AST]) -> list[ast.AST]:
    """The nodes of statements without those of functions and comprehensions in them."""
    found: list[ast.AST] = []
    stack = list(statements)
    while stack:
        node = stack.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.comprehension):
            stack += ast.iter_child_nodes(node)
    return found


def hindrances(site: Site, statements: Sequence[ast.stmt], returns: bool = False) -> list[str]:
    """What in these statements a function of the graph cannot do, in words. ``returns``: whether they may return."""
    found: list[str] = []
    local = set(bound(statements))
    loops = {n for s in inside(statements) if isinstance(s, LOOPS) for n in inside(s.body)}
    for node in inside(statements):
        where = f" (line {getattr(node, 'lineno', 0)})"
        match node:
            case ast.Return() if not returns:
                found.append("return" + where)
            case ast.Break() | ast.Continue() if node not in loops:
                found.append(f"{type(node).__name__.lower()}{where}")
            case ast.Raise():
                found.append("raise" + where + ": an error cannot depend on a value of the graph")
            case ast.Yield() | ast.YieldFrom() | ast.Await():
                found.append("yield" + where)
            case ast.Attribute(ctx=ast.Store(), value=owner, attr=name) if not _state(site, owner, name):
                found.append(f"{ast.unparse(node)} is set{where}: keep it in a tg.State, or return it")
            case ast.Call(func=ast.Attribute(value=ast.Name(id=base), attr=name)) if (
                name in _MUTATING and base not in local and not isinstance(site.scope.get(base), Handle)
            ):
                found.append(f"{base}.{name}(...){where} is done once, while the graph is built")
            case ast.Call(func=ast.Attribute(attr="backward")):
                found.append(f"backward(){where}: take gradients outside, or with tg.grad inside")
    declared = set() if isinstance(site.block, ast.Module) else bound_names(site.block)[2]
    found += [f"{name} belongs to the program around" for name in local & declared]
    return sorted(found)


def _state(site: Site, owner: ast.expr, name: str) -> bool:
    held = site.value(ast.Attribute(owner, name, ast.Load()))
    return hasattr(held, "trainable") or (name == "value" and hasattr(site.value(owner), "trainable"))


def packed(names: Sequence[str]) -> str:
    """Names as a tuple, or the one name."""
    return names[0] if len(names) == 1 else ", ".join(names)


def function(name: str, parameters: str, statements: Sequence[ast.stmt | str], result: str) -> str:
    """The source of a function with these statements in it."""
    lines = [s if isinstance(s, str) else ast.unparse(ast.fix_missing_locations(s)) for s in statements]
    if result:
        lines.append(f"return {result}")
    return f"def {name}({parameters}):\n{textwrap.indent(chr(10).join(lines), '    ')}"


def free(site: Site, wanted: str) -> str:
    """A name that the function does not use yet."""
    used = {n.id for n in ast.walk(site.block) if isinstance(n, ast.Name)}
    used |= {n.name for n in ast.walk(site.block) if isinstance(n, ast.FunctionDef)}
    number = 1
    name = wanted
    while name in used or (name in site.scope and wanted != name):
        number += 1
        name = f"{wanted}{number}"
    return name
