"""Expressions that need a value, written in ops that do not: and, or, not, chains, conditional expressions, Python's numbers."""

from __future__ import annotations

import ast
import math
import sys
from types import ModuleType
from typing import Any

from engine.advice.site import Site
from engine.handle import Handle

_NUMBERS = {"float": "float32", "int": "int64", "bool": "bool"}
_RENAMED = {"fabs": "abs", "power": "pow", "absolute": "abs", "amax": "max", "amin": "min"}


class Rewriter(ast.NodeTransformer):
    """Rewrites what needs values in an expression or statement. ``refused``: what cannot be written otherwise, in words."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.refused: list[str] = []

    def op(self, name: str, *args: ast.expr) -> ast.expr:
        """A call of one of the library's functions."""
        return ast.Call(ast.Attribute(ast.Name(self.site.tg, ast.Load()), name, ast.Load()), list(args), [])

    def condition(self, node: ast.expr, dtype: Any = None) -> ast.expr:
        """A condition as one bool of the library; ``dtype``: of the array that was asked for its truth."""
        if node is self.site.node and dtype is not None and dtype.kind != "b":
            return ast.Compare(self.written(node), [ast.NotEq()], [ast.Constant(0)])
        return self.written(node)

    def written(self, node: ast.expr) -> ast.expr:
        """The expression rewritten."""
        found = self.visit(node)
        assert isinstance(found, ast.expr)
        return found

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        parts = list(node.values)
        plain: list[ast.expr] = []
        while parts and not self.site.symbolic(
            parts[0]
        ):  # these Python still decides, the others it then may not look at
            plain.append(parts.pop(0))
        found = [self.written(p) for p in parts]
        if not found:
            return node
        whole = found[0]
        for part in found[1:]:
            whole = self.op(name, whole, part)
        return ast.BoolOp(node.op, [*plain, whole]) if plain else whole

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not) and self.site.symbolic(node.operand):
            return self.op("logical_not", self.written(node.operand))
        return self._inside(node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if not self.site.symbolic(node):
            return node
        parts, lefts = [], [node.left, *node.comparators]
        for sign, left, right in zip(node.ops, lefts, node.comparators):
            if isinstance(sign, ast.In | ast.NotIn):
                parts.append(self._among(self.written(left), right, isinstance(sign, ast.NotIn)))
            else:
                parts.append(ast.Compare(self.written(left), [sign], [self.written(right)]))
        whole = parts[0]
        for part in parts[1:]:
            whole = self.op("logical_and", whole, part)
        return whole

    def _among(self, element: ast.expr, values: ast.expr, negated: bool) -> ast.expr:
        if isinstance(values, ast.Tuple | ast.List | ast.Set) and values.elts:
            found: ast.expr = ast.Compare(element, [ast.Eq()], [values.elts[0]])
            for other in values.elts[1:]:
                found = self.op("logical_or", found, ast.Compare(element, [ast.Eq()], [other]))
        else:
            array = values if self.site.symbolic(values) else self.op("asarray", values)
            found = self.op("any", ast.Compare(array, [ast.Eq()], [element]))
        return self.op("logical_not", found) if negated else found

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        if not self.site.symbolic(node.test):
            return self._inside(node)
        test, a, b = self.written(node.test), self.written(node.body), self.written(node.orelse)
        constant = isinstance(a, ast.Constant | ast.UnaryOp) or isinstance(b, ast.Constant | ast.UnaryOp)
        if constant:
            return self.op("where", test, a, b)
        return self.op("cond", test, _lambda(a), _lambda(b))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if node is self.site.node and isinstance(self.site.value(node.value), list | tuple):
            values = self.site.value(node.value)
            if any(callable(v) for v in values):
                self.refused.append("functions are chosen with switch(index, functions, *arguments)")
            return ast.Subscript(self._array(node.value, values), self.written(node.slice), node.ctx)
        return self._inside(node)

    def _array(self, node: ast.expr, values: Any) -> ast.expr:
        return self.op("stack" if any(isinstance(v, Handle) for v in values) else "asarray", node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not any(self.site.symbolic(part) for part in (node.func, *node.args)):
            return node
        match node:
            case ast.Call(func=ast.Name(id="float" | "int" | "bool" as kind), args=[x], keywords=[]):
                return self._number(self.written(x), self.site.value(x), kind)
            case ast.Call(func=ast.Name(id="max" | "min" as name), args=args, keywords=[]):
                return self._extreme(name, args)
            case ast.Call(func=ast.Name(id="any" | "all" as name), args=[x], keywords=[]):
                if isinstance(x, ast.GeneratorExp | ast.ListComp):
                    self.refused.append(f"{name}() over Python's own loop")
                    return node
                return self.op(name, self.written(x))
            case ast.Call(func=ast.Name(id="sorted"), args=[x], keywords=[]):
                return self.op("sort", self.written(x))
            case ast.Call(func=ast.Attribute(value=x, attr="item"), args=[]):
                return self._number(self.written(x), self.site.value(x), "item")
            case ast.Call(func=ast.Attribute(value=x, attr="numpy" | "tolist" as name), args=[]):
                self.refused.append(f"{name}() leaves the graph: return the array and call {name}() on the result")
                return self._inside(node)
            case ast.Call(func=ast.Attribute(value=base, attr=name)) if isinstance(self.site.value(base), ModuleType):
                return self._of_module(node, self.site.value(base).__name__, name)
            case ast.Call(func=ast.Subscript(value=values, slice=index), args=args, keywords=[]) if (
                node.func is self.site.node and isinstance(self.site.value(values), list | tuple)
            ):
                return self.op("switch", self.written(index), values, *map(self.written, args))
        return self._inside(node)

    def _number(self, x: ast.expr, value: Any, kind: str) -> ast.expr:
        if isinstance(value, Handle) and value.ndim:
            x = self.op("reshape", x, ast.Tuple([], ast.Load()))
        known = value.dtype.kind if isinstance(value, Handle) else "f"
        if kind == "item" or (kind == "float" and known == "f") or (kind == "bool" and known == "b"):
            return x
        return self.op("astype", x, ast.Constant(_NUMBERS[kind]))

    def _extreme(self, name: str, args: list[ast.expr]) -> ast.expr:
        found = [self.written(a) for a in args]
        if len(found) == 1:
            array = found[0] if isinstance(self.site.value(args[0]), Handle) else self.op("stack", found[0])
            return self.op(name, array)
        whole = found[0]
        for part in found[1:]:
            whole = self.op(f"{name}imum", whole, part)
        return whole

    def _of_module(self, node: ast.Call, module: str, name: str) -> ast.expr:
        """A function of NumPy or math as the library's own, where it has one."""
        package, _, part = module.partition(".")
        if package not in ("numpy", math.__name__):
            return self._inside(node)
        if name in ("asarray", "array", "ascontiguousarray") and node.args:
            return self.written(node.args[0])
        if name in ("float32", "float64", "int32", "int64") and len(node.args) == 1:
            return self.op("astype", self.written(node.args[0]), ast.Constant(name))
        ours = [part] * bool(part) + [_RENAMED.get(name, name)]
        held: Any = sys.modules.get("tapegraph")
        function: ast.expr = ast.Name(self.site.tg, ast.Load())
        for word in ours:
            held, function = getattr(held, word, None), ast.Attribute(function, word, ast.Load())
        if not callable(held):
            self.refused.append(f"the library has no {name}() of its own")
            return self._inside(node)
        return ast.Call(function, [self.written(a) for a in node.args], node.keywords)

    def _inside(self, node: ast.expr) -> ast.expr:
        found = self.generic_visit(node)
        assert isinstance(found, ast.expr)
        return found

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        return node  # what its parameters stand for is not known


def _lambda(body: ast.expr) -> ast.expr:
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), body)
