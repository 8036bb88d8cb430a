"""Small graphs made from Python functions, and arrays to run them on."""

from __future__ import annotations

import inspect

import numpy as np
from rule_cases import INPUTS

from engine import dispatch
from graph.builder import Builder
from graph.graph import Graph
from graph.promise import operand
from graph.trace import Trace


def graph_of(function, dtype="float32") -> Graph:
    """The graph of a function of the inputs that its parameters name."""
    trace = Trace()
    with dispatch.interpret(Builder(trace, grad_enabled=False)):
        inputs = []
        for name in inspect.signature(function).parameters:
            shape, kind = INPUTS[name]
            inputs.append(trace.input(name, shape, np.dtype({"f": dtype, "b": "bool", "k": "int64"}[kind])))
        out = function(*inputs)
    return trace.finish([out._record])


def feeds(graph: Graph, seed: int, style: str) -> dict[str, np.ndarray]:
    """Arrays for the inputs. style: "special" (every value one), "sparse" (one in 24), "finite" (moderate), "integers"."""
    rng = np.random.default_rng(seed)
    found = {}
    for record in graph.inputs:
        name, shape = record.attrs["name"], record.shape
        if record.dtype == bool:
            found[name] = rng.uniform(size=shape) < 0.5
        elif name == "k":
            found[name] = rng.integers(-7, 8, shape)
        elif style == "integers":
            found[name] = rng.integers(-9, 9, shape).astype(record.dtype)
        else:
            found[name] = operand(rng, shape, record.dtype, style)
    return found
