"""Shapes of a call: from the shapes of its arrays the named sizes, and from those every number the table needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.plan import Plan
from engine.errors import FeedError, Trap, trapped
from engine.evaluation import Numbers, Sizing
from engine.ops.slices import check_slice
from engine.sizes import Dim, Shape, evaluated, static_shape
from engine.spec import Spec
from graph import reference


class Shapes:
    """The sizes of a plan's inputs and outputs, and what must hold of them."""

    def __init__(self, plan: Plan, sizing: Sizing) -> None:
        self.graph = plan.graph
        self.sizing = sizing
        self.names = [r.attrs["name"] for r in plan.graph.inputs]
        wanted = [r.shape for r in plan.graph.inputs]
        self.found = [(name, i, axis) for name, (i, axis) in _plain_names(wanted).items()]
        self.wanted = self._rows(wanted)
        self.outputs = [self._rows([p.shape]) for p in plan.outputs]
        self.slices = [
            r for r in plan.graph.nodes if r.op.name in ("slice", "slice_set") and not static_shape(r.args[0].shape)
        ]

    def _rows(self, shapes: Sequence[Shape]) -> Numbers:
        return np.array([self.sizing.row(n) for shape in shapes for n in shape], np.int64)

    def solve(self, shapes: Sequence[tuple[int, ...]]) -> tuple[dict[str, int], Numbers]:
        """The values of the named sizes and of all sizes; raises FeedError where an input does not fit."""
        if len(shapes) != len(self.names):
            raise FeedError(
                f"takes {len(self.names)} inputs ({', '.join(self.names)}), got {len(shapes)}", op="compiled function"
            )
        flat = [n for shape in shapes for n in shape]
        try:
            sizes = {name: shapes[i][axis] for name, i, axis in self.found}
            values = self.sizing.values(sizes)
            if values[self.wanted].tolist() == flat:
                return sizes, values
        except (IndexError, KeyError):
            pass  # too few axes, or a name that stands in sums and products only
        try:
            sizes = reference.solve_sizes(self.graph, dict(zip(self.names, shapes, strict=True)))
        except FeedError as mistake:
            raise FeedError(mistake.problem, op="compiled function") from None
        return sizes, self.sizing.values(sizes)

    def check(self, sizes: dict[str, int]) -> None:
        """Raise IndexRangeError where, for these sizes, a slice or an index by number reaches outside its array."""
        for record in self.slices:
            attrs = evaluated(record.attrs, sizes)
            try:
                check_slice(evaluated(record.args[0].shape, sizes), **attrs)
            except Trap as trap:
                operands = [Spec(evaluated(a.shape, sizes), a.dtype) for a in record.args[:1]]
                raise trapped(trap, record.op.name, operands, record.origin) from None


def _plain_names(shapes: Sequence[Shape]) -> dict[str, tuple[int, int]]:
    """Where each name stands alone, as the size of an axis."""
    found: dict[str, tuple[int, int]] = {}
    for i, shape in enumerate(shapes):
        for axis, n in enumerate(shape):
            if isinstance(n, Dim) and len(names := n.names()) == 1 and n.terms == Dim(name := names.pop()).terms:
                found.setdefault(name, (i, axis))
    return found
