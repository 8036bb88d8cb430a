"""Rewrite rules of your own: put among those of a phase, and held to their promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dispatch
from engine.errors import ArgumentError
from engine.op import as_handle
from graph.builder import Builder
from graph.graph import Graph
from graph.phases import PHASES, Phase
from graph.promise import STYLES, broken, operand
from graph.reference import run
from graph.rewrite import rewrite, why_not
from graph.rulebook import Rule, Rulebook
from graph.trace import Trace

Array = np.ndarray[Any, Any]


def rule(
    fidelity: str, *, phase: str = "stabilise", where: Callable[..., Any] | None = None, **promise: Any
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rewrite rule of the function below, which returns the left and the right side of an equation.

        @extend.rule("rounding", cures="1 - x rounds x away")
        def log_of_one_minus(x):
            return ops.log(1 - x), ops.log1p(-x)

    The function's parameters stand for any values, one annotated ``Const`` for a constant, ``Attr`` for an attribute;
    operations are those of ``extend.ops``. Every graph that is compiled from now on is rewritten from left to right.

    fidelity  "bitwise", "rounding" or "finite": what it promises of the values (see ``tg.compile``)
    phase     whose rules it joins: "canonical", "stabilise" or "strength"
    where     a guard over the same parameters: True, or the reason why not
    promise   ``cures="..."``, what the left side suffers from, so that the right may be finite where the left is not;
              ``zeros=True``, zeros may change their sign; ``integers=True``, exact on integers; ``measure=function``
              of a record, a number that each use lowers, where the order of ops does not prove that rewriting ends

    Raises RuleError where rewriting might never end or the sides do not fit together, ArgumentError for an unknown phase.
    ``tapegraph.testing.check_rule`` tests the promise; ``extend.forget`` takes the rule out again.
    """
    return _book(phase).rule(fidelity, where=where, **promise)


def forget(rule: Rule) -> None:
    """Take a rule of yours out again. What was compiled with it stays as it is. Raises ArgumentError for one not in use."""
    for book in _books().values():
        if book.rules.get(rule.name) is rule:
            book.forget(rule)
            return
    raise ArgumentError(f"no phase has the rule {rule.name}", op="extend.forget")


def _books() -> dict[str, Rulebook]:
    return {phase.name: phase.book for phase in PHASES if isinstance(phase, Phase)}


def _book(phase: str) -> Rulebook:
    if phase not in _books():
        raise ArgumentError(f"there is no phase {phase!r}", op="extend.rule", fix=f"it is one of {', '.join(_books())}")
    return _books()[phase]


def check_rule(rule: Rule, program: Callable[..., Any], *shapes: tuple[int, ...], seeds: int = 3) -> None:
    """Hold a rewrite rule to its promise, on a program that it rewrites.

    ``program`` is traced on float inputs of these ``shapes``, in float32 and float64, and computed by NumPy's kernels
    with and without the rule, on ordinary values and (but for "finite") on NaN, infinities, subnormals and zeros of
    both signs. Raises AssertionError where the rule does not fire, and where results differ by more than it promises.
    """
    for dtype in ("float32", "float64"):
        graph = _traced(program, shapes, dtype)
        alone = Rulebook(rule.name)
        alone.rules[rule.name] = rule
        after, firings = rewrite(graph, alone, rule.fidelity)
        if not firings:
            reasons = dict.fromkeys(why_not(rule, record, graph) for record in graph.nodes if record.op in rule.heads)
            raise AssertionError(
                f"rule {rule.name} does not fire: {'; '.join(reasons) or why_not(rule, graph.nodes[-1])}"
            )
        for style in STYLES[rule.fidelity]:
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                given = {r.attrs["name"]: operand(rng, r.shape, dtype, style) for r in graph.inputs}
                _compare(rule, graph, after, given)


def _traced(program: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], dtype: str) -> Graph:
    trace = Trace()
    with dispatch.interpret(Builder(trace, grad_enabled=False)):
        inputs = [trace.input(f"x{i}", shape, np.dtype(dtype)) for i, shape in enumerate(shapes)]
        result = as_handle(program(*inputs))
    return trace.finish([result._record])


def _compare(rule: Rule, before: Graph, after: Graph, given: dict[str, Array]) -> None:
    left, right = run(before, given).outputs[0], run(after, given).outputs[0]
    found = broken(rule.fidelity, left, right, cured=bool(rule.cures), zeros=rule.zeros)
    if found:
        raise AssertionError(f"rule {rule.name} promises {rule.fidelity!r}, in {left.dtype.name}: {found}")
