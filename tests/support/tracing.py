"""The graph of a function, for tests that run graphs by other means than the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tapegraph as tg
from engine import dispatch, tree
from graph.builder import Builder
from graph.graph import Graph
from graph.trace import Trace


def traced(run: Callable[[Any], Any], arrays: list[Any]) -> Graph:
    """Its graph, with the sizes of these arrays."""
    trace = Trace()
    with dispatch.interpret(Builder(trace)):
        symbols = [trace.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
        results = [dispatch.current().lift(tg.asarray(y)) for y in tree.leaves(run(symbols))]
    return trace.finish(results)
