"""What the source text at a place says: the function called there, its operands, where a variable was assigned."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from types import CodeType

from engine.origin import Place

_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.USub: "negative",
    ast.Invert: "logical_not",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
    ast.BitXor: "logical_xor",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.LShift: "bitwise_left_shift",
    ast.RShift: "bitwise_right_shift",
}
# Of bools these are logic, of integers this.
_BITS = {
    ast.Invert: "bitwise_invert",
    ast.BitAnd: "bitwise_and",
    ast.BitOr: "bitwise_or",
    ast.BitXor: "bitwise_xor",
}


def _spells(sign: ast.AST, op: str | None) -> bool:
    return op is not None and op in (_OPERATORS.get(type(sign)), _BITS.get(type(sign)))


def operands(place: Place, op: str | None, count: int) -> list[str] | None:
    """The source text of each operand, where the expression at ``place`` is an application of ``op`` to ``count``."""
    tree = _expression(place)
    parts: list[ast.expr]
    match tree:
        case ast.BinOp(left=left, op=sign, right=right) if _spells(sign, op):
            parts = [left, right]
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if _spells(sign, op):
            parts = [left, right]
        case ast.UnaryOp(op=sign, operand=operand) if _spells(sign, op):
            parts = [operand]
        case ast.Subscript(value=value, slice=index) if op in ("getitem", "setitem"):
            parts = [value, index][:count]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.List(elts=parts)]) if name == op:
            pass  # concat([a, b])
        case ast.Call(func=ast.Name(id=name), args=args) if name == op:
            parts = list(args)
        case ast.Call(func=ast.Attribute(attr=name, value=value), args=args) if name == op:
            parts = list(args) if len(args) == count else [value, *args]
        case _:
            return None
    if len(parts) != count or any(isinstance(p, ast.Starred) for p in parts):
        return None
    return [ast.unparse(p) for p in parts]


def called(place: Place) -> str | None:
    """The name of the function that the expression at ``place`` calls."""
    match _expression(place):
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return None


def names(place: Place) -> set[str]:
    """The variables that the expression at ``place`` reads."""
    tree = _expression(place)
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} if tree is not None else set()


def _expression(place: Place) -> ast.expr | None:
    text = place.expression.strip()
    try:
        (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    match statement:
        case ast.Expr(value=expression):
            return expression
        case ast.AugAssign(target=ast.Name(id=name), op=sign, value=value):
            return ast.BinOp(ast.Name(name, ast.Load()), sign, value)
    return None


def assignment(name: str, code: CodeType, line: int) -> int | None:
    """The line of the only assignment to a variable in a function, where it stands before ``line``; else None.

    With one assignment there is no doubt which one it was, whatever way the program took.
    """
    scope = next((n for n in _functions(code.co_filename) if _is_of(n, code)), None)
    if scope is None:
        return None
    found = [node for node in own_nodes(scope) if name in bound(node)]
    if len(found) != 1 or not isinstance(found[0], ast.Assign | ast.AnnAssign | ast.NamedExpr) or not found[0].value:
        return None
    made = found[0].value.lineno
    return made if made < line else None


@lru_cache(maxsize=8)
def _parsed(text: str) -> list[ast.AST]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    return [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef)]


def _functions(file: str) -> list[ast.AST]:
    """The functions of a file, and itself."""
    return _parsed("".join(linecache.getlines(file)))


def _is_of(scope: ast.AST, code: CodeType) -> bool:
    if isinstance(scope, ast.Module):
        return code.co_name == "<module>"
    assert isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
    first = min([scope.lineno, *(d.lineno for d in scope.decorator_list)])
    return scope.name == code.co_name and first == code.co_firstlineno


def own_nodes(scope: ast.AST) -> list[ast.AST]:
    """The nodes of a function without those of the functions and classes inside it."""
    found: list[ast.AST] = []
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def bound(node: ast.AST) -> set[str]:
    """The names that a node gives a value."""
    match node:
        case ast.Assign(targets=targets):
            parts: list[ast.AST] = list(targets)
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target) | ast.AugAssign(target=target):
            parts = [target]
        case ast.For(target=target) | ast.AsyncFor(target=target):
            parts = [target]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            parts = [i.optional_vars for i in items if i.optional_vars]
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return set(names)
        case ast.ExceptHandler(name=str(name)):
            return {name}
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return {(a.asname or a.name).split(".")[0] for a in aliases}
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return {name}
        case ast.Delete(targets=targets):
            parts = list(targets)
        case _:
            return set()
    return {
        n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
