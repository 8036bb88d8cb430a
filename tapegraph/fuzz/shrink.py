"""Makes a program that shows a difference shorter, as long as it shows one of the same kind: statements, expressions, data, calls.

It works on the syntax tree, so that any text will do. Source: delta debugging (Zeller and Hildebrandt 2002); C-Reduce's passes.
"""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Shows = Callable[[str], bool]


def shrink(text: str, shows: Shows, seconds: float = 60.0) -> str:
    """The shortest program found within so many seconds for which ``shows`` still holds; it may raise where it does not."""
    deadline = time.monotonic() + seconds
    best = text
    changed = True
    while changed and time.monotonic() < deadline:
        changed = False
        for edit in EDITS:
            position = 0
            while time.monotonic() < deadline:
                shorter = _edited(best, edit, position)
                if shorter is None:
                    break
                if shorter != best and _better(shorter, best) and _holds(shows, shorter):
                    best, changed = shorter, True
                else:
                    position += 1
    return best


def _holds(shows: Shows, text: str) -> bool:
    try:
        return shows(text)
    except Exception:  # a text that is no program any more
        return False


def _better(new: str, old: str) -> bool:
    return _weight(new) < _weight(old)


def _weight(text: str) -> tuple[int, int]:
    """Fewer nodes of the tree first, then shorter text."""
    tree = ast.parse(text)
    heavy = sum(isinstance(n, ast.Name | ast.Call | ast.BinOp | ast.stmt) for n in ast.walk(tree))
    return sum(1 for _ in ast.walk(tree)) + 3 * heavy, len(text)


Edit = Callable[[ast.Module], Iterator[Callable[[], None]]]


def _edited(text: str, edit: Edit, position: int) -> str | None:
    """The text after the edit's change number ``position``; None where there are not so many."""
    tree = ast.parse(text)
    for number, change in enumerate(edit(tree)):
        if number == position:
            change()
            try:
                return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
            except (ValueError, AttributeError):
                return text
    return None


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                yield body


def _statements(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Drop a run of statements, long runs first."""
    for body in _bodies(tree):
        for size in (8, 4, 2, 1):
            if size > len(body):
                continue
            for start in range(len(body) - size, -1, -1):
                yield lambda body=body, start=start, size=size: _drop(body, start, size)  # type: ignore[misc]


def _drop(body: list[ast.stmt], start: int, size: int) -> None:
    kept = [s for s in body[start : start + size] if isinstance(s, ast.Return) or _is_calls(s)]
    body[start : start + size] = kept or ([] if len(body) > size else [ast.Pass()])


def _is_calls(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "calls"


def _lists(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Drop an element of a tuple, list or dict, or an optional argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List) and len(node.elts) > (0 if isinstance(node, ast.List) else 1):
            for i in range(len(node.elts)):
                yield lambda node=node, i=i: node.elts.pop(i)  # type: ignore[misc]
        elif isinstance(node, ast.Dict) and len(node.keys) > 1:
            for i in range(len(node.keys)):
                yield lambda node=node, i=i: (node.keys.pop(i), node.values.pop(i))  # type: ignore[misc]
        elif isinstance(node, ast.Call):
            for i in range(len(node.keywords)):
                yield lambda node=node, i=i: node.keywords.pop(i)  # type: ignore[misc]


def _parameters(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Drop a parameter of the program together with what calls give for it."""
    program = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "program"), None)
    calls = next((s for s in tree.body if _is_calls(s)), None)
    if program is None or not isinstance(calls, ast.Assign) or not isinstance(calls.value, ast.List):
        return
    rows = [r for r in calls.value.elts if isinstance(r, ast.Tuple)]

    def drop(i: int) -> None:
        program.args.args.pop(i)
        for row in rows:
            if i < len(row.elts):
                row.elts.pop(i)

    for i in range(len(program.args.args)):
        yield lambda i=i: drop(i)  # type: ignore[misc]


