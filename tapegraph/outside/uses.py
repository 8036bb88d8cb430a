"""The names outside itself that a function's source reads, writes to and calls."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from types import CodeType
from typing import NamedTuple

from engine.definition import Function, bound_names, position, source_tree

Chain = tuple[str, ...]  # a name and what follows: ("self", ".config", "['rate']")
At = tuple[int, int, int, int]  # first line, first byte, last line, last byte: as an instruction's position has them

MUTATORS = frozenset(
    {"append", "appendleft", "extend", "insert", "add", "update", "setdefault", "pop", "popleft", "popitem", "remove"}
    | {"discard", "clear", "write", "writelines"}
)


class Write(NamedTuple):
    """One statement that changes something outside. ``again``: what is there before is part of what is there after.

    ``guards``: the chains that conditions around it name; a cache is filled under a condition on the cache.
    """

    chain: Chain
    at: At
    again: bool
    guards: frozenset[Chain]


@dataclass
class Uses:
    """What one function uses of the world outside: each chain with the place of its first use."""

    reads: dict[Chain, At] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    calls: dict[Chain, list[At]] = field(default_factory=dict)


_NOTHING = Uses()
_known: dict[CodeType, Uses] = {}


def uses_of(code: CodeType) -> Uses:
    """What the source of this code uses; nothing where there is no source."""
    found = _known.get(code)
    if found is None:
        tree = source_tree(code)
        found = _NOTHING if tree is None else _Reader(tree).uses
        _known[code] = found
    return found


def chain_of(node: ast.AST) -> Chain | None:
    """``a.b["c"]`` as a chain; None for anything else."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name):
            inner = chain_of(value)
            return None if inner is None else (*inner, f".{name}")
        case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as key)):
            inner = chain_of(value)
            return None if inner is None else (*inner, f"[{key!r}]")
    return None


class _Reader(ast.NodeVisitor):
    """Walks through a function once. Locals that stand for one chain from outside are followed, others end there."""

    def __init__(self, tree: Function) -> None:
        self.uses = Uses()
        self._inner: list[set[str]] = []  # what functions inside the function bind
        self._guards: list[frozenset[Chain]] = []
        _, self._locals, _ = bound_names(tree)
        self._alias: dict[str, Chain | None] = {}
        for statement in tree.body if isinstance(tree.body, list) else [tree.body]:
            self.visit(statement)

    def _outside(self, node: ast.AST) -> Chain | None:
        """The chain from outside that an expression stands for."""
        chain = chain_of(node)
        if chain is None or any(chain[0] in names for names in self._inner):
            return None
        if chain[0] in self._locals:
            alias = self._alias.get(chain[0])
            return None if alias is None else (*alias, *chain[1:])
        return chain

    def _write(self, target: ast.expr, at: At, again: bool) -> None:
        match target:
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self._write(part, at, again)
                return
            case ast.Subscript(value=value) if chain_of(target) is None:
                target = value  # counts[key] = ...
        if isinstance(target, ast.Name) and target.id in self._locals:
            return
        chain = self._outside(target)  # a bare name that is bound nowhere here is one declared global or nonlocal
        if chain is not None:
            self.uses.writes.append(Write(chain, at, again, frozenset().union(*self._guards)))

    def _mentions(self, node: ast.AST) -> frozenset[Chain]:
        found = (self._outside(n) for n in ast.walk(node))
        return frozenset(c for c in found if c is not None)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        seen = self._mentions(node.value)
        for target in node.targets:
            self._write(target, position(target), (self._outside(target) or ("",)) in seen)
            if not isinstance(target, ast.Name):
                self.visit(target)
            elif target.id in self._locals and not self._inner:
                known = target.id in self._alias
                self._alias[target.id] = None if known else self._outside(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self._write(node.target, position(node), True)
        self._read(node.target)
        if isinstance(node.target, ast.Name):
            self._alias[node.target.id] = None

    def visit_If(self, node: ast.If | ast.While | ast.IfExp) -> None:
        self.visit(node.test)
        self._guards.append(self._mentions(node.test))
        for part in ast.iter_child_nodes(node):
            if part is not node.test:
                self.visit(part)
        self._guards.pop()

    visit_While = visit_IfExp = visit_If

    def visit_Call(self, node: ast.Call) -> None:
        chain = self._outside(node.func)
        if chain is not None:
            self.uses.calls.setdefault(chain, []).append(position(node))
            if len(chain) > 1 and chain[-1][1:] in MUTATORS:
                self.uses.writes.append(Write(chain[:-1], position(node), True, frozenset().union(*self._guards)))
        self.generic_visit(node)

    def _read(self, node: ast.AST) -> None:
        chain = self._outside(node)
        while chain:
            self.uses.reads.setdefault(chain, position(node))  # type: ignore[arg-type]
            chain = chain[:-1]

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node)

    def visit_Attribute(self, node: ast.Attribute | ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node)
        self.generic_visit(node)

    visit_Subscript = visit_Attribute

    def _visit_inside(self, node: Function) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        parameters, bound, _ = bound_names(node)
        self._inner.append({*parameters, *bound})
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(part)
        self._inner.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_inside

    def visit_comprehension_scope(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        names = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        self._inner.append(names)
        self.generic_visit(node)
        self._inner.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_scope
