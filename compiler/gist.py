"""A kernel's text in one line, for people: what it stores, in terms of what it reads."""

from __future__ import annotations

import ast
import string

CASTS = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
CASTS |= {"bool", "bool_"}
OVER = {"radd": "sum", "maximum": "max", "minimum": "min"}  # a word that collects: what it does to all it meets
PLAIN = (ast.FunctionDef, ast.For, ast.Assign, ast.Return)
LONGEST = 400  # characters of an expression; one that is longer says nothing at a glance


def gist(text: str) -> str:
    """``maximum(a + b, 0)`` for a kernel that stores it; the words it calls where that does not say it in a line.

    Arrays are a, b, ... in the order in which they are read, c0, n0, ... are numbers that a plan gives; sum, max and min
    are taken over a loop.
    """
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    if all(isinstance(part, PLAIN) for part in ast.walk(function) if isinstance(part, ast.stmt)):
        reader = _Reader()
        reader.read(function.body)
        if reader.stored and all(len(part) <= LONGEST for part in reader.stored):
            return ", ".join(dict.fromkeys(reader.stored))
    calls = [n.func.id for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    called = [name for name in dict.fromkeys(calls) if name not in CASTS | {"range", "where"}]
    called.sort(key=lambda name: not name.startswith("blas_"))
    return f"loops with {', '.join(called)}" if called else "loops"


class _Reader(ast.NodeTransformer):
    """Follows names to what they stand for."""

    def __init__(self) -> None:
        self.arrays: dict[str, str] = {}
        self.known: dict[str, ast.expr] = {}
        self.stored: list[str] = []

    def read(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.For):
                self.read(statement.body)
            elif isinstance(statement, ast.Assign):
                target = statement.targets[0]
                if isinstance(target, ast.Name):
                    self.known[target.id] = self.collected(target.id, statement.value)
                elif isinstance(target, ast.Subscript):
                    place = ast.unparse(target)
                    value = self.collected(place, statement.value)
                    if not isinstance(value, ast.Constant):  # a sum begins with nothing
                        self.stored.append(ast.unparse(value))

    def collected(self, name: str, value: ast.expr) -> ast.expr:
        """The value of a name; of one that gathers what it meets in a loop, that and how."""
        match value:
            case ast.Call(func=ast.Name(id=word), args=[mine, other]) if word in OVER and ast.unparse(mine) == name:
                found = self.visit(other)
                if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == OVER[word]:
                    return found
                return ast.Call(ast.Name(OVER[word]), [found], [])
        found = self.visit(value)
        assert isinstance(found, ast.expr)
        return found if len(ast.unparse(found)) <= LONGEST else ast.Name("...")

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        count = len(self.arrays)
        letter = string.ascii_letters[count] if count < len(string.ascii_letters) else f"a{count}"
        return ast.Name(self.arrays.setdefault(ast.unparse(node.value), letter))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        arguments = [self.visit(one) for one in node.args]
        if isinstance(node.func, ast.Name) and node.func.id in CASTS and len(arguments) == 1:
            return arguments[0]
        return ast.Call(node.func, arguments, [])
