"""A graph run by kernels that are plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler import plainly
from compiler.plan import make_plan
from graph.graph import Graph


def run(graph: Graph, arrays: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Its outputs, given its inputs in order; raises as ``plainly.run`` does."""
    return plainly.run(make_plan(graph), arrays).outputs
