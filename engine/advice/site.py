"""Site: the expression that asked for a value, the statement around it, and what its names stood for."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

from engine import origin, tree
from engine.definition import Function, bound_names, position, source_tree
from engine.handle import Handle

Block = Function | ast.Module
LOOPS = (ast.For, ast.While)
# Asking these of an array is asking for what is known while a graph is built.
KNOWN = frozenset({"shape", "ndim", "dtype", "size", "device", "name", "requires_grad", "grad"})
_ASKING = frozenset({"isinstance", "len", "hasattr", "callable", "type", "id"})


class Site:
    """``node``: the expression; ``statement``: the one it is part of; ``block``: the function (or module) around."""

    def __init__(self, frame: FrameType, block: Block, node: ast.expr) -> None:
        self.block, self.node = block, node
        self.parents = {child: parent for parent in ast.walk(block) for child in ast.iter_child_nodes(parent)}
        self.scope = {**frame.f_globals, **frame.f_locals}
        self.file = frame.f_code.co_filename
        library = sys.modules.get("tapegraph")
        self.tg = next((name for name, value in self.scope.items() if value is library), "tg")
        self.imported = self.scope.get(self.tg) is library

    @property
    def statement(self) -> ast.stmt:
        """The innermost statement around the expression."""
        return next(n for n in self.around() if isinstance(n, ast.stmt))

    def around(self, node: ast.AST | None = None) -> Iterator[ast.AST]:
        """A node and what is around it, from the inside out, up to the function."""
        inner: ast.AST | None = node or self.node
        while inner is not None and inner is not self.block:
            yield inner
            inner = self.parents.get(inner)

    def value(self, node: ast.AST) -> Any:
        """What a name, or an attribute of one, stood for when the value was asked for; None where it is not known."""
        match node:
            case ast.Name(id=name):
                return tree.held(self.scope.get(name))
            case ast.Attribute(value=inner, attr=name):
                owner = self.value(inner)
                held = getattr(owner, "__dict__", {}).get(name)
                return tree.held(held if held is not None else vars(type(owner)).get(name))
            case ast.Constant(value=value):
                return value
        return None

    def symbolic(self, node: ast.AST) -> bool:
        """Whether an expression comes from an array's values, as far as names tell."""
        match node:
            case ast.Attribute(attr=name) if name in KNOWN:
                return False
            case ast.Call(func=ast.Name(id=name)) if name in _ASKING:
                return False
            case ast.Compare(ops=ops) if all(isinstance(op, ast.Is | ast.IsNot) for op in ops):
                return False
            case ast.Name() | ast.Attribute() if isinstance(self.value(node), Handle):
                return True
        return node is self.node or any(map(self.symbolic, ast.iter_child_nodes(node)))

    def before(self, statement: ast.stmt) -> set[str]:
        """The names that are bound when a statement begins, for all that the source tells."""
        if isinstance(self.block, ast.Module):
            parameters: list[str] = []
        else:
            parameters = bound_names(self.block)[0]
        stored = {
            n.id
            for n in ast.walk(self.block)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.lineno < statement.lineno
        }
        return {*parameters, *stored}

    def live(self, statement: ast.stmt) -> set[str]:
        """The names that are read after a statement: further down, in a loop around it, in functions inside."""
        parts: list[ast.AST] = [n for n in self.around(statement) if isinstance(n, LOOPS) and n is not statement]
        end = position(statement)[2]
        for node in ast.walk(self.block):
            inner_function = isinstance(node, Function) and node is not self.block and statement not in ast.walk(node)
            if inner_function or (isinstance(node, ast.stmt) and node.lineno > end):
                parts.append(node)
        return {name for part in parts for name in read(part)}

    def indent(self, statement: ast.stmt) -> str:
        """The white space in front of a statement."""
        return linecache.getline(self.file, statement.lineno).encode()[: statement.col_offset].decode()


def read(node: ast.AST) -> set[str]:
    """The names that are read somewhere in a node."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return found | {
        n.target.id for n in ast.walk(node) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
    }


_PARTS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def site(frame: FrameType) -> Site | None:
    """The site of what a frame is doing; None where its source is not at hand."""
    line, end_line, column, end_column = origin.position((frame.f_code, frame.f_lasti))
    at = line, column, end_line, end_column
    while frame.f_code.co_name in _PARTS and frame.f_back is not None:
        frame = frame.f_back  # before Python 3.12 a comprehension has a frame of its own
    block = _block(frame.f_code)
    if block is None:
        return None
    heads = [n for n in ast.walk(block) if isinstance(n, ast.If | ast.While | ast.Assert)]
    for head in heads:
        if isinstance(head, ast.Assert) and position(head) == at:
            return Site(frame, block, head.test)  # its truth is asked for under the whole statement's name
    inside = [n for n in ast.walk(block) if isinstance(n, ast.expr) and _covers(position(n), at)]
    if inside:
        # Of expressions at the same place the innermost is the one that walk comes to last.
        return Site(frame, block, min(reversed(inside), key=lambda n: _length(position(n))))
    # ``while not x`` asks under the whole line's name.
    return next((Site(frame, block, head.test) for head in heads if head.lineno == line), None)


def _block(code: CodeType) -> Block | None:
    if code.co_name != "<module>":
        return source_tree(code)
    try:
        return ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:
        return None


def _covers(outer: tuple[int, int, int, int], inner: tuple[int, int, int, int]) -> bool:
    return outer[:2] <= inner[:2] and outer[2:] >= inner[2:]


def _length(at: tuple[int, int, int, int]) -> tuple[int, int]:
    return at[2] - at[0], at[3] - at[1]
