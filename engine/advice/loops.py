"""A loop whose length is a value, as while_loop: its body as a function of what it carries."""

from __future__ import annotations

import ast
from typing import Any

from engine.advice.blocks import bound, free, function, hindrances, packed
from engine.advice.branches import Rewritten
from engine.advice.expressions import Rewriter
from engine.advice.site import Site, read
from engine.definition import position


def repeat(site: Site, node: ast.While, dtype: Any) -> Rewritten:
    """``while`` as ``while_loop``."""
    rewriter = Rewriter(site)
    test = ast.unparse(rewriter.condition(node.test, dtype))
    carried, hinder = _carried(site, node, read(node.test))
    hinder += rewriter.refused
    if not carried:
        hinder.append("nothing that the loop changes is used")
        carried = ["value"]
    return _loop(site, carried, test, node.body, packed(carried), packed(carried), node), position(node)[2], hinder


def count(site: Site, node: ast.For) -> Rewritten:
    """``for i in range(n)`` with a value for n as ``while_loop``."""
    rewriter = Rewriter(site)
    carried, hinder = _carried(site, node, set())
    match node.iter:
        case ast.Call(func=ast.Name(id="range"), args=[stop]):
            start: ast.expr = ast.Constant(0)
            step: ast.expr = ast.Constant(1)
        case ast.Call(func=ast.Name(id="range"), args=[start, stop]):
            step = ast.Constant(1)
        case ast.Call(func=ast.Name(id="range"), args=[start, stop, step]):
            pass
        case _:
            return "", position(node)[2], ["the loop goes over what has no length in the graph"]
    if not isinstance(node.target, ast.Name):
        return "", position(node)[2], ["the loop counts in more than one name"]
    number = node.target.id
    if number in site.live(node) - read(node):
        hinder.append(f"{number} is used after the loop")
    sign = "<"
    match step:
        case ast.UnaryOp(op=ast.USub()):
            sign = ">"
        case ast.Constant():
            pass
        case _:
            hinder.append("the sign of the step is not known")
    carried = [name for name in carried if name != number]
    test = f"{number} {sign} {ast.unparse(rewriter.written(stop))}"
    names = [number, *carried]
    after = ", ".join([f"{number} + {ast.unparse(step)}", *carried])
    first = ", ".join([ast.unparse(start), *carried])
    code = _loop(site, names, test, node.body, after, first, node)
    return code, position(node)[2], hinder + rewriter.refused


def _loop(
    site: Site, carried: list[str], test: str, body: list[ast.stmt], after: str, first: str, node: ast.stmt
) -> str:
    going, step = free(site, "going"), free(site, "step")
    several = len(carried) > 1
    parameter = free(site, "carry") if several else carried[0]
    unpack = [f"{packed(carried)} = {parameter}"] if several else []
    init = f"({first})" if several else first
    return "\n".join(
        [
            function(going, parameter, unpack, test),
            function(step, parameter, [*unpack, *body], after),
            f"{packed(carried)} = {site.tg}.while_loop({going}, {step}, {init})",
        ]
    )


def _carried(site: Site, node: ast.For | ast.While, tested: set[str]) -> tuple[list[str], list[str]]:
    """What a loop hands from step to step: what it changes, was there before, and is read again."""
    changed, before, live = bound(node.body), site.before(node), site.live(node)
    hinder = hindrances(site, node.body)
    if node.orelse:
        hinder.append("else after a loop")
    carried = [name for name in changed if name in before]
    for name in changed:
        if name not in before and name in live:
            hinder.append(f"{name} is set inside the loop only: set it before the loop")
        if name not in before and name in tested:
            hinder.append(f"{name} is not there when the loop begins")
    return carried, hinder