def _parts(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Put a part of an expression in its place, or a simpler array of the same shape."""
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and name not in ("func", "annotation"):
                for simpler in _simpler(value):
                    yield lambda node=node, name=name, simpler=simpler: setattr(node, name, simpler)  # type: ignore[misc]
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.expr) and name not in ("targets", "decorator_list"):
                        for simpler in _simpler(item):
                            yield lambda value=value, i=i, simpler=simpler: value.__setitem__(i, simpler)  # type: ignore[misc]


def _simpler(node: ast.expr) -> Iterator[ast.expr]:
    text = ast.unparse(node)
    if "default_rng" in text or text.startswith(("np.array(", "np.zeros(", "np.ones(")):
        yield from _arrays(text)
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, float | int) and not isinstance(node.value, bool):
            for value in (0, 1, 2, 0.0, 1.0, round(node.value, 1), int(node.value) if abs(node.value) < 1e9 else 0):
                if type(value) is type(node.value) and value != node.value:
                    yield ast.Constant(value)
        return
    inner = [copy.deepcopy(n) for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
    if isinstance(node, ast.Call):
        inner = [copy.deepcopy(a) for a in node.args]
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in (
            "tg",
            "F",
            "np",
            "nn",
            "optim",
        ):
            inner.append(copy.deepcopy(node.func.value))
    elif isinstance(node, ast.Subscript):
        inner = [copy.deepcopy(node.value)]
    elif isinstance(node, ast.Lambda | ast.Name | ast.Attribute):
        inner = []
    yield from inner


def _arrays(text: str) -> Iterator[ast.expr]:
    """Arrays of the same dtype that are simpler to write and to look at, of the same shape and of smaller ones."""
    try:
        value: Any = eval(text, {"np": np})
    except Exception:
        return
    if not isinstance(value, np.ndarray):
        return
    dtype = repr(value.dtype.name)
    shapes = [value.shape]
    shapes += [value.shape[:i] + value.shape[i + 1 :] for i in range(value.ndim)]
    shapes += [(*value.shape[:i], m, *value.shape[i + 1 :]) for i, n in enumerate(value.shape) for m in (1, 2) if m < n]
    for shape in shapes:
        for maker in ("ones", "zeros"):
            yield ast.parse(f"np.{maker}({shape}, {dtype})", mode="eval").body
    if value.size <= 8 and "default_rng" in text:
        listed = repr(value.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        yield ast.parse(f"np.array({listed}, {dtype})", mode="eval").body


def _names(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Use a parameter of the program where another value is used."""
    program = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "program"), None)
    if program is None:
        return
    for node in ast.walk(program):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id[0] == "v":
            for parameter in program.args.args:
                yield lambda node=node, name=parameter.arg: setattr(node, "id", name)  # type: ignore[misc]


def _inlined(tree: ast.Module) -> Iterator[Callable[[], None]]:
    """Write an assigned expression, or what a function of one line returns, where its name is used."""
    for body in _bodies(tree):
        for statement in body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != "calls":
                    yield lambda s=statement, n=name, v=value, b=body: _put(b, s, _Names({n: v}))  # type: ignore[misc]
                case ast.FunctionDef(name=name, body=[ast.Return(value=ast.expr())]) if name != "program":
                    yield lambda s=statement, b=body: _put(b, s, _Called(s))  # type: ignore[misc]


def _put(body: list[ast.stmt], statement: ast.stmt, by: ast.NodeTransformer) -> None:
    at = body.index(statement)
    body[at:] = [by.visit(s) for s in body[at + 1 :]] or [ast.Pass()]


class _Names(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.values.get(node.id) if isinstance(node.ctx, ast.Load) else None
        return node if found is None else copy.deepcopy(found)


class _Called(ast.NodeTransformer):
    """Puts what a function of one line returns in the place of its calls."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self.function = function

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        parameters = self.function.args.args
        if ast.unparse(node.func) != self.function.name or len(node.args) != len(parameters):
            return node
        returned = copy.deepcopy(self.function.body[0].value)  # type: ignore[attr-defined]
        return _Names({p.arg: a for p, a in zip(parameters, node.args, strict=True)}).visit(returned)


EDITS: tuple[Edit, ...] = (_statements, _lists, _parameters, _parts, _names, _inlined)
