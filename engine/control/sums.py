"""Sums of products taken out of a scan: what each step adds to a carry is added up by one product behind the loop.

The gradient of a weight that every step uses is such a sum. One product of all steps' rows keeps the BLAS busy where a
small one at each step does not, and the carry need not be read and written at each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.control.body import Body
from engine.op import OPS, apply
from engine.ops.arithmetic import add
from engine.ops.linalg import matmul
from engine.ops.shape import permute_dims, reshape
from engine.record import Record, needed
from engine.sizes import product

_PASSED = ("permute_dims", "reshape", "mark")  # a sum of these is these of the sum


@dataclass(frozen=True)
class Sum:
    """Carry ``number`` grows by ``term`` at each step: a product or a sum (``base``), then views of it."""

    number: int
    base: Record
    views: tuple[Record, ...]

    @property
    def rows(self) -> list[Record]:
        """What must be known of each step."""
        return (
            [_untransposed(self.base.args[0]), self.base.args[1]]
            if self.base.op.name == "matmul"
            else [self.base.args[0]]
        )


def _untransposed(record: Record) -> Record:
    turned = record.op.name == "permute_dims" and record.attrs["axes"] == (1, 0)
    return record.args[0] if turned else record


def found_in(body: Body, consts: int, carries: int) -> list[Sum]:
    """The carries of a scan that only add up products or sums."""
    uses: dict[Record, int] = {}
    for record in (*(a for r in body.nodes for a in r.args), *body.outputs):
        uses[record] = uses.get(record, 0) + 1
    found = []
    for number in range(carries):
        leaf, out = body.inputs[consts + number], body.outputs[number]
        if out.op.name != "add" or leaf not in out.args or uses.get(leaf) != 1 or uses.get(out) != 1:
            continue
        (base,) = [a for a in out.args if a is not leaf]
        views: list[Record] = []
        while base.op.name in _PASSED:
            views.append(base)
            base = base.args[0]
        flat = base.op.name == "matmul" and all(len(a.shape) == 2 for a in base.args)
        if base.shape and out.shape == leaf.shape and (flat or base.op.name == "sum"):
            found.append(Sum(number, base, tuple(reversed(views))))
    return found


def without(body: Body, consts: int, carries: int, sums: Sequence[Sum]) -> tuple[Body, list[Record]]:
    """The body that leaves the sums' carries out and gives the rows they need, unless it does, behind its outputs."""
    gone = {s.number for s in sums}
    inputs = [r for i, r in enumerate(body.inputs) if i - consts not in gone or i < consts]
    kept = [r for i, r in enumerate(body.outputs) if i not in gone]
    known = {*body.inputs[consts + carries :], *body.outputs[carries:]}
    rows = list(dict.fromkeys(r for s in sums for r in s.rows if r not in known))
    outputs = [*kept, *rows]
    nodes = sorted({*needed(outputs), *inputs}, key=lambda r: r.serial)
    return Body(inputs, nodes, outputs), rows


def total(item: Sum, stacked: dict[Record, Any], start: Any) -> Any:
    """The last value of a carry from the rows of all steps, stacked along a first axis, and its first value."""
    if item.base.op.name == "matmul":
        left, right = item.rows
        first, second = stacked[left], stacked[right]
        second = reshape(second, (product(second.shape[:2]), second.shape[2]))
        if left is item.base.args[0]:
            m = left.shape[0]
            whole = matmul(
                reshape(permute_dims(first, (1, 0, 2)), (m, product((first.shape[0], first.shape[2])))), second
            )
        else:
            whole = matmul(permute_dims(reshape(first, (product(first.shape[:2]), first.shape[2])), (1, 0)), second)
    else:
        axes = (0, *(a + 1 for a in item.base.attrs["axis"]))
        whole = reshape(apply(OPS["sum"], stacked[item.rows[0]], axis=axes), item.base.shape)
    for view in item.views:
        whole = apply(OPS[view.op.name], whole, **view.attrs)
    return add(start, whole)
